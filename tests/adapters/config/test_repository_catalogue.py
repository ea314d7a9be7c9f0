"""The catalogue in config/ as it is shipped."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.models import load_models
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.price_ratios import oddities
from chargeback.domain.deployments.deployment import Deployment, DeploymentType
from chargeback.domain.money.exact import to_text
from chargeback.domain.usage.meters import Meter
from stack.example import EXAMPLE_CONFIG
from tests.support.builders import NOW
from tests.support.catalogues import price_in_force, usage_line

CONFIG = EXAMPLE_CONFIG
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
            price = price_in_force(CATALOGUE, line, Meter(meter), datetime(2026, 11, 1, tzinfo=UTC))

            assert price.per_million > 0


def test_the_price_cut_of_o3_holds_from_its_hour_and_not_before() -> None:
    cut = datetime(2025, 6, 1, tzinfo=UTC)
    key = next(key for key in CATALOGUE.prices if key.model == "o3" and key.meter is Meter.OUTPUT)

    before, after = CATALOGUE.prices[key]

    assert (before.per_million, before.effective.end) == (Decimal(40), cut)
    assert (after.per_million, after.effective.start) == (Decimal(8), cut)


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


def amount(
    model: str, kind: str, region: str, meter: str, moment: str, tier: str = "default", variant: str = ""
) -> str | None:
    """The list price per million; None where there is none."""
    place = Deployment("oai-a", region, "d", model, "", DeploymentType(kind))
    card = Catalogue("USD", CATALOGUE.prices, {"oai-a": {"d": place}}, CATALOGUE.allocation)
    line = usage_line(model=model, deployment="d", backend="oai-a.openai.azure.com", service_tier=tier, variant=variant)
    price = card.find_price(line, Meter(meter), datetime.fromisoformat(f"{moment}T00:00:00Z"))
    return to_text(price.list_per_million) if price else None


SOL = [("input_tokens", "5", "4"), ("cached_input_tokens", "0.5", "0.4"), ("output_tokens", "30", "20")]
GLOBAL, ZONE, REGION = "GlobalStandard", "DataZoneStandard", "Standard"


@pytest.mark.parametrize("model", ["gpt-5.6", "gpt-5.6-sol"])
@pytest.mark.parametrize(("meter", "before", "after"), [*SOL, ("cache_write_tokens", "6.25", "5")])
def test_sol_costs_the_promised_price_from_september_on(model: str, meter: str, before: str, after: str) -> None:
    assert amount(model, GLOBAL, "eastus2", meter, "2026-08-31") == before
    assert amount(model, GLOBAL, "eastus2", meter, "2026-09-01") == after


def test_what_azure_promised_until_the_end_of_november_is_marked() -> None:
    promised = {price.promised_until for dated in CATALOGUE.prices.values() for price in dated if price.promised_until}
    models = {key.model for key, dated in CATALOGUE.prices.items() if any(each.promised_until for each in dated)}

    assert (promised, models) == ({datetime(2026, 12, 1, tzinfo=UTC)}, {"gpt-5.6", "gpt-5.6-sol"})


FACTS = [
    ("gpt-5.6-terra", GLOBAL, "eastus2", "output_tokens", "2026-07-31", "15"),
    ("gpt-5.6-terra", GLOBAL, "eastus2", "output_tokens", "2026-08-01", "12"),
    ("gpt-5.6-luna", GLOBAL, "eastus2", "input_tokens", "2026-07-31", "1"),
    ("gpt-5.6-luna", GLOBAL, "eastus2", "input_tokens", "2026-08-01", "0.2"),
    ("gpt-5.4-pro", GLOBAL, "eastus2", "cached_input_tokens", "2026-11-01", "30"),
    ("whisper", REGION, "eastus2", "audio_seconds", "2026-11-01", "110"),
    ("whisper", REGION, "swedencentral", "audio_seconds", "2026-11-01", "121"),
    ("whisper", REGION, "westeurope", "audio_seconds", "2026-11-01", "132"),
    ("whisper", REGION, "francecentral", "audio_seconds", "2026-11-01", None),
    ("whisper", GLOBAL, "eastus2", "audio_seconds", "2026-11-01", "100"),
    ("text-embedding-3-small", REGION, "francecentral", "input_tokens", "2026-11-01", "0.025"),
    ("text-embedding-3-small", REGION, "eastus2", "input_tokens", "2025-08-31", "0.02"),
    ("text-embedding-3-large", REGION, "eastus2", "input_tokens", "2025-08-31", "0.13"),
    ("text-embedding-ada-002", REGION, "swedencentral", "input_tokens", "2026-11-01", "0.121"),
    ("text-embedding-ada-002", GLOBAL, "eastus2", "input_tokens", "2026-11-01", "0.1"),
    ("gpt-4o-2024-11-20", REGION, "uksouth", "input_tokens", "2026-11-01", "3.025"),
    ("gpt-4o-2024-11-20", REGION, "northeurope", "input_tokens", "2026-11-01", "3.3"),
    ("gpt-4o-2024-11-20", REGION, "japaneast", "input_tokens", "2026-11-01", None),
    ("o4-mini-2025-04-16", REGION, "swedencentral", "input_tokens", "2026-11-01", "1.331"),
    ("tts-hd", REGION, "swedencentral", "characters", "2026-11-01", "36.3"),
    ("gpt-5.5", ZONE, "swedencentral", "input_tokens", "2026-11-01", "5.5"),
    ("gpt-5.5", ZONE, "japaneast", "input_tokens", "2026-11-01", "6"),
    ("gpt-5.5", ZONE, "japaneast", "input_tokens", "2026-05-31", None),
    ("gpt-5.4", ZONE, "japaneast", "input_tokens", "2026-11-01", None),
    ("gpt-5.2", ZONE, "southindia", "output_tokens", "2026-11-01", "16.8"),
    ("gpt-4o-2024-05-13", ZONE, "eastus2", "input_tokens", "2025-08-31", "5"),
    ("gpt-chat-latest", GLOBAL, "eastus2", "output_tokens", "2026-11-01", "30"),
    ("gpt-realtime-mini-2025-10-06", GLOBAL, "eastus2", "cached_input_audio_tokens", "2026-11-01", "0.3"),
    ("gpt-realtime-2.1", GLOBAL, "eastus2", "output_audio_tokens", "2026-11-01", "64"),
    ("gpt-realtime-whisper", GLOBAL, "eastus2", "audio_seconds", "2026-11-01", "283.333333333333"),
    ("gpt-image-2-2026-04-21", GLOBAL, "eastus2", "cached_input_image_tokens", "2026-11-01", "2"),
    ("gpt-image-2.5-flare", GLOBAL, "eastus2", "output_image_tokens", "2026-11-01", "30"),
    ("o4-mini-2025-04-16", GLOBAL, "eastus2", "training_seconds", "2026-11-01", "27777.777777777778"),
    ("gpt-4.1-2025-04-14", "DeveloperTier", "eastus2", "training_tokens", "2026-11-01", "12.5"),
    ("gpt-5.4", "ProvisionedManaged", "eastus2", "file_search_calls", "2026-11-01", "2500"),
    ("gpt-5.4", REGION, "eastus2", "code_interpreter_sessions", "2026-11-01", "30000"),
]


@pytest.mark.parametrize(("model", "kind", "region", "meter", "day", "price"), FACTS)
def test_the_card_has_what_azure_publishes(
    model: str, kind: str, region: str, meter: str, day: str, price: str | None
) -> None:
    assert amount(model, kind, region, meter, day) == price


def test_data_zones_of_the_newest_models_cost_more_in_europe() -> None:
    prices = [
        amount("gpt-6-sol", ZONE, region, "input_tokens", "2026-11-01", "priority")
        for region in ("westus", "spaincentral")
    ]

    assert prices == ["4.4", "4.8"]


def test_every_price_says_how_it_is_known_and_when_it_was_read() -> None:
    every = [price for dated in CATALOGUE.prices.values() for price in dated]

    assert [price.price_id for price in every if price.verified is None or price.observed is None] == []


def test_the_card_keeps_the_proportions_of_azure_s_list_and_has_no_holes() -> None:
    """But for one doubtful entry, for which no meter of Azure was found: it is marked as assumed."""
    found = [price for price, _ in oddities(CATALOGUE.prices, datetime(2026, 11, 29, tzinfo=UTC))]

    assert {price.price_id for price in found} == {
        f"azure-openai/gpt-5.5/any/GlobalStandard/priority/long-context/{meter}@2026-04-23T00Z"
        for meter in ("input_tokens", "output_tokens")
    }
    assert {price.verified for price in found} == {"assumed"}
