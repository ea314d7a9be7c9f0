"""A usage record: one line of one day as it stands in the books, counted and rated."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chargeback.domain.catalogue import Catalogue
from chargeback.domain.lines import Line, line_id
from chargeback.domain.meters import Meter, Quantities
from chargeback.domain.money import to_text
from chargeback.domain.rating import rate

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """One meter of a line at one price.

    Attributes:
        meter: what was measured.
        quantity: how much, in the meter's unit.
        state: the line's state, or `unpriced`.
        per_million: price of 1 000 000 units, in the record's currency; None where nothing is charged.
        price_id: the rate card's entry; empty where nothing is charged.
        cost: exact; None where it is not known (unpriced, unsettled).
    """

    meter: Meter
    quantity: int
    state: str
    per_million: Decimal | None
    price_id: str
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """A line of a day in the books. A record without hours stands for a line that no longer has any usage."""

    day: str
    line: Line
    hours: Mapping[int, Quantities]
    currency: str
    cost_centre: str
    rule: str
    deployment_type: str
    region: str
    charges: tuple[ChargeRow, ...]

    @property
    def record_id(self) -> str:
        """The line's identity."""
        return line_id(self.line)


def rated_record(day: str, line: Line, hours: Mapping[int, Quantities], catalogue: Catalogue) -> UsageRecord:
    """Rate a counted line with the prices in force in each of its hours."""
    rated = rate(line, day, hours, catalogue)
    place = rated.deployment
    unsettled = line.state == "unsettled"
    charges = tuple(
        ChargeRow(
            meter=charge.meter,
            quantity=charge.quantity,
            state="unpriced" if charge.cost is None else line.state,
            per_million=charge.price.per_million if charge.price else None,
            price_id=charge.price.price_id if charge.price else "",
            # What a stream costs is not known before its tokens are, so it is not zero either.
            cost=None if unsettled and charge.price is None else charge.cost,
        )
        for charge in rated.charges
    )
    return UsageRecord(
        day=day,
        line=line,
        hours=hours,
        currency=catalogue.currency,
        cost_centre=rated.cost_centre,
        rule=rated.rule,
        deployment_type=place.type.value if place else "",
        region=place.region if place else "",
        charges=charges,
    )


def to_document(record: UsageRecord) -> Document:
    """The record as it is stored: quantities are integers, money is decimal text."""
    return {
        "id": record.record_id,
        "day": record.day,
        "kind": "usage",
        "line": record.line._asdict(),
        "hours": {f"{hour:02}": dict(quantities) for hour, quantities in sorted(record.hours.items())},
        "currency": record.currency,
        "costCentre": record.cost_centre,
        "rule": record.rule,
        "deploymentType": record.deployment_type,
        "region": record.region,
        "charges": [_charge_to_document(charge) for charge in record.charges],
    }


def from_document(document: Document) -> UsageRecord:
    """The inverse of `to_document`; fields that the store adds are ignored."""
    return UsageRecord(
        day=document["day"],
        line=Line(**document["line"]),
        hours={
            int(hour): {Meter(meter): quantity for meter, quantity in quantities.items()}
            for hour, quantities in document["hours"].items()
        },
        currency=document["currency"],
        cost_centre=document["costCentre"],
        rule=document["rule"],
        deployment_type=document["deploymentType"],
        region=document["region"],
        charges=tuple(_charge_from_document(charge) for charge in document["charges"]),
    )


def _charge_to_document(charge: ChargeRow) -> Document:
    return {
        "meter": charge.meter.value,
        "quantity": charge.quantity,
        "state": charge.state,
        "perMillion": None if charge.per_million is None else to_text(charge.per_million),
        "priceId": charge.price_id,
        "cost": None if charge.cost is None else to_text(charge.cost),
    }


def _charge_from_document(document: Document) -> ChargeRow:
    return ChargeRow(
        meter=Meter(document["meter"]),
        quantity=document["quantity"],
        state=document["state"],
        per_million=None if document["perMillion"] is None else Decimal(document["perMillion"]),
        price_id=document["priceId"],
        cost=None if document["cost"] is None else Decimal(document["cost"]),
    )
