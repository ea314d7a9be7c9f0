"""How the charges are cut into slices of consecutive rows; some slices are written ahead of the one being uploaded."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chargeback.services.publishing.period_engine import PeriodEngine

SLICE_ROWS = 40_000
"""How many finished lines, about 20 MB, are sorted at once."""

_PIECE_BYTES = 1024 * 1024
_AT_ONCE = 3
"""A slice is too small for the engine to share it between cores, so some are made at once."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows `first` to `last` of the charges; the numbers of their dimension sets lie between `lowest` and `highest`."""

    first: int
    last: int
    lowest: int
    highest: int

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.last - self.first + 1

    @property
    def bounds(self) -> dict[str, str | int]:
        """For statements."""
        return {"first": self.first, "last": self.last, "lowest": self.lowest, "highest": self.highest}


def slices(engine: PeriodEngine, rows: int = SLICE_ROWS) -> list[Slice]:
    """The charges in order. A long date is cut, so that a slice needs few dimension sets; short ones come together."""
    ranges: list[tuple[int, int]] = []
    for first, last in engine.run("dates of charges"):
        if ranges and last - ranges[-1][0] < rows:
            ranges[-1] = ranges[-1][0], last
        else:
            ranges += [(start, min(start + rows - 1, last)) for start in range(first, last + 1, rows)]
    return [
        Slice(first, last, *engine.run("dimension sets of slice", {"first": first, "last": last})[0])
        for first, last in ranges
    ]


async def write_ahead(
    parts: Sequence[tuple[int, Callable[[Path], None]]], folder: Path
) -> AsyncIterator[tuple[int, Path]]:
    """Write each part into a file by its function, some ahead: how many rows it holds, and the file; in order."""
    tasks: deque[asyncio.Task[Path]] = deque()
    try:
        for number, (rows, _) in enumerate(parts):
            for index in range(number + len(tasks), min(number + _AT_ONCE, len(parts))):
                tasks.append(_start(parts[index][1], folder / f"part-{index:06}"))
            yield rows, await tasks.popleft()
    finally:
        await asyncio.gather(*tasks, return_exceptions=True)


def _start(write: Callable[[Path], None], file: Path) -> asyncio.Task[Path]:
    async def work() -> Path:
        await asyncio.to_thread(write, file)
        return file

    return asyncio.create_task(work())


def pieces(file: Path) -> Iterator[bytes]:
    """A file, a megabyte at a time."""
    with file.open("rb") as source:
        while piece := source.read(_PIECE_BYTES):
            yield piece
