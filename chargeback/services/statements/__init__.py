"""Writes a statement for each cost centre, as CSV and as a page that prints."""
