"""Checks on a live deployment what only Azure can show: each point is a function that says what it saw."""
