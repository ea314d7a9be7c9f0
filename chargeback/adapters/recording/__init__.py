"""Stores that stand before others and write the audit log before something is changed."""
