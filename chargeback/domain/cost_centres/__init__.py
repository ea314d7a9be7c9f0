"""Who pays: the tree of cost centres, the allocation rules, and the budgets of cost centres."""
