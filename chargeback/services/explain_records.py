"""From a row of the published files to the usage records it was made from, and on to the events of the ledger."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from chargeback.domain.in_force import InForce
from chargeback.domain.lines import Line
from chargeback.domain.meters import Meter
from chargeback.domain.money import to_text
from chargeback.domain.records import ChargeRow, UsageRecord
from chargeback.services.ports import Books, Ledger
from chargeback.services.rows_of_period import Row
from chargeback.services.trace_events import trace_events

Document = dict[str, Any]

_DIMENSIONS = {
    "subscription": "subscription_id",
    "product": "product_id",
    "apim_user": "apim_user_id",
    "tenant": "tenant_id",
    "app": "app_id",
    **{
        name: name
        for name in (
            "user_object_id", "user", "company", "billing_code", "operation", "provider", "model", "deployment",
            "backend", "service_tier", "variant",
        )
    },
}  # fmt: skip
"""The dimensions of a line, each with the column of the rows that has it; its state is looked at apart."""


async def explain_records(row: Row, in_force: InForce, books: Books, ledger: Ledger, *, limit: int) -> Document:
    """The records of a row and their events; `disagreements` says loudly what does not add up."""
    meter = Meter(row["meter"])
    records: list[Document] = []
    disagreements: list[str] = []
    booked = 0
    async for record, charge in _charges(row, in_force, books):
        hours = sorted(_hours(row, record, charge, in_force))
        trace = await trace_events(ledger, record.day, record.line, hours, meter, limit=limit)
        booked += charge.quantity
        records.append(
            {
                "day": record.day,
                "lineId": record.record_id,
                "hours": {f"{hour:02}": record.hours[hour].get(meter, 0) for hour in hours},
                "quantity": charge.quantity,
                "events": {
                    "count": trace.count,
                    "quantity": trace.quantity,
                    "agrees": trace.quantity == charge.quantity,
                    "first": list(trace.events),
                },
            }
        )
        if trace.quantity != charge.quantity:
            disagreements.append(
                f"the ledger has {trace.quantity} {meter} in {trace.count} events for line {record.record_id} of"
                f" {record.day}, the books have {charge.quantity}: run `audit --day {record.day}`"
            )
    if booked != row["quantity"]:
        disagreements.append(
            f"the books have {booked} {meter} now, the published row {to_text(row['quantity'])}:"
            " they changed after it was published"
        )
    return {"records": records, "disagreements": disagreements}


async def _charges(row: Row, in_force: InForce, books: Books) -> AsyncIterator[tuple[UsageRecord, ChargeRow]]:
    """The charges of the books that the row was made from."""
    for day in _utc_days(row["charge_date"], in_force):
        async for page in books.records(day):
            for record in page:
                if not _is_of(record.line, row):
                    continue
                for part in record.parts:
                    if (part.date, part.cost_centre, part.rule) == _paid(row):
                        for charge in part.charges:
                            if _is_charge(charge, row):
                                yield record, charge


def _paid(row: Row) -> tuple[str, str, str]:
    return row["charge_date"], row["cost_centre"], row["allocation_rule"]


def _is_of(line: Line, row: Row) -> bool:
    return all(getattr(line, name) == row[column] for name, column in _DIMENSIONS.items())


def _is_charge(charge: ChargeRow, row: Row) -> bool:
    return (charge.meter.value, charge.price_id, charge.state) == (row["meter"], row["price_id"], row["state"])


def _utc_days(date: str, in_force: InForce) -> Iterator[str]:
    """The UTC days that a date of the books touches."""
    calendar = in_force.current.calendar
    noon = datetime.fromisoformat(date).replace(hour=12, tzinfo=UTC)
    for shift in (-1, 0, 1):
        day = (noon + timedelta(days=shift)).date().isoformat()
        if date in calendar.dates(day):
            yield day


def _hours(row: Row, record: UsageRecord, charge: ChargeRow, in_force: InForce) -> Iterator[int]:
    """The UTC hours of a record that its charge is for: of that date, that payer and that price."""
    prices = in_force.prices_of_day(record.line, charge.meter, record.day)
    dates = in_force.hours(record.day)
    for hour in record.hours:
        date, rules = dates[hour]
        price = prices[hour]
        if (date, *rules.cost_centre(record.line)) == _paid(row) and (
            price.price_id if price else ""
        ) == charge.price_id:
            yield hour
