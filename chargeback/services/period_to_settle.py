"""What has to be known to settle a period: its bounds, its terms, and what was billed before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from chargeback.domain.budgets import Budget
from chargeback.domain.calendar import Calendar
from chargeback.services.ports import Reports


@dataclass(frozen=True, slots=True)
class Conversion:
    """How costs of another currency come into the currency of the books.

    Attributes:
        rate: units of the books' currency for one of the other; above zero, at most 12 decimals, below a million.
        date: YYYY-MM-DD, the day that the rate is of.
        source: who says so.
    """

    rate: Decimal
    date: str
    source: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that was published before."""

    reports: Reports
    path: str


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A closed period that is compared with what the books say now; what differs becomes corrections.

    Attributes:
        period: YYYY-MM.
        dates: the dates of the period that may differ; nothing else is compared.
        days: the UTC days whose records hold these dates.
        currency: that it was billed in.
        conversions: as they were when it was closed, by the other currency.
        billed: its `charges-YYYY-MM.parquet`.
        later: those of the closed periods since, oldest first: they hold the corrections made so far.
    """

    period: str
    dates: tuple[str, ...]
    days: tuple[str, ...]
    currency: str
    conversions: Mapping[str, Conversion]
    billed: Stored
    later: tuple[Stored, ...] = ()


@dataclass(frozen=True, slots=True)
class PeriodToSettle:
    """A billing period with all that decides its files; the books and this give the same files, byte for byte.

    Attributes:
        period: YYYY-MM.
        start: UTC, inclusive.
        end: UTC, exclusive.
        days: the UTC days that it touches.
        time_zone: IANA name.
        currency: of the books.
        decimals: places of the printed costs, 0 to 12.
        folder: of the files in the reports, such as `2026-03`.
        catalogue: digest of the catalogue that rated the period.
        terms: digest of the terms.
        centres: cost centre path → name, in the order of the tree.
        budgets: in force in the period.
        conversions: by the other currency.
        is_closed: whether these are the final files.
        previous: `charges-YYYY-MM.parquet` of the period before, where it was published.
        previous_manifest: SHA-256 of the manifest of the closed period before; empty where there is none.
        corrected: closed periods whose books may have changed since.
        lineage: of each UTC day, what its records come from: counts, fences; part of the manifest as it is.
    """

    period: str
    start: datetime
    end: datetime
    days: Sequence[str]
    time_zone: str
    currency: str
    decimals: int
    folder: str
    catalogue: str
    terms: str = ""
    centres: Mapping[str, str] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    conversions: Mapping[str, Conversion] = field(default_factory=dict)
    is_closed: bool = False
    previous: Stored | None = None
    previous_manifest: str = ""
    corrected: Sequence[ClosedPeriod] = ()
    lineage: Mapping[str, Any] = field(default_factory=dict)


def dates_to_compare(
    calendar: Calendar, period: str, touched: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The dates of a period that the touched UTC days fall on, and the UTC days whose records hold these dates."""
    of_day = {day: {date for date in calendar.dates(day) if date[:7] == period} for day in calendar.utc_days(period)}
    dates = {date for day in touched for date in of_day.get(day, ())}
    return tuple(sorted(dates)), tuple(day for day, found in of_day.items() if found & dates)
