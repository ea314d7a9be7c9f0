"""The contents of an explanation, from a cost centre's total down to events; auditors get them as JSON.

Amounts, quantities and ratios are exact decimal strings. None stands for what is not known, which is not zero.
"""

import msgspec
from msgspec import UNSET, UnsetType

from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.explaining.trace_events import TracedEvent


class KindSum(msgspec.Struct, frozen=True):
    """What a cost centre pays for one kind of charge."""

    cost: str
    rows: int


class CentreBelow(msgspec.Struct, frozen=True, rename="camel"):
    """A cost centre below the explained one, with what is charged to itself."""

    cost_centre: str
    cost: str


class CentresBelow(msgspec.Struct, frozen=True, rename="camel"):
    """What is charged to all centres below the explained one; `largest` lists the dearest of them."""

    cost: str
    other_currencies: dict[str, str]
    largest: list[CentreBelow]


class GroupedCharge(msgspec.Struct, frozen=True, rename="camel"):
    """One of the largest charges of a group."""

    charge_id: str
    date: BookDate
    subscription: str
    app: str
    user: str
    quantity: str
    cost: str | None


class UsageGroup(msgspec.Struct, frozen=True, rename="camel"):
    """Usage of one model, deployment type and meter at one price and in one state."""

    model: str
    deployment_type: str
    meter: str
    unit: str
    state: str
    quantity: str
    cost: str | None
    rows: int
    unit_price: str | None
    price_unit: str
    pricing_currency: str
    price_id: str
    largest: list[GroupedCharge]


class GroupsLeftOut(msgspec.Struct, frozen=True):
    """The groups of usage beyond the limit."""

    groups: int
    cost: str


class ShareOfCost(msgspec.Struct, frozen=True, rename="camel"):
    """The cost centre's part of one shared cost."""

    charge_id: str
    id: str
    kind: str
    basis: str
    ratio: str
    cost: str


class CorrectionListed(msgspec.Struct, frozen=True, rename="camel"):
    """One correction of a closed period that the cost centre pays."""

    charge_id: str
    corrects_period: Month
    corrects_charge_id: str
    date: BookDate
    model: str
    meter: str
    quantity: str
    cost: str | None
    currency: str


class CorrectionsLeftOut(msgspec.Struct, frozen=True, rename="camel"):
    """The corrections beyond the limit."""

    rows: int
    cost: str
    other_currencies: dict[str, str]


class Calculation(msgspec.Struct, frozen=True, rename="camel"):
    """Quantity times price, calculated again; `agrees` where that is the exact cost of the row."""

    unit_price: str
    price_unit: str
    pricing_currency: str
    exchange_rate: str
    exchange_rate_date: str
    exchange_rate_source: str
    result: str
    agrees: bool


class UnknownPrice(msgspec.Struct, frozen=True):
    """A price that the rate card does not have."""

    id: str
    known: bool = False


class KnownPrice(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The entry of the rate card that a charge was rated with; `verified`: how it is known, empty where nobody said."""

    id: str
    known: bool = True
    list_per_million: str
    contracted_per_million: str
    per_million: str
    currency: str
    effective: str
    source: str
    verified: str
    adjustments: list[str]


class MatchedRule(msgspec.Struct, frozen=True, rename="camel"):
    """The rule that says who pays."""

    id: str
    when: dict[str, str]
    cost_centre: str
    effective: str


class MappedDeployment(msgspec.Struct, frozen=True):
    """The deployment that served the calls, as the deployment map has it."""

    account: str
    name: str
    model: str
    version: str
    type: str
    region: str


class CorrectedCharge(msgspec.Struct, frozen=True, rename="camel"):
    """What had been billed of a charge of a closed period, and what a correction makes of that."""

    period: Month
    charge_id: str
    reason: str
    was_there: bool
    quantity_before: str
    cost_before: str | None
    quantity_after: str
    cost_after: str


class PartOfSplit(msgspec.Struct, frozen=True, rename="camel"):
    """What one cost centre used and pays of a shared cost; `used` is None where use decides nothing."""

    cost_centre: str
    used: str | None
    ratio: str
    exact_cost: str
    cost: str


class Split(msgspec.Struct, frozen=True):
    """A shared cost as a whole; `agrees` where the ratios of its parts sum to 1."""

    id: str
    name: str
    kind: str
    basis: str
    measure: str
    source: str
    corrects: str
    whole: str
    ratios: str
    agrees: bool
    parts: list[PartOfSplit]


class EventsOfRecord(msgspec.Struct, frozen=True):
    """The events of the ledger behind a record; `first` lists as many as the limit allows."""

    count: int
    quantity: int
    agrees: bool
    first: tuple[TracedEvent, ...]


class RecordOfCharge(msgspec.Struct, frozen=True, rename="camel"):
    """A usage record that a charge was made from, with its quantity in each UTC hour."""

    day: UtcDay
    line_id: str
    hours: dict[str, int]
    quantity: int
    events: EventsOfRecord


class ExplainedCharge(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One charge in full: what each kind of charge has. `corrects` is there for corrections alone."""

    charge_id: str
    kind: str
    date: BookDate
    state: str
    meter: str
    unit: str
    quantity: str
    calculation: Calculation | None
    exact_cost: str | None
    rounding: str | None
    cost: str | None
    list_cost: str | None
    contracted_cost: str | None
    currency: str
    dimensions: dict[str, str]
    corrects: CorrectedCharge | UnsetType = UNSET


class ExplainedShare(ExplainedCharge, frozen=True, kw_only=True, rename="camel"):
    """A part of a shared cost, with the split that it comes from."""

    shared_cost: Split


class ExplainedUsage(ExplainedCharge, frozen=True, kw_only=True, rename="camel"):
    """A charge for usage, down to its events.

    Attributes:
        configuration: which one has the price, the rule and the deployment.
        disagreements: what does not add up between the row, the books and the ledger.
    """

    configuration: str
    price: KnownPrice | UnknownPrice | None
    rule: MatchedRule | None
    deployment: MappedDeployment | None
    records: list[RecordOfCharge]
    disagreements: list[str]


class Explanation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a cost centre pays what it pays in a period. `charge` is there where one was asked for."""

    billing_period: str
    cost_centre: str
    currency: str
    cost: str
    other_currencies: dict[str, str]
    kinds: dict[str, KindSum]
    unpriced_rows: int
    unsettled_requests: int
    centres_below: CentresBelow
    model: str
    usage: list[UsageGroup]
    usage_left_out: GroupsLeftOut
    shared: list[ShareOfCost]
    corrections: list[CorrectionListed]
    corrections_left_out: CorrectionsLeftOut
    is_closed: bool
    charge: ExplainedCharge | UnsetType = UNSET
