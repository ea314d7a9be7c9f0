"""The usage of a period in parts of some whole dates each, of which one at a time is shown to the statements."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chargeback.services.duck.statements import quoted
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.work_files import WorkFiles


@dataclass(frozen=True, slots=True)
class PeriodPart:
    """The charges of some consecutive dates, and a file with their dimension sets, which consecutive parts may share.

    Attributes:
        number: 0, 1 …, in the order of the rows.
        sets: the number of the first part with this file.
    """

    number: int
    sets: int

    @property
    def charges(self) -> str:
        """The name of the file with the charges."""
        return f"part-{self.number:05}.parquet"

    @property
    def dimension_sets(self) -> str:
        """The name of the file with the dimension sets."""
        return f"dimension-sets-{self.sets:05}.parquet"

    @property
    def names(self) -> tuple[str, str]:
        """The names of both files."""
        return self.charges, self.dimension_sets


class PeriodParts:
    """All parts, in the order of the rows."""

    def __init__(self, engine: PeriodEngine, files: WorkFiles) -> None:
        self._engine = engine
        self._files = files
        self._all: list[PeriodPart] = []

    def next(self, *, has_new_sets: bool) -> PeriodPart:
        """The part that comes after those that are there; its new files are still to be made in the engine's folder.

        `has_new_sets`: whether it has dimension sets that the part before it does not have.
        """
        number = len(self._all)
        return PeriodPart(number, number if has_new_sets else self._all[-1].sets)

    async def add(self, part: PeriodPart) -> None:
        """Keep a part whose files are made."""
        for name in _new_names(part, self._all[-1:]):
            await self._files.put(self._engine.folder / name)
        self._all.append(part)

    async def each(self) -> AsyncIterator[PeriodPart]:
        """One part after the other; meanwhile `charges` and `dimension_sets` are those of this part."""
        for part in self._all:
            async with self.shown(part):
                yield part

    async def each_to_the_last(self) -> AsyncIterator[PeriodPart]:
        """Like `each`, and a part is dropped when it was shown."""
        while self._all:
            part = self._all[0]
            async with self.shown(part):
                yield part
            del self._all[0]
            await self._files.drop(_new_names(part, self._all[:1]))

    @asynccontextmanager
    async def shown(self, part: PeriodPart) -> AsyncIterator[None]:
        """Let `charges` and `dimension_sets` be those of this part while the context lasts."""
        async with self._files.local(part.names) as (charges, dimension_sets):
            await asyncio.to_thread(
                self._engine.run, "show part", charges=quoted(charges), dimension_sets=quoted(dimension_sets)
            )
            yield


def _new_names(part: PeriodPart, neighbours: Sequence[PeriodPart]) -> list[str]:
    """The names of the files of a part that its neighbours do not have."""
    return [name for name in part.names if not any(name in other.names for other in neighbours)]
