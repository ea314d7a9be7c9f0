"""Putting a configuration in force, and which days of open periods it changes."""
