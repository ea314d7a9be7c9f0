"""Fetches the published rows of a period as a local Parquet file."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from chargeback.domain.errors import Conflict
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.layout import charges_path, period_of_charges
from chargeback.domain.time.months import Month
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import Control
from chargeback.services.ports.reports import Reports


@dataclass(frozen=True, slots=True)
class Published:
    """Where the published rows of periods are.

    Attributes:
        reports: where those of open periods are.
        closed: where those of closed ones are.
    """

    control: Control
    reports: Reports
    closed: Reports

    async def is_closed(self, period: Month) -> bool:
        """Whether a period is closed."""
        known, _ = await PeriodDocuments(self.control).get(period)
        return known.state is PeriodState.CLOSED

    async def fetch(self, period: Month, folder: Path) -> Path:
        """The rows of a period as a local file; raises `Conflict` if it was never published."""
        is_closed = await self.is_closed(period)
        store = self.closed if is_closed else self.reports
        name = charges_path(period)
        if name not in await store.paths(name):
            raise Conflict(
                f"{period} is closed, and its files are still on their way:"
                f" `chargeback periods close {period}` finishes that"
                if is_closed
                else f"{period} was never published: run `chargeback publish {period}` first"
            )
        local = folder / f"{period}.parquet"
        with local.open("wb") as file:
            async for piece in store.read(name):
                await asyncio.to_thread(file.write, piece)
        return local

    async def closed_between(self, first: Month, before: Month) -> list[Month]:
        """The closed periods from one on and before another, ascending."""
        closed = await PeriodDocuments(self.control).closed()
        return [each.month for each in closed if first <= each.month < before]

    async def later(self, period: Month) -> list[Month]:
        """The published periods after a closed one, which may carry corrections of it."""
        if not await self.is_closed(period):
            return []
        paths = [*await self.reports.paths(""), *await self.closed.paths("")]
        return sorted({found for path in paths if (found := period_of_charges(path)) and found > period})
