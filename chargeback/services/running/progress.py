"""How long work tells how far it is: one kind of callback for every service, and one for callers who do not ask."""

from collections.abc import Callable

Progress = Callable[[str, int], None]
"""Told what is being done and how much of it is done so far, such as ("reading", 4000) rows."""


def ignore_progress(doing: str, done: int) -> None:
    """The progress of callers who do not ask for it."""
