"""Budgets: whom they limit and for how long, what is left of them, and which step of theirs is reached."""
