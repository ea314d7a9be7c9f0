"""The usage of a period in parts of some whole dates each, of which one at a time is shown to the statements."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chargeback.services.duck.statements import quoted
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.work_files import WorkFiles


@dataclass(frozen=True, slots=True)
class PeriodPart:
    """The charges of some consecutive dates, and the dimension sets that they have.

    Attributes:
        number: 0, 1 …, in the order of the rows.
    """

    number: int

    @property
    def charges(self) -> str:
        """The name of the file with the charges."""
        return f"part-{self.number:05}.parquet"

    @property
    def dimension_sets(self) -> str:
        """The name of the file with the dimension sets."""
        return f"dimension-sets-{self.number:05}.parquet"

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

    def next(self) -> PeriodPart:
        """The part that comes after those that are there; its files are still to be made in the engine's folder."""
        return PeriodPart(len(self._all))

    async def add(self, part: PeriodPart) -> None:
        """Keep a part whose files are made."""
        for name in part.names:
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
            await self._files.drop(part.names)
            del self._all[0]

    @asynccontextmanager
    async def shown(self, part: PeriodPart) -> AsyncIterator[None]:
        """Let `charges` and `dimension_sets` be those of this part while the context lasts."""
        async with self._files.local(part.names) as (charges, dimension_sets):
            await asyncio.to_thread(
                self._engine.run, "show part", charges=quoted(charges), dimension_sets=quoted(dimension_sets)
            )
            yield
