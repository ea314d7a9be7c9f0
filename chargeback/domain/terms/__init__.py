"""The terms, which a period needs in addition to its usage: shared costs, exchange rates, budgets, true-ups."""
