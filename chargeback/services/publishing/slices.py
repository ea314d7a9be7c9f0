"""The charges in slices of consecutive rows, each made in memory while the one before is on its way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chargeback.services.publishing.engine import Engine

SLICE_ROWS = 60_000
"""So many finished lines, about 30 MB, are sorted at once."""

_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows `first` to `last` of the charges; their places lie between `lowest` and `highest`."""

    first: int
    last: int
    lowest: int
    highest: int

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.last - self.first + 1

    @property
    def bounds(self) -> dict[str, str | int]:
        """For statements."""
        return {"first": self.first, "last": self.last, "lowest": self.lowest, "highest": self.highest}


def slices(engine: Engine, rows: int = SLICE_ROWS) -> list[Slice]:
    """The charges in order. A long date is cut, so that few of its places are needed; short ones come together."""
    ranges: list[tuple[int, int]] = []
    for first, last in engine.run("dates of charges"):
        if ranges and last - ranges[-1][0] < rows:
            ranges[-1] = ranges[-1][0], last
        else:
            ranges += [(start, min(start + rows - 1, last)) for start in range(first, last + 1, rows)]
    return [
        Slice(first, last, *engine.run("places of slice", {"first": first, "last": last})[0]) for first, last in ranges
    ]


async def content(
    parts: Sequence[tuple[int, Callable[[Path], None]]], folder: Path
) -> AsyncIterator[tuple[int, bytes]]:
    """The bytes of parts, each written to a file by its function; the next is written while one is read."""
    ahead: asyncio.Task[Path] | None = None
    try:
        for number, (rows, _) in enumerate(parts):
            file = await (ahead or _start(parts, number, folder))
            ahead = _start(parts, number + 1, folder) if number + 1 < len(parts) else None
            for piece in pieces(file):
                yield rows, piece
                rows = 0
            file.unlink()
    finally:
        if ahead is not None:
            await asyncio.wait([ahead])


def _start(parts: Sequence[tuple[int, Callable[[Path], None]]], number: int, folder: Path) -> asyncio.Task[Path]:
    file = folder / f"part-{number % 2}"

    async def write() -> Path:
        await asyncio.to_thread(parts[number][1], file)
        return file

    return asyncio.create_task(write())


def pieces(file: Path) -> Iterator[bytes]:
    """A file, a megabyte at a time."""
    with file.open("rb") as source:
        while piece := source.read(_PIECE_BYTES):
            yield piece
