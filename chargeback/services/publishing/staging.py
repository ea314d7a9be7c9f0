"""Loads the charges of a period day by day and narrows them, part by part.

Dates that are complete are arranged and put away, so that neither memory nor disk holds more than some of them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.services.duck.statements import column_list, quoted
from chargeback.services.parquet.row_groups import rows_in
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.running.progress import Progress

PART_ROWS = 500_000
"""Dates are arranged together until they have so many charges."""

SETS_AT_ONCE = 50_000
"""How many dimension sets with all their strings are grouped, or sorted, at once."""

_AFTER_ALL = BookDate("9999-12-31")
_SET_COLUMNS = (
    "subscription_id", "product_id", "apim_user_id", "tenant_id", "app_id", "user_object_id", "user", "company",
    "billing_code", "operation", "provider", "model", "deployment", "backend", "service_tier", "variant",
    "line_state", "deployment_type", "region", "cost_centre", "allocation_rule",
)  # fmt: skip


class BookedDays(Protocol):
    """Gives the charges of a day of the books, whichever store they are in; see `services.settled.settled_days`."""

    def rows(self, day: UtcDay) -> AbstractAsyncContextManager[Path | None]:
        """A file with the columns of `domain.reports.settled`, while the context lasts; None: nothing is there."""


Arrange = Callable[[BookDate], Awaitable[None]]
"""Arranges what is staged of the dates before this one."""


async def stage(
    engine: PeriodEngine,
    books: BookedDays,
    days: Sequence[UtcDay],
    dates: Sequence[BookDate],
    calendar: Calendar,
    arrange: Arrange,
    progress: Progress,
) -> int:
    """Load the charges of some UTC days that fall on some dates; tells how many."""
    await asyncio.to_thread(engine.run, "staging tables")
    loaded = arranged = 0
    complete = BookDate("")
    for day, following in pairwise([*days, None]):
        assert day is not None
        async with books.rows(day) as file:
            is_empty = file is None or await asyncio.to_thread(rows_in, file) == 0
            if file is not None and not is_empty:
                await asyncio.to_thread(_load, engine, file, dates)
        if is_empty and following:
            continue
        before = min(calendar.dates(following)) if following else _AFTER_ALL
        staged, waiting, first = (await asyncio.to_thread(engine.run, "size of staged", {"before": before}))[0]
        if first and first < complete:
            raise ValueError(f"a record of {day} has usage of {first}, which is not a date of that day: post it again")
        if staged + arranged > loaded:
            loaded = staged + arranged
            progress("reading", loaded)
        if waiting and (waiting >= PART_ROWS or following is None):
            engine.require_room(waiting)
            await arrange(before)
            await asyncio.to_thread(engine.run, "forget staged", {"before": before})
            complete = before
            arranged += waiting
    await asyncio.to_thread(engine.run, "drop staging")
    return loaded


def _load(engine: PeriodEngine, file: Path, dates: Sequence[BookDate]) -> None:
    listed = ", ".join(f"DATE {quoted(date)}" for date in dates)
    new_sets = int(engine.run("show day", file=quoted(file), dates=f"charge_date IN ({listed})")[0][0])
    turns = -(-new_sets // SETS_AT_ONCE)
    filled = ", ".join(f"coalesce(\"{name}\", '')" for name in _SET_COLUMNS)
    for turn in range(turns):
        values = {"turns": turns, "turn": turn}
        engine.run("add dimension sets", values, columns=column_list(_SET_COLUMNS), filled=filled)
    engine.run("add charges")
