"""The counter of the open days on Redis."""
