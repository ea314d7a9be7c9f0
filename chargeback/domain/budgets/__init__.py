"""Budgets: whom they limit and for how long, how much is left, and which of their steps are reached."""
