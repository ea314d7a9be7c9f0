"""From usage events to the books: ingest, count, post, settle, audit."""
