"""How a period is charged beyond its usage: shared costs, exchange rates, budgets, true-ups."""
