"""A usage record: one line of one day as it stands in the books, counted and rated.

A day has many of them, and to make a frozen dataclass takes ten times as long as to make a structure of msgspec.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from chargeback.domain.money.exact import EXACT, ZERO, to_text, total
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.usage.lines import Line, line_id
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.domain.usage.states import WITHOUT_COST, LineState

RecordDocument = dict[str, Any]

_encode_lines = msgspec.json.Encoder().encode_lines

# Members bound once: an attribute of an Enum class costs a Python-level lookup, and each record asks for these.
_UNPRICED, _UNSETTLED = LineState.UNPRICED, LineState.UNSETTLED


class Charge(msgspec.Struct, frozen=True):
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


class RecordPart(msgspec.Struct, frozen=True):
    """The hours of a record that fall on one date of the books and are paid by one cost centre.

    Attributes:
        date: YYYY-MM-DD in the time zone of the books; its month is the billing period.
        cost_centre: path of who pays, or `unallocated`.
        rule: id of the allocation rule that says so; empty where none does.
    """

    date: BookDate
    cost_centre: str
    rule: str
    charges: tuple[Charge, ...]

    @property
    def cost(self) -> Decimal:
        """The sum of what is known."""
        known = ZERO
        for charge in self.charges:  # sums ask each part twice
            if charge.cost:
                known = EXACT.add(known, charge.cost)
        return known

    @property
    def without_cost(self) -> int:
        """How many charges have a cost that is not known."""
        found = 0
        for charge in self.charges:
            if charge.state in WITHOUT_COST:
                found += 1
        return found


class UsageRecord(msgspec.Struct, frozen=True):
    """A line of a UTC day in the books. A record without hours stands for a line that no longer has any usage."""

    day: UtcDay
    line: Line
    hours: Mapping[int, Quantities]
    currency: str
    deployment_type: str
    region: str
    parts: tuple[RecordPart, ...]

    @property
    def record_id(self) -> str:
        """The line's identity."""
        return line_id(self.line)

    @property
    def charges(self) -> tuple[Charge, ...]:
        """The charges of every part."""
        return self.parts[0].charges if len(self.parts) == 1 else tuple(c for part in self.parts for c in part.charges)

    @property
    def cost(self) -> Decimal:
        """The sum of what is known."""
        return total([part.cost for part in self.parts])

    @property
    def is_unpriced(self) -> bool:
        """Whether there is no price for some of the usage."""
        return _UNPRICED in [charge.state for charge in self.charges]

    @property
    def is_unsettled(self) -> bool:
        """Whether it has calls whose tokens are not known yet."""
        return self.line.state is _UNSETTLED and bool(self.charges)


def to_document(record: UsageRecord) -> RecordDocument:
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


def from_document(document: RecordDocument) -> UsageRecord:
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


def ndjson(documents: Iterable[RecordDocument]) -> bytes:
    """The documents as strings, one line each."""
    return _encode_lines(documents)


def _part_to_document(part: RecordPart) -> RecordDocument:
    return {
        "date": part.date,
        "costCentre": part.cost_centre,
        "rule": part.rule,
        "charges": [_charge_to_document(charge) for charge in part.charges],
    }


def _part_from_document(document: RecordDocument) -> RecordPart:
    charges = tuple(_charge_from_document(charge) for charge in document["charges"])
    return RecordPart(document["date"], document["costCentre"], document["rule"], charges)


def _charge_to_document(charge: Charge) -> RecordDocument:
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


def _charge_from_document(document: RecordDocument) -> Charge:
    return Charge(
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
