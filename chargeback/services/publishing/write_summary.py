"""Writes the summary CSV: the cost of each cost centre, by kind of charge."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

from chargeback.domain.reports.layout import summary_path
from chargeback.domain.reports.manifest import SUMMARY_COLUMNS, SUMMARY_METERS, cell, csv_line
from chargeback.domain.reports.rows import KINDS
from chargeback.domain.time.months import Month
from chargeback.services.duck.engine import Row
from chargeback.services.publishing.files import CSV, Files
from chargeback.services.publishing.period_engine import PeriodEngine


async def write_summary(summary: Sequence[Row], period: Month, files: Files) -> None:
    """A line for each cost centre and currency; `unallocated` is always there."""
    await files.write(summary_path(period), CSV, _lines(summary, period))


def sum_centres(engine: PeriodEngine) -> list[Row]:
    """The summary: its columns are SUMMARY_COLUMNS without the period."""
    meters = ", ".join(f"coalesce(sum(quantity) FILTER (meter = '{each}'), 0)::HUGEINT" for each in SUMMARY_METERS)
    amount = f"DECIMAL(38, {engine.decimals})"
    kinds = ", ".join(f"coalesce(sum(cost) FILTER (kind = '{each}'), 0)::{amount}" for each in KINDS)
    return engine.run("summary", meters=meters, kinds=kinds)


async def _lines(summary: Sequence[Row], period: Month) -> AsyncIterator[tuple[int, bytes]]:
    yield 0, csv_line(SUMMARY_COLUMNS)
    for centre, currency, *numbers in summary:
        texts = (format(number, "f") if isinstance(number, Decimal) else str(number) for number in numbers)
        yield 1, csv_line((period, cell(centre), currency, *texts))
