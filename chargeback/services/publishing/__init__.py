"""From the books' records to the rows of a period, and from these to its chargeback files."""
