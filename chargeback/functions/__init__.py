"""The triggers of the function app, one blueprint per module."""
