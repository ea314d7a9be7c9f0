"""The catalogue in config/ as it is shipped."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.adapters.catalogue_files import load_catalogue
from chargeback.adapters.models_file import load_models
from chargeback.domain.catalogue import Deployment, DeploymentType
from chargeback.domain.meters import Meter
from tests.builders import NOW
from tests.domain.catalogues import usage_line

CONFIG = Path(__file__).parents[2] / "config"
CATALOGUE = load_catalogue(CONFIG)
DEPLOYMENTS = [each for names in CATALOGUE.deployments.values() for each in names.values()]

MODELS = load_models(CONFIG)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: f"{each.account}/{each.name}")
def test_every_deployment_has_prices_for_what_it_is_billed_by(deployment: Deployment) -> None:
    model = MODELS.find(deployment.model, deployment.version)
    assert model is not None
    tiers = set(model.tiers) - (set() if deployment.type is DeploymentType.GLOBAL_STANDARD else {"flex"})

    for tier in tiers:
        line = usage_line(
            model="",
            deployment=deployment.name,
            backend=f"{deployment.account}-a1b2c3.openai.azure.com",
            service_tier=tier,
        )
        for meter in model.meters:
            price = CATALOGUE.price(line, Meter(meter), datetime(2026, 11, 1, tzinfo=UTC))

            assert price.per_million > 0


def test_the_price_cut_of_o3_holds_from_its_hour_and_not_before() -> None:
    cut = datetime(2025, 6, 10, tzinfo=UTC)
    key = next(key for key in CATALOGUE.prices if key.model == "o3" and key.meter is Meter.OUTPUT)

    before, after = CATALOGUE.prices[key]

    assert (before.per_million, before.effective_to) == (Decimal(40), cut)
    assert (after.per_million, after.effective_from) == (Decimal(8), cut)


def test_a_rule_of_the_shipped_cost_centres_pays_for_each_subscription() -> None:
    paid = {
        name: CATALOGUE.allocation.cost_centre(usage_line(subscription=name), NOW)[0]
        for name in ("search", "support", "research")
    }

    assert paid == {"search": "product/search", "support": "product/support", "research": "research"}


def test_a_batch_costs_half_of_the_same_at_once() -> None:
    at_once = {
        "GlobalBatch": DeploymentType.GLOBAL_STANDARD,
        "DataZoneBatch": DeploymentType.DATA_ZONE_STANDARD,
    }
    batches = [key for key in CATALOGUE.prices if key.deployment_type in at_once]

    for key in batches:
        batch = CATALOGUE.prices[key][-1].per_million
        full = CATALOGUE.prices[key._replace(deployment_type=at_once[key.deployment_type])][-1].per_million
        # Published prices are rounded: a twentieth is more than any of them is off.
        assert abs(batch * 2 - full) <= full / 20, key

    assert len(batches) > 50
