"""The real stores, behind small servers that check roles and tokens as Azure does."""
