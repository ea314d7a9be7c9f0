"""The state of budgets: how much their scopes spent, what they will end with, and which steps are reached."""
