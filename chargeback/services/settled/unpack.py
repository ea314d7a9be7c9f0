"""Makes usage records again of the rows of a settled day: equal to those of the books, without empty ones."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import msgspec

from chargeback.domain.rating.usage_record import Charge, RecordPart, UsageRecord
from chargeback.domain.reports.settled import DIMENSIONS_OF_LINE
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.states import LineState
from chargeback.services.duck.engine import Row, open_engine
from chargeback.services.settled.pack import bucket_count

PAGE_RECORDS = 1000


class _Counted(msgspec.Struct):
    """What an hour counted of a meter; without a meter, an hour that counted nothing."""

    hour: int
    meter: Meter | None
    quantity: int | None


class _Charged(msgspec.Struct, array_like=True):
    """A row, in the order in which the statement lists its values."""

    part: str
    date: str
    cost_centre: str
    rule: str
    meter: Meter
    quantity: str
    state: LineState
    per_million: Decimal | None
    list_per_million: Decimal | None
    contracted_per_million: Decimal | None
    price_id: str
    cost: Decimal | None


_hours = msgspec.json.Decoder(list[_Counted]).decode
_charges = msgspec.json.Decoder(list[_Charged]).decode


async def unpack_records(
    day: UtcDay, file: Path, like: Mapping[str, str] | None = None, *, memory_limit_mb: int = 256
) -> AsyncIterator[Sequence[UsageRecord]]:
    """The records of a day's file, page by page; with `like`, those whose lines have these values in these columns.

    Memory stays small: a day that is too long is read in buckets of lines.
    """
    wanted = dict(like or {})
    with open_engine(
        "chargeback.services.settled",
        spill=file.with_suffix(".spill"),
        memory_limit_mb=memory_limit_mb,
        threads=1,  # each thread holds a stretch of the file as it reads it
        keeps_order=False,
    ) as engine:
        engine.run("macros")
        buckets = 1 if wanted else bucket_count(engine.run("count rows", {"file": str(file)})[0][0])
        for bucket in range(buckets):
            rows = engine.stream(
                "records",
                {"file": str(file), "buckets": buckets, "bucket": bucket, **wanted},
                rows=PAGE_RECORDS,
                line=", ".join(f'any_value("{column}")' for column in DIMENSIONS_OF_LINE),
                condition=" AND ".join(f'"{column}" = ${column}' for column in wanted) or "true",
            )
            while page := await asyncio.to_thread(next, rows, None):
                yield [_record(day, row) for row in page]


def _record(day: UtcDay, row: Row) -> UsageRecord:
    deployment_type, region, currency, *line, state, hours, charges = row
    return UsageRecord(
        day=day,
        line=Line._make((*line, LineState(state))),
        hours=_by_hour(_hours(hours)),
        currency=currency,
        deployment_type=deployment_type,
        region=region,
        parts=tuple(_part(list(of_part)) for _, of_part in groupby(_charges(charges), key=attrgetter("part"))),
    )


def _by_hour(counted: Sequence[_Counted]) -> dict[int, dict[Meter, int]]:
    hours: dict[int, dict[Meter, int]] = {}
    for each in counted:
        of_hour = hours.setdefault(each.hour, {})
        if each.meter is not None and each.quantity is not None:
            of_hour[each.meter] = each.quantity
    return hours


def _part(rows: Sequence[_Charged]) -> RecordPart:
    first = rows[0]
    return RecordPart(BookDate(first.date), first.cost_centre, first.rule, tuple(map(_charge, rows)))


def _charge(row: _Charged) -> Charge:
    return Charge(
        meter=row.meter,
        quantity=int(row.quantity),
        state=row.state,
        per_million=row.per_million,
        list_per_million=row.list_per_million,
        contracted_per_million=row.contracted_per_million,
        price_id=row.price_id,
        cost=row.cost,
    )
