"""The routes of budgets: how they stand, who changed them, and changing them."""
