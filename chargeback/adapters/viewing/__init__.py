"""Stores as one view of a page sees them: each question asked once."""
