"""Tools of a call and a model router's fee are priced in addition to the tokens."""

from decimal import Decimal

from chargeback.adapters.config.rate_card import rate_card
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.deployments.deployment import Deployment, DeploymentType
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.usage.meters import Meter, Quantities
from tests.support.catalogues import usage_line

CARD = {
    "currency": "USD",
    "prices": [
        {
            "provider": "azure-openai",
            "deploymentTypes": ["GlobalStandard", "GlobalProvisionedManaged"],
            "effectiveFrom": "2026-01-01T00:00:00Z",
            "source": "test",
            "perThousand": {"file_search_calls": "2.50"},
            "perUnit": {"code_interpreter_sessions": "0.03"},
        },
        {
            "provider": "azure-openai",
            "model": "model-router",
            "deploymentTypes": ["GlobalStandard"],
            "effectiveFrom": "2026-01-01T00:00:00Z",
            "source": "test",
            "perMillion": {"router_input_tokens": "0.14"},
        },
    ],
}


def rated(deployed: str, kind: str, quantities: Quantities, **dimensions: str) -> UsageRecord:
    faults: list[str] = []
    card = rate_card(CARD, faults, thorough=True)
    assert faults == []
    place = Deployment("oai-eastus2", "eastus2", "d", deployed, "1", DeploymentType(kind))
    catalogue = Catalogue("USD", card.prices, {"oai-eastus2": {"d": place}}, Allocation((), ()))
    return rate("2026-03-20", usage_line(deployment="d", **dimensions), {9: quantities}, EffectiveCatalogues(catalogue))


def test_a_tool_costs_the_same_for_every_model_tier_and_length() -> None:
    used = {Meter.FILE_SEARCH: 4, Meter.CODE_INTERPRETER: 2}

    for dimensions in ({}, {"model": "gpt-5.4", "service_tier": "priority"}, {"variant": "long-context"}):
        assert rated("gpt-4o", "GlobalStandard", used, **dimensions).cost == Decimal("0.07")


def test_reserved_capacity_pays_for_no_tool() -> None:
    used = rated("gpt-4o", "GlobalProvisionedManaged", {Meter.FILE_SEARCH: 4, Meter.INPUT: 1_000_000})

    assert (used.cost, used.is_unpriced) == (Decimal("0.01"), False)


def test_a_tool_without_a_price_is_unpriced() -> None:
    assert rated("gpt-4o", "GlobalProvisionedManaged", {Meter.WEB_SEARCH: 1}).is_unpriced


def test_the_fee_of_a_model_router_is_that_of_its_deployment_whatever_model_it_chose() -> None:
    routed = rated("model-router", "GlobalStandard", {Meter.ROUTER: 1_000_000}, model="gpt-5.4-2026-03-05")

    assert routed.cost == Decimal("0.14")


def test_only_a_tool_s_price_may_be_for_every_model() -> None:
    faults: list[str] = []
    (entry, _) = CARD["prices"]
    rate_card({"currency": "USD", "prices": [entry | {"perMillion": {"input_tokens": "1"}}]}, faults)

    assert faults == [
        "prices[0].model: is missing; only code_interpreter_sessions, file_search_calls and web_search_calls"
        " may have a price for every model"
    ]
