"""Keeps the answers of SQL over files that never change, for whoever asks the same again."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

MOST_ROWS = 20_000
"""The rows of all answers together; one takes about a kilobyte of memory."""

MOST_ROWS_OF_ONE = 2_000
"""The rows of one answer: longer ones are read page after page, and nobody reads a page twice."""

Rows = Sequence[Mapping[str, Any]]


class RecentAnswers:
    """The rows that were asked for lately.

    A question is told apart by everything that its rows depend on: its SQL, the values in it, what its reader may see,
    and the digests of the files. So an answer is never out of date, and nobody gets one that is for somebody else.
    """

    def __init__(self, most_rows: int = MOST_ROWS, most_of_one: int = MOST_ROWS_OF_ONE) -> None:
        self._most_rows = most_rows
        self._most_of_one = most_of_one
        self._kept: OrderedDict[bytes, Rows] = OrderedDict()  # what was asked for last comes last
        self._rows = 0

    def find(self, question: bytes) -> Rows | None:
        """The rows, if they are kept."""
        rows = self._kept.get(question)
        if rows is not None:
            self._kept.move_to_end(question)
        return rows

    def keep(self, question: bytes, rows: Rows) -> None:
        """Keep an answer instead of those that were asked for longest ago."""
        self._rows -= _size(self._kept.pop(question, None))
        if len(rows) > self._most_of_one:
            return
        self._kept[question] = rows
        self._rows += _size(rows)
        while self._rows > self._most_rows:
            _, oldest = self._kept.popitem(last=False)
            self._rows -= _size(oldest)

    def clear(self) -> None:
        """Keep none."""
        self._kept.clear()
        self._rows = 0


def question_of(*parts: object) -> bytes:
    """What tells a question apart: equal parts have equal representations, and others have others."""
    return sha256(repr(parts).encode()).digest()


def _size(rows: Rows | None) -> int:
    """An answer without rows takes room, too."""
    return 0 if rows is None else len(rows) + 1
