"""Turns the rows of a period into rows of FOCUS, some days at a time, so that memory does not grow with the month.

Rows whose cost is not known (unpriced, unsettled) have no place in FOCUS, where a cost is never absent: the manifest
and the statements show them.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import cycle, groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from chargeback.domain.cost_centres.tree import UNALLOCATED
from chargeback.domain.deployments.regions import region_name
from chargeback.domain.reports.focus import (
    charge_period,
    consumed_unit,
    measured_in,
    nature,
    pricing_unit,
    provider,
    sku_meter,
    token_kind,
)
from chargeback.domain.reports.focus_columns import FOCUS_COLUMNS
from chargeback.domain.reports.manifest import FORMULA, GUARD, LEADING
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, dates_of
from chargeback.services.duck.engine import Engine
from chargeback.services.duck.statements import column_list, literal, quoted
from chargeback.services.focus.billing_accounts import billing_accounts
from chargeback.services.focus.check_focus import check_focus, check_parts, check_totals, parts
from chargeback.services.publishing.period_tables import PeriodFrame, PeriodTables

_BATCH_ROWS = 50_000
_MEMORY_MB = 224


class Batch(NamedTuple):
    """Some rows of FOCUS, checked: the relation `focus` of an engine, until the next batch is asked for.

    Attributes:
        engine: where the relation is.
        rows: how many there are.
        read: from how many rows of the period they are made.
    """

    engine: Engine
    rows: int
    read: int


class FocusRows:
    """The rows of FOCUS, batch by batch: while one is used, the next is made on another connection."""

    def __init__(self, tables: PeriodTables, engine: Engine, other: Engine) -> None:
        self._engine = engine
        self._engines = engine, other
        self._frame = tables.frame
        self._rows = tables.rows
        self._sizes: list[tuple[str, str, int]] = []

    @property
    def is_empty(self) -> bool:
        """Whether no row has a cost."""
        return not self._sizes

    async def prepare(self) -> None:
        """Look up every word that the rows need; to be called once."""
        await asyncio.to_thread(self._engine.run, "macros")
        await asyncio.to_thread(self._engine.run, "lookups")
        async for files in self._rows.each():
            await asyncio.to_thread(self._survey, files)
        await asyncio.to_thread(self._look_up)

    def _survey(self, files: Sequence[Path]) -> None:
        self._frame.show(self._engine, files)
        self._engine.run("survey")

    def _look_up(self) -> None:
        self._sizes = self._engine.run("sizes")
        spans = [span for (span,) in self._engine.run("spans")]
        self._engine.insert("focus_spans", [(span, *self._bounds(span)) for span in spans])
        centres = sorted({centre for _, centre, _ in self._sizes})
        self._engine.insert("focus_centres", [(centre, self._name(centre)) for centre in centres])
        self._engine.insert("focus_accounts", billing_accounts(self._frame, self._sizes))
        self._engine.insert("focus_resources", [(cost, *place) for cost, place in self._frame.resources.items()])
        self._fill_words(self._engine.run("words"))

    async def batches(self) -> AsyncGenerator[Batch]:
        """One batch after the other, in the order of the file.

        Raises `InconsistentFile` for a batch that breaks a rule, and at the end where the costs do not add up.
        """
        checks = _Checks()
        making: asyncio.Task[Batch] | None = None
        try:
            for span, engine in zip(_spans(self._sizes), cycle(self._engines), strict=False):
                made = await making if making else None
                making = asyncio.create_task(self._make(span, engine, checks))
                if made:
                    yield made
            if making:
                yield await making
        finally:
            if making:
                await asyncio.gather(making, return_exceptions=True)
        check_parts(checks.shares)
        check_totals(checks.costs, dict(self._engine.run("totals")))

    async def _make(self, span: "_Span", engine: Engine, checks: "_Checks") -> Batch:
        between = {"dates": (span.first, span.last), "centres": (span.lowest, span.highest)}
        async with self._rows.between(**between) as files:
            await asyncio.to_thread(self._fill, engine, span, files)
        return await asyncio.to_thread(self._check, engine, checks)

    def _fill(self, engine: Engine, span: "_Span", files: Sequence[Path]) -> None:
        self._frame.show(engine, files)
        engine.run("charges", span._asdict())
        engine.run("focus")

    def _check(self, engine: Engine, checks: "_Checks") -> Batch:
        """Check what is in `focus`, and add its costs and its parts of shared costs to what was found before."""
        check_focus(engine, "focus", decimals=self._frame.decimals)
        for shared_cost, part in parts(engine, "focus").items():
            checks.shares[shared_cost] += part
        ((rows, read),) = engine.run("size of batch")
        for currency, cost in engine.run("cost of batch"):
            checks.costs[currency] += cost
        return Batch(engine, rows, read)

    def _bounds(self, span: str) -> tuple[datetime, ...]:
        """The UTC instants of a span, as `focus_span` writes it."""
        frame, zone = self._frame, self._frame.time_zone
        if len(span) == len("2026-03"):
            days = dates_of(Month(span))
            return charge_period(days[0], zone)[0], charge_period(days[-1], zone)[1]
        start, end = charge_period(BookDate(span.removesuffix("/")), zone)
        if span.startswith(frame.period):
            # Where the zone of the books changes with the period, its first or last day is longer or shorter.
            start, end = max(start, frame.start), min(end, frame.end)
        return start, frame.end if span.endswith("/") else end

    def _name(self, centre: str) -> str:
        """The name of a cost centre; its path where it is no longer in the tree."""
        return self._frame.centres.get(centre, "Unallocated" if centre == UNALLOCATED else centre)

    def _fill_words(self, words: list[tuple[str, ...]]) -> None:
        meters = sorted({each[0] for each in words})
        units = sorted({(unit, price_unit) for _, unit, price_unit, *_ in words})
        providers, regions, measures = (sorted({each[place] for each in words}) for place in (3, 4, 5))
        insert = self._engine.insert
        insert("focus_meters", [(each, sku_meter(each), *nature(each), *token_kind(each)) for each in meters])
        insert("focus_measures", [(each, measured_in(each, self._frame.currency)) for each in measures])
        insert("focus_units", [(*each, consumed_unit(each[0]), *pricing_unit(each[1], each[0])) for each in units])
        insert("focus_providers", [(each, *provider(each)) for each in providers])
        insert("focus_regions", [(each, region_name(each)) for each in regions])


@dataclass(frozen=True, slots=True)
class _Checks:
    """What is checked over all batches: the costs by currency, and the parts of shared costs."""

    costs: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    shares: defaultdict[tuple[str, object, str | None], Decimal] = field(default_factory=lambda: defaultdict(Decimal))


class _Span(NamedTuple):
    """Some whole days, or of one day some cost centres; both ends are included."""

    first: str
    last: str
    lowest: str = ""
    highest: str = chr(0x10FFFF)


def _spans(sizes: Sequence[tuple[str, str, int]]) -> Iterator[_Span]:
    """The batches in the order of the file: days together while they are few rows, a day in parts where it is many."""
    days = [(date, list(group)) for date, group in groupby(sizes, key=itemgetter(0))]
    pending: list[str] = []
    size = 0
    for date, centres in days:
        rows = sum(each[2] for each in centres)
        if pending and size + rows > _BATCH_ROWS:
            yield _Span(pending[0], pending[-1])
            pending, size = [], 0
        if rows > _BATCH_ROWS:
            yield from _of_a_day(date, centres)
        else:
            pending, size = [*pending, date], size + rows
    if pending:
        yield _Span(pending[0], pending[-1])


def _of_a_day(date: BookDate, centres: Sequence[tuple[str, str, int]]) -> Iterator[_Span]:
    pending: list[str] = []
    size = 0
    for _, centre, rows in centres:
        if pending and size + rows > _BATCH_ROWS:
            yield _Span(date, date, pending[0], pending[-1])
            pending, size = [], 0
        pending, size = [*pending[:1], centre], size + rows
    yield _Span(date, date, pending[0], pending[-1])


@asynccontextmanager
async def focus_rows(tables: PeriodTables) -> AsyncIterator[FocusRows]:
    """The rows of a period, prepared."""
    words = _words(tables.frame)
    with (
        tables.frame.open("chargeback.services.focus", memory_limit_mb=_MEMORY_MB, words=words) as engine,
        engine.apart() as other,
    ):
        rows = FocusRows(tables, engine, other)
        await rows.prepare()
        yield rows


def _words(frame: PeriodFrame) -> dict[str, object]:
    return {
        "places": max(frame.decimals, 1),
        "columns": column_list(FOCUS_COLUMNS),
        "issuer": quoted(frame.issuer.name),
        "unallocated": quoted(UNALLOCATED),
        "formula": quoted(FORMULA),
        "leading": quoted(LEADING),
        "guard": quoted(GUARD),
        "currency": quoted(frame.currency),
        "starts": literal(frame.start),
        "ends": literal(frame.end),
    }
