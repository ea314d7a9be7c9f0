"""The documents of billing periods: their only owner."""
