"""Exact amounts, and shares that sum to one."""
