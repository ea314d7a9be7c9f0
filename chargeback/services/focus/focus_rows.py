"""Turns the rows of a period into rows of FOCUS, some days at a time, so that memory does not grow with the month.

Rows whose cost is not known (unpriced, unsettled) have no place in FOCUS, where a cost is never absent: the manifest
and the statements show them.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from itertools import groupby
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

_BATCH_ROWS = 100_000
_MEMORY_MB = 192


class Batch(NamedTuple):
    """How many rows of FOCUS a batch has, and from how many rows of the period they are made."""

    rows: int
    read: int


class FocusRows:
    """The relation `focus` of `engine`: at any time the rows of one batch of days, checked.

    Attributes:
        engine: where the relation is.
    """

    def __init__(self, tables: PeriodTables, engine: Engine) -> None:
        self.engine = engine
        self._frame = tables.frame
        self._rows = tables.rows
        self._sizes: list[tuple[str, str, int]] = []

    @property
    def is_empty(self) -> bool:
        """Whether no row has a cost."""
        return not self._sizes

    async def prepare(self) -> None:
        """Look up every word that the rows need; to be called once."""
        await asyncio.to_thread(self.engine.run, "macros")
        await asyncio.to_thread(self.engine.run, "lookups")
        async for files in self._rows.each():
            await asyncio.to_thread(self._survey, files)
        await asyncio.to_thread(self._look_up)

    def _survey(self, files: Sequence[Path]) -> None:
        self._frame.show(self.engine, files)
        self.engine.run("survey")

    def _look_up(self) -> None:
        self._sizes = self.engine.run("sizes")
        spans = [span for (span,) in self.engine.run("spans")]
        self.engine.insert("focus_spans", [(span, *self._bounds(span)) for span in spans])
        centres = sorted({centre for _, centre, _ in self._sizes})
        self.engine.insert("focus_centres", [(centre, self._name(centre)) for centre in centres])
        self.engine.insert("focus_accounts", billing_accounts(self._frame, self._sizes))
        self.engine.insert("focus_resources", [(cost, *place) for cost, place in self._frame.resources.items()])
        self._fill_words(self.engine.run("words"))

    async def batches(self) -> AsyncIterator[Batch]:
        """Put one batch after the other into `focus`, in the order of the file.

        Raises `InconsistentFile` for a batch that breaks a rule, and at the end where the costs do not add up.
        """
        found: defaultdict[str, Decimal] = defaultdict(Decimal)
        shares: defaultdict[tuple[str, object, str | None], Decimal] = defaultdict(Decimal)
        for span in _spans(self._sizes):
            between = {"dates": (span.first, span.last), "centres": (span.lowest, span.highest)}
            async with self._rows.between(**between) as files:
                await asyncio.to_thread(self._fill, span, files)
            yield await asyncio.to_thread(self._check, found, shares)
        check_parts(shares)
        check_totals(found, dict(self.engine.run("totals")))

    def _fill(self, span: "_Span", files: Sequence[Path]) -> None:
        self._frame.show(self.engine, files)
        self.engine.run("charges", span._asdict())
        self.engine.run("described")
        self.engine.run("focus")

    def _check(
        self,
        found: defaultdict[str, Decimal],
        shares: defaultdict[tuple[str, object, str | None], Decimal],
    ) -> Batch:
        """Check what is in `focus`, and add its costs and its parts of shared costs to what was found before."""
        check_focus(self.engine, "focus", decimals=self._frame.decimals)
        for shared_cost, part in parts(self.engine, "focus").items():
            shares[shared_cost] += part
        ((rows, read),) = self.engine.run("size of batch")
        for currency, cost in self.engine.run("cost of batch"):
            found[currency] += cost
        return Batch(rows, read)

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
        insert = self.engine.insert
        insert("focus_meters", [(each, sku_meter(each), *nature(each), *token_kind(each)) for each in meters])
        insert("focus_measures", [(each, measured_in(each, self._frame.currency)) for each in measures])
        insert("focus_units", [(*each, consumed_unit(each[0]), *pricing_unit(each[1], each[0])) for each in units])
        insert("focus_providers", [(each, *provider(each)) for each in providers])
        insert("focus_regions", [(each, region_name(each)) for each in regions])


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
    with tables.frame.open("chargeback.services.focus", memory_limit_mb=_MEMORY_MB, words=words) as engine:
        rows = FocusRows(tables, engine)
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
