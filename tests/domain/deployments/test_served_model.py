"""Which model a call is priced and reported as: the answer's, the map's, a router's choice."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import picodollars_per_unit, rate
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.usage.meters import Meter, Quantities
from tests.support.catalogues import START, catalogue, dated, price_in_force, usage_line

DAY = "2026-03-20"
CARD = (
    dated(Meter.INPUT, (START, "2.50"), version="2024-11-20")
    | dated(Meter.INPUT, (START, "5.00"), version="2024-05-13")
    | dated(Meter.INPUT, (START, "0.10"), model="gpt-4.1-nano", version="2025-04-14")
    | dated(Meter.INPUT, (START, "0.08"), model="gpt-4.1-nano", version="2025-02-01")
)


def deployed(name: str, *prices: dict, **changes: str) -> Catalogue:
    """A card with two snapshots of gpt-4o, and one deployment of the newer under any name."""
    whole = catalogue(CARD, *prices)
    one = replace(whole.deployments["oai-eastus2"]["gpt-4o"], name=name, **changes)  # type: ignore[arg-type]
    return Catalogue("USD", whole.prices, {"oai-eastus2": {name: one}}, whole.allocation)


def record(card: Catalogue, quantities: Quantities, **dimensions: str) -> UsageRecord:
    return rate(DAY, usage_line(**dimensions), {9: quantities}, EffectiveCatalogues(card))


@pytest.mark.parametrize(
    ("name", "answered", "price"),
    [
        ("gpt-5-01", "gpt-4o-2024-11-20", "2.50"),  # the header's snapshot
        ("gpt-5-01", "gpt-4o-2024-05-13", "5.00"),  # and that of another one, after the deployment was moved
        ("gpt-5-01", "gpt-5-01", "2.50"),  # a body that repeats the deployment's name says nothing
        ("o3-2025-04-16", "o3-2025-04-16", "2.50"),  # whatever the name looks like
        ("O3-2025-04-16", "o3-2025-04-16", "2.50"),
        ("gpt-5-01", "", "2.50"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-11-20", "2.50"),
        ("gpt-4o", "gpt-4o", "2.50"),
    ],
)
def test_a_deployment_may_have_any_name(name: str, answered: str, price: str) -> None:
    card = deployed(name.casefold() if name == "O3-2025-04-16" else name)

    found = price_in_force(card, usage_line(model=answered, deployment=name), Meter.INPUT, START)

    assert found.per_million == Decimal(price)


ROUTER = {"model": "model-router", "version": "2025-11-18"}


@pytest.mark.parametrize(
    ("answered", "price"),
    [("gpt-4.1-nano-2025-02-01", "0.08"), ("gpt-4.1-nano", "0.10"), ("gpt-4o-2024-05-13", "5.00")],
)
def test_a_router_s_call_costs_what_the_model_that_answered_does(answered: str, price: str) -> None:
    card = deployed("chat", **ROUTER)

    assert price_in_force(
        card, usage_line(model=answered, deployment="chat"), Meter.INPUT, START
    ).per_million == Decimal(price)


def test_a_router_s_fee_is_unpriced_until_the_card_has_it() -> None:
    line = {"model": "gpt-4.1-nano", "deployment": "chat"}
    counted = {Meter.INPUT: 700_000, Meter.CACHED_INPUT: 300_000}

    without = record(deployed("chat", **ROUTER), counted, **line)
    fee = dated(Meter.ROUTER, (START, "0.14"), model="model-router")
    cached = dated(Meter.CACHED_INPUT, (START, "0.025"), model="gpt-4.1-nano", version="2025-04-14")
    priced = record(deployed("chat", fee, cached, **ROUTER), counted, **line)

    found = {charge.meter: (charge.quantity, charge.state) for charge in without.charges}
    assert found[Meter.ROUTER] == (1_000_000, "unpriced")
    assert {charge.meter: charge.cost for charge in priced.charges} == {
        Meter.INPUT: Decimal("0.07"),
        Meter.CACHED_INPUT: Decimal("0.0075"),
        Meter.ROUTER: Decimal("0.14"),
    }
    assert priced.hours[9][Meter.ROUTER] == 1_000_000


def test_a_budget_sees_a_router_s_fee_on_each_token_of_the_prompt() -> None:
    card = deployed("chat", dated(Meter.ROUTER, (START, "0.14"), model="model-router"), **ROUTER)

    spent = picodollars_per_unit(usage_line(model="gpt-4.1-nano", deployment="chat"), START, card)

    assert spent == {Meter.INPUT: 240_000}


def test_only_a_router_s_calls_have_a_fee() -> None:
    assert {charge.meter for charge in record(deployed("chat"), {Meter.INPUT: 5}, deployment="chat").charges} == {
        Meter.INPUT
    }
