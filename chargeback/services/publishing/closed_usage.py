"""Sums the usage of a closed period from the files that billed it, of which only some rows are on disk at a time."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.months import Month
from chargeback.services.duck.engine import Row
from chargeback.services.duck.row_types import row_types
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.row_slices import RowSlices

_MOMENT = timedelta(microseconds=1)
_NEVER = 2**31 - 1

MEASURES = ", ".join(
    [
        "CAST(coalesce(sum(exact_cost), 0) AS DECIMAL(38, 18))",
        *(
            f"CAST(coalesce(sum(quantity) FILTER ({which}), 0) AS HUGEINT)"
            for which in (
                "unit = 'tokens'",
                "meter = 'requests'",
                "unit = 'tokens' AND meter LIKE 'cached%'",
                "unit = 'tokens' AND meter SIMILAR TO 'output.*|reasoning.*'",
            )
        ),
    ]
)
"""Columns of `DirectUsage` in SQL: cost, tokens, requests, cached tokens, tokens of the answer.

What follows them are service tier, variant, meter, quantity and the cost at contracted prices.
"""


async def sum_closed_usage(
    engine: PeriodEngine, period: Month, billed: Sequence[RowSlices], corrections: Sequence[Path] = ()
) -> None:
    """Sum up a closed period into the tables of the database.

    `billed` are its own rows, then those of the periods that corrected it so far, and `corrections` the files with what
    has just been found.
    """
    for turn, rows in enumerate(billed):
        async for files in rows.without_usage():
            await asyncio.to_thread(_add, engine, "add closed corrections", files, {"period": period, "turn": turn})
    await asyncio.to_thread(_add, engine, "add closed corrections", corrections, {"period": period, "turn": _NEVER})
    async for files in billed[0].each():
        await asyncio.to_thread(_add, engine, "add closed usage", files, {"period": period})


def _add(engine: PeriodEngine, statement: str, files: Sequence[Path], values: dict[str, object]) -> None:
    engine.show("read_rows", row_types(engine.decimals), files)
    engine.run(statement, values)


def usage_of(
    engine: PeriodEngine,
    period: Month,
    time: tuple[datetime, datetime],
    calendar: Calendar,
    *,
    now: bool = True,
) -> list[Row]:
    """The usage of a closed period in some of its time; `now`: with the corrections that have just been found."""
    first, last = calendar.date_of(time[0]), calendar.date_of(time[1] - _MOMENT)
    values = {"period": period, "first": first, "last": last, "turns": _NEVER if now else _NEVER - 1}
    return engine.run("usage of a closed period", values, measures=MEASURES)
