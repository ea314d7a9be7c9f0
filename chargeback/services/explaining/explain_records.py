"""Finds the usage records that a published row was made from, and their events in the ledger."""

from collections.abc import AsyncIterator, Iterator
from hashlib import md5

from chargeback.domain.money.exact import to_text
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.usage_record import Charge, RecordPart, UsageRecord
from chargeback.domain.reports.rows import DIMENSIONS
from chargeback.domain.reports.settled import DIMENSIONS_OF_LINE
from chargeback.domain.time.days import BookDate, UtcDay, shifted, utc_namesake
from chargeback.domain.usage.meters import Meter
from chargeback.services.explaining.explanation import EventsOfRecord, RecordOfCharge
from chargeback.services.explaining.rows_of_period import ReportRow
from chargeback.services.explaining.trace_events import trace_events
from chargeback.services.ports.ledger import Ledger
from chargeback.services.settled.settled_days import SettledDays

_SAME = tuple(column for column in DIMENSIONS_OF_LINE if column in DIMENSIONS)
"""The columns of a published row that its record has, too."""


async def explain_records(
    row: ReportRow, in_force: EffectiveCatalogues, days: SettledDays, ledger: Ledger, *, limit: int
) -> tuple[list[RecordOfCharge], list[str]]:
    """The records of a row with their events, and what disagrees between them."""
    meter = Meter(row["meter"])
    records: list[RecordOfCharge] = []
    disagreements: list[str] = []
    booked = 0
    async for record, part, charge in _charges(row, in_force, days):
        hours = sorted(_hours(record, part, charge, in_force))
        trace = await trace_events(ledger, record.day, record.line, hours, meter, limit=limit, named=in_force.named)
        booked += charge.quantity
        agrees = trace.quantity == charge.quantity
        records.append(
            RecordOfCharge(
                day=record.day,
                line_id=record.record_id,
                hours={f"{hour:02}": record.hours[hour].get(meter, 0) for hour in hours},
                quantity=charge.quantity,
                events=EventsOfRecord(trace.count, trace.quantity, agrees, trace.events),
            )
        )
        if not agrees:
            disagreements.append(
                f"the ledger has {trace.quantity} {meter} in {trace.count} events for line {record.record_id} of"
                f" {record.day}, the books have {charge.quantity}: run `chargeback audit --day {record.day}`"
            )
    if booked != row["quantity"]:
        disagreements.append(
            f"the books have {booked} {meter} now, the published row {to_text(row['quantity'])}:"
            " they changed after it was published"
        )
    return records, disagreements


async def _charges(
    row: ReportRow, in_force: EffectiveCatalogues, days: SettledDays
) -> AsyncIterator[tuple[UsageRecord, RecordPart, Charge]]:
    """The charges of the books that the row was made from, whoever pays: a correction may be paid by a successor."""
    of_line: dict[str, str] = {column: row[column] for column in _SAME}
    for day in _utc_days(row["charge_date"], in_force):
        async for page in days.records(day, of_line):
            for record in page:
                for part in record.parts:
                    if (part.date, part.rule) == (row["charge_date"], row["allocation_rule"]):
                        for charge in part.charges:
                            if (
                                charge.meter.value == row["meter"]
                                and charge_id(record, part, charge) == row["charge_id"]
                            ):
                                yield record, part, charge


def charge_id(record: UsageRecord, part: RecordPart, charge: Charge) -> str:
    """The id of a charge in the published files, as the statements of publishing make it."""
    place = (record.record_id, record.deployment_type, record.region, part.cost_centre, part.rule)
    prices = (charge.per_million, charge.list_per_million, charge.contracted_per_million)
    tariff = (
        charge.meter.value,
        charge.state,
        charge.price_id,
        *("" if price is None else to_text(price) for price in prices),
        record.currency,
    )
    return _md5(_md5("\x1f".join(place)) + part.date + "\x1f".join(tariff))


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _utc_days(date: BookDate, in_force: EffectiveCatalogues) -> Iterator[UtcDay]:
    """The UTC days that a date of the books touches."""
    calendar = in_force.current.calendar
    for shift in (-1, 0, 1):
        day = shifted(utc_namesake(date), shift)
        if date in calendar.dates(day):
            yield day


def _hours(record: UsageRecord, part: RecordPart, charge: Charge, in_force: EffectiveCatalogues) -> Iterator[int]:
    """The UTC hours of a record that its charge is for: those with its date, its payer and its price."""
    prices = in_force.prices_of_line(record.line, record.day, part.cost_centre)(charge.meter)
    dates = in_force.hours(record.day)
    for hour in record.hours:
        date, rules = dates[hour]
        price = prices[hour]
        if (date, *rules.cost_centre(record.line)) == (part.date, part.cost_centre, part.rule) and (
            price.price_id if price else ""
        ) == charge.price_id:
            yield hour
