"""Compares a period with the provider's invoice, and charges the difference as a true-up."""
