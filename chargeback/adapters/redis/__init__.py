"""The counter on Redis."""
