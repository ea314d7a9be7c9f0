"""The rounded rows of a period as Parquet files of some rows each, which are read some at a time."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

_ROWS_AT_ONCE = 500_000

Local = Callable[[Sequence[str]], AbstractAsyncContextManager[list[Path]]]
"""Gives files by their names, on disk while its context lasts."""


@dataclass(frozen=True, slots=True)
class RowSlice:
    """A file of rows.

    Attributes:
        dates: no row has an earlier date than the first of these or a later one than the second.
        centres: likewise of their cost centres.
        is_usage: whether all of them are usage.
    """

    name: str
    rows: int
    dates: tuple[str, str]
    centres: tuple[str, str]
    is_usage: bool


class RowSlices:
    """All rows of a period, in the order of the chargeback CSV."""

    def __init__(self, slices: Sequence[RowSlice], local: Local) -> None:
        self._slices = slices
        self._local = local

    async def each(self) -> AsyncIterator[list[Path]]:
        """All files, some at a time; each row comes once."""
        async for files in self._files(self._slices):
            yield files

    async def without_usage(self) -> AsyncIterator[list[Path]]:
        """Those among all files that may have rows that are not usage, some at a time."""
        async for files in self._files([each for each in self._slices if not each.is_usage]):
            yield files

    async def _files(self, slices: Sequence[RowSlice]) -> AsyncIterator[list[Path]]:
        for some in _some(slices):
            async with self._local([each.name for each in some]) as files:
                yield files

    @asynccontextmanager
    async def between(
        self, *, dates: tuple[str, str] | None = None, centres: tuple[str, str] | None = None
    ) -> AsyncIterator[list[Path]]:
        """The files that may have rows with these dates and of these cost centres; both ends are included."""
        names = [
            each.name
            for each in self._slices
            if (dates is None or _overlap(each.dates, dates)) and (centres is None or _overlap(each.centres, centres))
        ]
        async with self._local(names) as files:
            yield files


def no_rows() -> RowSlices:
    """The rows of a period that was never published."""
    return RowSlices((), lambda _: nullcontext([]))


def _some(slices: Sequence[RowSlice]) -> Iterator[list[RowSlice]]:
    some: list[RowSlice] = []
    for each in slices:
        some.append(each)
        if sum(one.rows for one in some) >= _ROWS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _overlap(one: tuple[str, str], other: tuple[str, str]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
