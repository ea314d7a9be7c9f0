"""Writes a statement for each cost centre, as a CSV and as a page to print."""
