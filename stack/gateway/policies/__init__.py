"""Executes the policy elements, one module per family."""
