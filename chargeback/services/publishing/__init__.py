"""Builds the rows of a period from the books' records, and writes its chargeback files from them."""
