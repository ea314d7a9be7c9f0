"""The callback with which every service reports its progress, and one that ignores it."""

from collections.abc import Callable

Progress = Callable[[str, int], None]
"""Called with what is being done and how much of it is done so far, such as ("reading", 4000) for rows."""


def ignore_progress(doing: str, done: int) -> None:
    """The progress of callers who do not ask for it."""
