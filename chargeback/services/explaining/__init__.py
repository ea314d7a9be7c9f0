"""Explains an amount down to its usage events."""
