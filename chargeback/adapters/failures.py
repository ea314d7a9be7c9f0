"""Puts the message of a vendor's error on one line."""


def first_line(error: Exception) -> str:
    """The first line of the error's text; a timeout has none, so its type is named."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]
