"""A period's chargeback as files: every charge of the books on a row, a summary by cost centre, and a manifest.

Costs are rounded here and only here: the grand total of a currency half to even, the cost centres to that total and
the rows to their centre by largest remainder, so that rows, summary and manifest agree to the last digit.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from hashlib import sha256
from tempfile import TemporaryDirectory

from chargeback.domain.catalogue import Catalogue
from chargeback.domain.money import ZERO, round_total, to_text, total
from chargeback.domain.report import (
    COLUMNS,
    SUMMARY_COLUMNS,
    Manifest,
    PriceUsed,
    PublishedFile,
    State,
    cell,
    csv_line,
    price_unit,
    require_period,
)
from chargeback.services.ports import Books, Reports
from chargeback.services.staging import Staging

CSV = "text/csv; charset=utf-8"
JSON = "application/json"

Progress = Callable[[str, int], None]
"""Told what is being done and how many rows of it are done: ("reading", 4000)."""


async def publish(
    period: str,
    books: Books,
    reports: Reports,
    *,
    days: Sequence[str],
    catalogue: Catalogue,
    decimals: int = 6,
    memory_limit_mb: int = 128,
    progress: Progress = lambda doing, rows: None,
) -> Manifest:
    """Write a period (YYYY-MM) from the records of its `days`; the manifest appears last.

    Memory is bounded by `memory_limit_mb` plus what the interpreter needs; the rest waits in a temporary folder.
    Raises `InvalidConfig` for a period or days that cannot be, `Superseded` if the books changed while they were read.
    """
    require_period(period, list(days), decimals)
    days = sorted(set(days))
    with TemporaryDirectory(prefix="publish-", ignore_cleanup_errors=True) as folder:
        staging = Staging(folder, decimals=decimals, memory_limit_mb=memory_limit_mb)
        try:
            await _stage(staging, books, days, progress)
            await asyncio.to_thread(staging.settle)
            written = (
                await _write(reports, f"{period}/chargeback-{period}.csv", _rows(staging, period, days, progress)),
                await _write(reports, f"{period}/summary-{period}.csv", _summary(staging, period)),
            )
            manifest = _manifest(staging, period, days, catalogue, decimals, written)
        finally:
            staging.close()
    async with reports.create(f"{period}/manifest.json", JSON) as file:
        await file.write(manifest.to_json())
    return manifest


async def _stage(staging: Staging, books: Books, days: Sequence[str], progress: Progress) -> None:
    rows = 0
    for day in days:
        async for page in books.records(day):
            rows += await asyncio.to_thread(staging.add, page)
            progress("reading", rows)


async def _rows(
    staging: Staging, period: str, days: Sequence[str], progress: Progress
) -> AsyncIterator[tuple[int, bytes]]:
    yield 0, csv_line(COLUMNS)
    done = 0
    for day in days:
        pages = staging.lines(period, day)
        while page := await asyncio.to_thread(next, pages, None):
            done += len(page)
            progress("writing", done)
            yield len(page), ("\r\n".join(page) + "\r\n").encode()


async def _summary(staging: Staging, period: str) -> AsyncIterator[tuple[int, bytes]]:
    yield 0, csv_line(SUMMARY_COLUMNS)
    for centre, currency, *numbers in await asyncio.to_thread(staging.summary):
        cells = (
            period,
            cell(centre),
            currency,
            *(format(number, "f") if isinstance(number, Decimal) else str(number) for number in numbers),
        )
        yield 1, csv_line(cells)


async def _write(reports: Reports, path: str, pieces: AsyncIterator[tuple[int, bytes]]) -> PublishedFile:
    rows = size = 0
    digest = sha256()
    async with reports.create(path, CSV) as file:
        async for count, piece in pieces:
            rows += count
            size += len(piece)
            digest.update(piece)
            await file.write(piece)
    return PublishedFile(path, rows, size, digest.hexdigest())


def _manifest(
    staging: Staging,
    period: str,
    days: Sequence[str],
    catalogue: Catalogue,
    decimals: int,
    written: Sequence[PublishedFile],
) -> Manifest:
    totals = {catalogue.currency: ZERO}
    for _, currency, cost, *_ in staging.summary():
        totals[currency] = total([totals.get(currency, ZERO), cost])
    states = _states(staging)
    return Manifest(
        billing_period=period,
        days=list(days),
        catalogue=catalogue.digest,
        decimals=decimals,
        totals={currency: format(round_total(amount, decimals), "f") for currency, amount in sorted(totals.items())},
        requests=sum(state.quantities.get("requests", 0) for state in states.values()),
        states=states,
        prices=[
            PriceUsed(price_id, meter.value, to_text(amount), price_unit(meter), currency, quantity)
            for (price_id, _, amount), currency, meter, quantity in staging.prices()
        ],
        files=list(written),
    )


def _states(staging: Staging) -> dict[str, State]:
    states: dict[str, State] = {}
    for name, currency, meter, rows, cost, quantity in staging.states():
        known = states.get(name, State(0, {}, {}))
        costs, quantities = dict(known.cost), dict(known.quantities)
        if cost is not None:
            costs[currency] = format(total([Decimal(costs.get(currency, "0")), cost]), "f")
        quantities[meter.value] = quantities.get(meter.value, 0) + quantity
        states[name] = State(known.rows + rows, costs, quantities)
    return states
