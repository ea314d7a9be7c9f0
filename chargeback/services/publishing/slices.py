"""How the charges of a part are cut into slices of consecutive rows; some slices are made ahead of the one in use."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chargeback.domain.time.days import BookDate
from chargeback.services.publishing.period_engine import PeriodEngine

SLICE_ROWS = 40_000
"""How many finished lines, about 20 MB, are sorted at once."""

BIN_ROWS = 600_000
"""Cost centres with so many rows form a bin: its rows are later read together, and no slice has rows of two."""

_PIECE_BYTES = 1024 * 1024
_AT_ONCE = 2
"""A slice is too small for the engine to share it between cores, so some are made at once."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows `first` to `last` of a part; the numbers of their dimension sets lie between `lowest` and `highest`.

    Attributes:
        dates: the first and the last.
        centres: the cost centres lie between these two.
    """

    first: int
    last: int
    lowest: int
    highest: int
    dates: tuple[BookDate, BookDate]
    centres: tuple[str, str]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.last - self.first + 1

    @property
    def bounds(self) -> dict[str, str | int]:
        """For statements."""
        return {"first": self.first, "last": self.last, "lowest": self.lowest, "highest": self.highest}


def slices(engine: PeriodEngine) -> list[Slice]:
    """The charges of the part that is shown, in order: long ranges are cut, short ones come together."""
    found: list[Slice] = []
    last_bin = -1
    for first, last, lowest, highest, date, number, *centres in engine.run("ranges of part"):
        if found and number == last_bin and last - found[-1].first < SLICE_ROWS:
            found[-1] = _together(found[-1], last, (lowest, highest), date, centres)
        else:
            found += [
                Slice(start, min(start + SLICE_ROWS - 1, last), lowest, highest, (date, date), (centres[0], centres[1]))
                for start in range(first, last + 1, SLICE_ROWS)
            ]
        last_bin = number
    return found


def _together(known: Slice, last: int, sets: tuple[int, int], date: BookDate, centres: Sequence[str]) -> Slice:
    between = min(known.centres[0], centres[0]), max(known.centres[1], centres[1])
    lowest, highest = min(known.lowest, sets[0]), max(known.highest, sets[1])
    return Slice(known.first, last, lowest, highest, (known.dates[0], date), between)


async def made_ahead(makes: Sequence[Callable[[Path], None]], files: Sequence[Path]) -> AsyncIterator[Path]:
    """Make each file by its function, some ahead; in order."""
    tasks: deque[asyncio.Task[Path]] = deque()
    try:
        for number in range(len(makes)):
            for index in range(number + len(tasks), min(number + _AT_ONCE, len(makes))):
                tasks.append(_start(makes[index], files[index]))
            yield await tasks.popleft()
    finally:
        await asyncio.gather(*tasks, return_exceptions=True)


def _start(make: Callable[[Path], None], file: Path) -> asyncio.Task[Path]:
    async def work() -> Path:
        await asyncio.to_thread(make, file)
        return file

    return asyncio.create_task(work())


def pieces(file: Path) -> Iterator[bytes]:
    """A file, a megabyte at a time."""
    with file.open("rb") as source:
        while piece := source.read(_PIECE_BYTES):
            yield piece
