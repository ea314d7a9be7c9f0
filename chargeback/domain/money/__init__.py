"""Exact amounts of money, and proportions that sum to exactly one."""
