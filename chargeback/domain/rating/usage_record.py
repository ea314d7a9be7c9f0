"""A usage record: one line of one day as it stands in the books, counted and rated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from chargeback.domain.money.exact import to_text
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import Charge, rate
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.usage.lines import Line, line_id
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.domain.usage.states import LineState

Document = dict[str, Any]

_encode_lines = msgspec.json.Encoder().encode_lines


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """One meter of a part at one price. The three prices are of 1 000 000 units, in the record's currency.

    Attributes:
        meter: what was measured.
        quantity: how much, in the meter's unit.
        state: the state of the line, or `unpriced`.
        per_million: what the cost centre is charged; None, like the other two, where nothing is charged.
        list_per_million: the published price.
        contracted_per_million: the negotiated price.
        price_id: the rate card's entry; empty where nothing is charged.
        cost: at `per_million`, exact; None where it is not known (unpriced, unsettled).
    """

    meter: Meter
    quantity: int
    state: LineState
    per_million: Decimal | None
    list_per_million: Decimal | None
    contracted_per_million: Decimal | None
    price_id: str
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Part:
    """The hours of a record that fall on one date of the books and are paid by one cost centre.

    Attributes:
        date: YYYY-MM-DD in the time zone of the books; its month is the billing period.
        cost_centre: path of who pays, or `unallocated`.
        rule: id of the allocation rule that says so; empty where none does.
    """

    date: BookDate
    cost_centre: str
    rule: str
    charges: tuple[ChargeRow, ...]


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """A line of a UTC day in the books. A record without hours stands for a line that no longer has any usage."""

    day: UtcDay
    line: Line
    hours: Mapping[int, Quantities]
    currency: str
    deployment_type: str
    region: str
    parts: tuple[Part, ...]

    @property
    def record_id(self) -> str:
        """The line's identity."""
        return line_id(self.line)

    @property
    def charges(self) -> tuple[ChargeRow, ...]:
        """The charges of every part."""
        return self.parts[0].charges if len(self.parts) == 1 else tuple(c for part in self.parts for c in part.charges)

    @property
    def is_unpriced(self) -> bool:
        """Whether there is no price for some of the usage."""
        return any(charge.state == LineState.UNPRICED for charge in self.charges)

    @property
    def is_unsettled(self) -> bool:
        """Whether it has calls whose tokens are not known yet."""
        return self.line.state == LineState.UNSETTLED and bool(self.charges)


def rated_record(
    day: UtcDay, line: Line, hours: Mapping[int, Quantities], in_force: EffectiveCatalogues
) -> UsageRecord:
    """Rate a counted line with the prices, the rules and the calendar in force in each of its hours."""
    rated = rate(line, day, hours, in_force)
    place = rated.deployment
    return UsageRecord(
        day=day,
        line=line,
        hours=rated.hours,
        currency=in_force.current.currency,
        deployment_type=place.type.value if place else "",
        region=place.region if place else "",
        parts=tuple(
            Part(part.date, part.cost_centre, part.rule, tuple(_row(charge, line.state) for charge in part.charges))
            for part in rated.parts
        ),
    )


def _row(charge: Charge, state: LineState) -> ChargeRow:
    price = charge.price
    return ChargeRow(
        meter=charge.meter,
        quantity=charge.quantity,
        state=_state(charge, state),
        per_million=price.per_million if price else None,
        list_per_million=price.list_per_million if price else None,
        contracted_per_million=price.contracted_per_million if price else None,
        price_id=price.price_id if price else "",
        # What a stream costs is not known before its tokens are, so it is not zero either.
        cost=None if state == LineState.UNSETTLED and price is None else charge.cost,
    )


def _state(charge: Charge, state: LineState) -> LineState:
    if charge.cost is None:
        return LineState.UNPRICED
    return LineState.ESTIMATED if charge.estimated else state


def to_document(record: UsageRecord) -> Document:
    """The record as it is stored: quantities are integers, money is decimal text."""
    return {
        "id": record.record_id,
        "day": record.day,
        "kind": "usage",
        "line": record.line._asdict(),
        "hours": {f"{hour:02}": dict(quantities) for hour, quantities in sorted(record.hours.items())},
        "currency": record.currency,
        "deploymentType": record.deployment_type,
        "region": record.region,
        "parts": [_part_to_document(part) for part in record.parts],
    }


def from_document(document: Document) -> UsageRecord:
    """The inverse of `to_document`; fields that the store adds are ignored."""
    return UsageRecord(
        day=document["day"],
        line=Line(**document["line"] | {"state": LineState(document["line"]["state"])}),
        hours={
            int(hour): {Meter(meter): quantity for meter, quantity in quantities.items()}
            for hour, quantities in document["hours"].items()
        },
        currency=document["currency"],
        deployment_type=document["deploymentType"],
        region=document["region"],
        parts=tuple(_part_from_document(part) for part in document["parts"]),
    )


def ndjson(documents: Iterable[Document]) -> bytes:
    """Documents on a line each."""
    return _encode_lines(documents)


def _part_to_document(part: Part) -> Document:
    return {
        "date": part.date,
        "costCentre": part.cost_centre,
        "rule": part.rule,
        "charges": [_charge_to_document(charge) for charge in part.charges],
    }


def _part_from_document(document: Document) -> Part:
    charges = tuple(_charge_from_document(charge) for charge in document["charges"])
    return Part(document["date"], document["costCentre"], document["rule"], charges)


def _charge_to_document(charge: ChargeRow) -> Document:
    return {
        "meter": charge.meter.value,
        "quantity": charge.quantity,
        "state": charge.state.value,
        "priceId": charge.price_id,
        "perMillion": _text(charge.per_million),
        "listPerMillion": _text(charge.list_per_million),
        "contractedPerMillion": _text(charge.contracted_per_million),
        "cost": _text(charge.cost),
    }


def _charge_from_document(document: Document) -> ChargeRow:
    return ChargeRow(
        meter=Meter(document["meter"]),
        quantity=document["quantity"],
        state=LineState(document["state"]),
        per_million=_amount(document["perMillion"]),
        list_per_million=_amount(document["listPerMillion"]),
        contracted_per_million=_amount(document["contractedPerMillion"]),
        price_id=document["priceId"],
        cost=_amount(document["cost"]),
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else to_text(amount)


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
