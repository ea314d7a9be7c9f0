"""Reserved capacity is paid once: its calls cost nothing by themselves, and its price is split by their tokens."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Allocation, CostCentre, Rule
from chargeback.domain.cost_centres.tree import UNALLOCATED
from chargeback.domain.deployments.deployment import PROVISIONED, Deployment, DeploymentType
from chargeback.domain.money.exact import EXACT, total
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.terms.shared_costs import (
    Basis,
    BasisMeasure,
    Capacity,
    CostKind,
    DirectUsage,
    Per,
    Selection,
    SharedCost,
    amount,
    measured,
    split,
)
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import Effective
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import TOOLS, UNITS, Meter, Quantities
from tests.support.catalogues import START, dated, usage_line

DAY = "2026-03-20"
MARCH = Effective(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
HOST = "oai-eastus2-x1.openai.azure.com"
TREE = (CostCentre("product", "Product"), CostCentre("research", "Research"))
RULES = (Rule("search", {"subscription": "search"}, "product"), Rule("lab", {"subscription": "lab"}, "research"))


def deployed(name: str, kind: DeploymentType) -> Deployment:
    return Deployment("oai-eastus2", "eastus2", name, "gpt-4o", "2024-11-20", kind)


def card(kind: DeploymentType = DeploymentType.GLOBAL_PROVISIONED_MANAGED, *, priced: bool = False) -> Catalogue:
    """A provisioned deployment, and a standard one that takes what it cannot; only the standard one has prices."""
    prices = dated(Meter.INPUT, (START, "2.50")) | dated(Meter.OUTPUT, (START, "10.00"))
    if priced:
        prices |= dated(Meter.INPUT, (START, "2.50"), deployment_type=kind)
    places = {"gpt-4o-ptu": deployed("gpt-4o-ptu", kind), "gpt-4o": deployed("gpt-4o", DeploymentType.GLOBAL_STANDARD)}
    return Catalogue("USD", prices, {"oai-eastus2": places}, Allocation(TREE, RULES))


def record(catalogue: Catalogue, quantities: Quantities, **dimensions: str) -> UsageRecord:
    line: Line = usage_line(backend=HOST, **dimensions)
    return rate(DAY, line, {9: quantities}, EffectiveCatalogues(catalogue))


def used(record: UsageRecord, account: str = "oai-eastus2") -> DirectUsage:
    """What a record of one part says of its deployment's use."""
    (part,) = record.parts
    return DirectUsage(
        part.cost_centre,
        account,
        record.line.deployment,
        record.deployment_type,
        record.line.model,
        total([charge.cost for charge in part.charges if charge.cost is not None]),
        sum(charge.quantity for charge in part.charges if UNITS[charge.meter] == "tokens"),
        sum(charge.quantity for charge in part.charges if charge.meter is Meter.REQUESTS),
        sum(charge.quantity for charge in part.charges if charge.meter is Meter.CACHED_INPUT),
        sum(charge.quantity for charge in part.charges if charge.meter is Meter.OUTPUT),
    )


@pytest.mark.parametrize("kind", sorted(PROVISIONED))
@pytest.mark.parametrize("priced", [False, True])
@pytest.mark.parametrize("meter", [each for each in Meter if each not in {*TOOLS, Meter.REQUESTS, Meter.UNKNOWN}])
def test_a_call_of_a_provisioned_deployment_costs_nothing_and_is_never_unpriced(
    kind: DeploymentType, meter: Meter, *, priced: bool
) -> None:
    rated = record(card(kind, priced=priced), {meter: 1_000_000}, deployment="gpt-4o-ptu", variant="long-context")

    (charge,) = rated.charges
    assert (charge.state, charge.price_id, charge.cost) == ("exact", "provisioned", Decimal(0))
    assert (charge.per_million, charge.list_per_million, charge.contracted_per_million) == (0, 0, 0)


def test_a_stream_of_a_provisioned_deployment_without_counts_is_unsettled() -> None:
    (charge,) = record(card(), {Meter.REQUESTS: 1}, deployment="gpt-4o-ptu", state="unsettled").charges

    assert (charge.state, charge.cost) == ("unsettled", None)


def test_a_month_of_reserved_capacity_with_spill_over_is_paid_to_the_last_digit() -> None:
    catalogue = card()
    # The reservation takes 700 000 tokens of product and 1 400 000 of research; 100 000 of product spill over.
    reserved = [
        record(catalogue, {Meter.INPUT: 500_000, Meter.OUTPUT: 200_000, Meter.REQUESTS: 5}, deployment="gpt-4o-ptu"),
        record(catalogue, {Meter.INPUT: 1_400_000, Meter.REQUESTS: 7}, deployment="gpt-4o-ptu", subscription="lab"),
    ]
    spilled = record(catalogue, {Meter.INPUT: 80_000, Meter.OUTPUT: 20_000, Meter.REQUESTS: 1}, deployment="gpt-4o")
    # 50 units at a dollar an hour in the 744 hours of March.
    capacity = SharedCost(
        cost_id="ptu",
        name="Reserved capacity",
        kind=CostKind.PROVISIONED,
        price=Decimal("1.00"),
        per=Per.HOUR,
        units=50,
        currency="USD",
        basis=Basis.USAGE,
        measure=BasisMeasure.TOKENS,
        of=Selection(deployments=("gpt-4o-ptu",)),
    )

    whole = amount(capacity, "2026-03", Calendar())
    ratios = split(capacity, measured(capacity, map(used, [*reserved, spilled]), MARCH))
    parts = {centre: EXACT.multiply(whole, ratio) for centre, ratio in ratios.items()}

    assert [used(each).cost for each in reserved] == [0, 0]
    # 0.08 * 2.50 + 0.02 * 10.00
    assert used(spilled).cost == Decimal("0.4")
    assert whole == Decimal(37_200)
    # 700 000 and 1 400 000 of 2 100 000: a third and two thirds.
    assert ratios == {"product": Decimal("0.333333333333"), "research": Decimal("0.666666666667")}
    assert parts == {"product": Decimal("12399.9999999876"), "research": Decimal("24800.0000000124")}
    assert total(list(parts.values())) == whole


def test_capacity_that_nobody_uses_is_shown_as_unallocated() -> None:
    idle = SharedCost(
        "ptu", "Idle", CostKind.PROVISIONED, Decimal(1), Per.HOUR, "USD", Basis.USAGE, measure=BasisMeasure.TOKENS
    )

    assert split(idle, measured(idle, [], MARCH)) == {UNALLOCATED: Decimal(1)}


FIFTY = SharedCost(
    cost_id="ptu",
    name="Reserved capacity",
    kind=CostKind.PROVISIONED,
    price=Decimal("1.00"),
    per=Per.HOUR,
    units=50,
    currency="USD",
    basis=Basis.USAGE,
    measure=BasisMeasure.TOKENS,
    of=Selection(deployments=("gpt-4o-ptu",)),
    capacity=Capacity(Decimal(2_500), Decimal(4), "platform/idle"),
)


def test_one_small_call_does_not_pay_for_capacity_that_stays_idle() -> None:
    """50 units of 2 500 tokens a minute could take 5 580 000 000 in the 744 hours of March."""
    call = record(card(), {Meter.INPUT: 1_000, Meter.REQUESTS: 1}, deployment="gpt-4o-ptu")

    shares = split(FIFTY, measured(FIFTY, [used(call)], MARCH))

    assert shares == {"platform/idle": Decimal("0.999999820789"), "product": Decimal("0.000000179211")}
    assert total(shares.values()) == 1
    assert [FIFTY.meter_of(centre) for centre in shares] == ["provisioned-idle", "provisioned"]


def test_generated_tokens_take_as_much_as_stated_and_cached_ones_nothing() -> None:
    """300 000 000 that were read, 200 000 000 cached, 200 000 000 generated, each as four: 1 100 000 000."""
    quantities = {Meter.INPUT: 300_000_000, Meter.CACHED_INPUT: 200_000_000, Meter.OUTPUT: 200_000_000}
    call = used(record(card(), {**quantities, Meter.REQUESTS: 9}, deployment="gpt-4o-ptu"))

    assert measured(FIFTY, [call], MARCH) == {"product": 1_100_000_000, "platform/idle": 4_480_000_000}


def test_capacity_that_is_used_beyond_what_was_stated_leaves_nothing_idle() -> None:
    calls = [
        used(record(card(), {Meter.INPUT: quantity}, deployment="gpt-4o-ptu", subscription=team))
        for team, quantity in (("search", 9_000_000_000), ("lab", 3_000_000_000))
    ]

    shares = split(FIFTY, measured(FIFTY, calls, MARCH))

    assert {centre: ratio for centre, ratio in shares.items() if ratio} == {
        "product": Decimal("0.75"),
        "research": Decimal("0.25"),
    }


@pytest.mark.parametrize("measure", [BasisMeasure.TOKENS, BasisMeasure.COST])
def test_evenly_those_pay_who_used_the_capacity(measure: BasisMeasure) -> None:
    """3 000 000 and 1 000 000 tokens, which cost nothing by themselves, are half each."""
    even = replace(FIFTY, basis=Basis.EVEN, capacity=None, measure=measure)
    calls = [
        used(record(card(), {Meter.INPUT: quantity}, deployment="gpt-4o-ptu", subscription=team))
        for team, quantity in (("search", 3_000_000), ("lab", 1_000_000))
    ]

    assert split(even, measured(even, calls, MARCH)) == {"product": Decimal("0.5"), "research": Decimal("0.5")}
