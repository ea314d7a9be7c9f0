"""Raises alerts once, and tells everybody who wants to know."""
