"""Budgets at work: what their scopes spent, and how they stand."""
