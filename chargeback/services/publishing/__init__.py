"""Builds the rows of a period from the usage records, and writes its chargeback files from these rows."""
