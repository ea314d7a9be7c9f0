"""Turns the rows of a period into rows of FOCUS, some days at a time, so that memory does not grow with the month.

Rows whose cost is not known (unpriced, unsettled) have no place in FOCUS, where a cost is never absent: the manifest
and the statements show them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from chargeback.domain.cost_centres.tree import UNALLOCATED
from chargeback.domain.deployments.regions import region_name
from chargeback.domain.reports.focus import (
    FOCUS_COLUMNS,
    charge_period,
    consumed_unit,
    nature,
    pricing_unit,
    provider,
    sku_meter,
)
from chargeback.domain.reports.manifest import FORMULA, GUARD, LEADING
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, dates_of
from chargeback.services.duck.engine import Engine
from chargeback.services.duck.statements import column_list, literal, quoted
from chargeback.services.focus.check_focus import check_focus, check_parts, check_totals, parts
from chargeback.services.publishing.period_tables import PeriodTables

ACCOUNT = ("chargeback", "Chargeback")
"""BillingAccountId and BillingAccountName: the books themselves, which bill the cost centres."""


_BATCH_ROWS = 200_000
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
        self._tables = tables
        self._sizes: list[tuple[str, str, int]] = []

    def prepare(self) -> None:
        """Look up every word that the rows need; to be called once."""
        self.engine.run("macros")
        self.engine.run("lookups")
        self._sizes = self.engine.run("sizes")
        spans = [span for (span,) in self.engine.run("spans")]
        self.engine.insert("focus_spans", [(span, *self._bounds(span)) for span in spans])
        centres = sorted({centre for _, centre, _ in self._sizes})
        self.engine.insert("focus_centres", [(centre, self._name(centre)) for centre in centres])
        self._fill_words(self.engine.run("words"))

    def batches(self) -> Iterator[Batch]:
        """Put one batch after the other into `focus`, in the order of the file.

        Raises `InconsistentFile` for a batch that breaks a rule, and at the end where the costs do not add up.
        """
        found: defaultdict[str, Decimal] = defaultdict(Decimal)
        shares: defaultdict[tuple[str, object, str | None], Decimal] = defaultdict(Decimal)
        for number, span in enumerate(_spans(self._sizes)):
            self.engine.run("charges", span._asdict())
            if number == 0:
                self.engine.run("described")
                self.engine.run("focus")
            check_focus(self.engine, "focus", decimals=self._tables.decimals)
            for shared_cost, part in parts(self.engine, "focus").items():
                shares[shared_cost] += part
            ((rows, read),) = self.engine.run("size of batch")
            for currency, cost in self.engine.run("cost of batch"):
                found[currency] += cost
            yield Batch(rows, read)
        check_parts(shares)
        check_totals(found, dict(self.engine.run("totals")))

    def _bounds(self, span: str) -> tuple[datetime, ...]:
        """The UTC instants of a span, as `focus_span` writes it."""
        tables, zone = self._tables, self._tables.time_zone
        if len(span) == len("2026-03"):
            days = dates_of(Month(span))
            return charge_period(days[0], zone)[0], charge_period(days[-1], zone)[1]
        start, end = charge_period(BookDate(span.removesuffix("/")), zone)
        if span.startswith(tables.period):
            # Where the zone of the books changes with the period, its first or last day is longer or shorter.
            start, end = max(start, tables.start), min(end, tables.end)
        return start, tables.end if span.endswith("/") else end

    def _name(self, centre: str) -> str:
        """The name of a cost centre; its path where it is no longer in the tree."""
        return self._tables.centres.get(centre, "Unallocated" if centre == UNALLOCATED else centre)

    def _fill_words(self, words: list[tuple[str, ...]]) -> None:
        meters = sorted({each[0] for each in words})
        units = sorted({(unit, price_unit) for _, unit, price_unit, *_ in words})
        providers = sorted({each[3] for each in words})
        regions = sorted({each[4] for each in words})
        insert = self.engine.insert
        insert("focus_meters", [(each, sku_meter(each), *nature(each)) for each in meters])
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


@contextmanager
def focus_rows(tables: PeriodTables) -> Iterator[FocusRows]:
    """The rows of a period, prepared."""
    with tables.open("chargeback.services.focus", memory_limit_mb=_MEMORY_MB, words=_words(tables)) as engine:
        rows = FocusRows(tables, engine)
        rows.prepare()
        yield rows


def _words(tables: PeriodTables) -> dict[str, object]:
    return {
        "places": max(tables.decimals, 1),
        "columns": column_list(FOCUS_COLUMNS),
        "account": quoted(ACCOUNT[0]),
        "account_name": quoted(ACCOUNT[1]),
        "formula": quoted(FORMULA),
        "leading": quoted(LEADING),
        "guard": quoted(GUARD),
        "currency": quoted(tables.currency),
        "starts": literal(tables.start),
        "ends": literal(tables.end),
        "invoice": quoted(f"chargeback-{tables.period}") if tables.is_closed else "NULL::VARCHAR",
    }
