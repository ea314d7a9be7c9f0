"""Builds the rows of a period in its database: usage, shared costs and corrections, each with its rounded cost."""

import asyncio

from chargeback.domain.time.months import dates_of
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.arrange import UsageArranger, arrange_non_usage, create_row_views, create_tables
from chargeback.services.publishing.closed_usage import sum_closed_usage
from chargeback.services.publishing.find_corrections import find_corrections
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_inputs import PeriodInputs
from chargeback.services.publishing.period_parts import PeriodParts
from chargeback.services.publishing.published_slices import published_slices
from chargeback.services.publishing.rounding import round_costs
from chargeback.services.publishing.share_costs import share_costs, shares_any
from chargeback.services.publishing.staging import BookedDays, stage
from chargeback.services.running.progress import Progress


async def build_rows(
    engine: PeriodEngine,
    parts: PeriodParts,
    inputs: PeriodInputs,
    books: BookedDays,
    reports: Reports,
    progress: Progress,
) -> None:
    """Afterwards the views `usage_rows`, with the part that is shown, and `priced_non_usage_rows` have the rows."""
    period, currency, terms, calendar = inputs.period, inputs.currency, inputs.terms, inputs.catalogue.calendar
    known = [inputs.catalogue, *(closed.catalogue for closed in inputs.corrected)]
    await asyncio.to_thread(create_tables, engine, known)
    for closed in inputs.corrected:
        await find_corrections(engine, closed, inputs.catalogue, books, reports, progress)
    arrange = UsageArranger(engine, parts, period, currency, terms, shares=shares_any(inputs))
    rows = await stage(engine, books, inputs.days, dates_of(period), calendar, arrange, progress)
    for of, files in inputs.past.items():
        await sum_closed_usage(engine, of, [await published_slices(each, engine.folder) for each in files])
    await asyncio.to_thread(share_costs, engine, inputs)
    await asyncio.to_thread(arrange_non_usage, engine, currency, arrange.rows)
    await round_costs(engine, parts)
    await asyncio.to_thread(create_row_views, engine, currency)
    progress("settling", rows)
