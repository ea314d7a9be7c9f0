"""Brings usage events into the books: ingest, count, settle, post, audit."""
