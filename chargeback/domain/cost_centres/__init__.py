"""Who pays: the tree of cost centres, the rules that lead to them, and their budgets."""
