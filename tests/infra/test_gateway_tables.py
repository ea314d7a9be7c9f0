"""Bicep and the local gateway derive the same named values and fragments from the same files."""

from typing import Any

import pytest

from chargeback.adapters.config.gateway_tables import fragments, geographies, primary_first
from stack.bicep.files import INFRA, File
from stack.example import EXAMPLE_CONFIG
from stack.gateway.named_values import load_config, named_values

PROFILES = ["trial", "staging", "production"]
LACKING = {
    "one": [
        {"name": "gpt-4o", "type": "DataZoneStandard"},
        {"name": "tts", "type": "Standard"},
        {"name": "b", "type": "GlobalBatch"},
    ],
    "two": [
        {"name": "gpt-4o", "type": "ProvisionedManaged"},
        {"name": "b.1", "type": "DataZoneBatch"},
        {"name": "b.2", "type": "GlobalBatch"},
    ],
    "three": [
        {"name": "whisper", "type": "Standard"},
        {"name": "gpt-4o", "type": "GlobalStandard", "model": "gpt-4o"},
        {"name": "a", "type": "Standard", "model": "gpt-5-chat"},
        {"name": "thinks", "type": "Standard", "model": "gpt-5.4"},
    ],
}
UNEVEN: dict[str, Any] = {
    "geographies": [
        {
            "id": "eu",
            "name": "E",
            "regions": ["one", "r1", "r2"],
            "failover": ["us", "asia"],
            "countries": ["DE", "FR"],
        },
        {"id": "us", "name": "U", "regions": ["x", "r3"], "failover": ["eu"]},
        {"id": "asia", "name": "A", "regions": ["r4"], "failover": []},
    ],
    "gateways": [{"region": "x", "primary": True}, {"region": "one"}],
    "accounts": [
        {"account": "a-late", "region": "r1", "priority": 3, "weight": 10, "deployments": "one"},
        {"account": "a-first", "region": "r2", "priority": 1, "weight": 90, "deployments": "two"},
        {"account": "b", "region": "r3", "priority": 2, "weight": 100, "deployments": "three"},
        {"account": "c", "region": "r4", "priority": 1, "weight": 100, "deployments": "one"},
    ],
    "products": [
        {
            "id": "p",
            "default": True,
            "residency": None,
            "tokensPerMinute": 5,
            "requestsPerMinute": 6,
            "exactStreams": True,
            "injectStreamUsage": False,
        },
        {
            "id": "q",
            "residency": "us",
            "tokensPerMinute": 7,
            "requestsPerMinute": 8,
            "exactStreams": False,
            "injectStreamUsage": True,
        },
        {
            "id": "r",
            "tokensPerMinute": 9,
            "requestsPerMinute": 10,
            "exactStreams": False,
            "injectStreamUsage": True,
            "localGatewayOnly": True,
            "withoutBudget": "allow",
            "withoutBudgetModels": ["gpt-4o", "thinks"],
            "objectOwner": "product",
            "streamedResponses": "closed",
            "operations": ["responses", "images"],
            "models": [],
            "tools": ["function"],
            "aliases": {"fast": {"us": "gpt-4o", "*": "tts"}, "best": {"one": "whisper"}},
        },
    ],
    "resilience": {"firstByteTimeout": 60, "answerTimeout": 230},
    "entra": {"requireRole": True},
    "deploymentSets": LACKING,
}


def deployed(profile: str) -> dict[str, Any]:
    """The part of the configuration that main.bicep deploys under a profile."""
    main = File(INFRA / "main.bicep", {"profile": profile, "overrides": {}, "dir": INFRA})
    names = ("gateways", "accounts", "geographies", "products", "subscriptions")
    found = {
        **{name: main["served"][name] for name in names},
        "deploymentSets": main["deploymentMap"]["deploymentSets"],
    }
    return {**found, **{name: main["gatewayMap"][name] for name in ("resilience", "entra")}}


def large() -> dict[str, Any]:
    """50 accounts with 50 deployments each and 200 products."""
    sets = {f"set-{s}": [{"name": f"team-model-{d}", "type": "GlobalStandard"} for d in range(50)] for s in range(5)}
    accounts = [
        {**UNEVEN["accounts"][0], "account": f"oai-region-{n:02}", "priority": n + 1, "deployments": f"set-{n % 5}"}
        for n in range(50)
    ]
    products = [{**UNEVEN["products"][0], "id": f"product-{n:03}"} for n in range(200)]
    geographies = [{"id": "eu", "name": "E", "regions": ["x", "one", "r1"], "failover": []}]
    return {
        **UNEVEN,
        "geographies": geographies,
        "accounts": accounts,
        "products": products,
        "deploymentSets": sets,
    }


@pytest.mark.parametrize("config", [*map(deployed, PROFILES), UNEVEN, large()], ids=[*PROFILES, "uneven", "large"])
def test_bicep_derives_the_tables_of_the_local_gateway(config: dict[str, Any]) -> None:
    expected = named_values(config)
    tables = File(INFRA / "gateway-tables.bicep")

    derived = {
        "gateway-regions": tables["regionsTable"](config["gateways"], config["accounts"], config["geographies"]),
        "client-countries": tables["countriesTable"](config["geographies"]),
        "geographies": tables["geographiesTable"](config["geographies"]),
        "plain-deployments": tables["plainDeployments"](
            [each for account in config["accounts"] for each in config["deploymentSets"][account["deployments"]]]
        ),
    }
    generated = tables["tableFragments"](
        config["products"], config["accounts"], config["geographies"], config["deploymentSets"]
    )

    assert derived == {name: expected[name] for name in derived}
    assert {each["name"]: each["value"] for each in generated} == fragments(config)


def test_production_deploys_the_whole_configuration() -> None:
    whole = load_config(EXAMPLE_CONFIG)

    config = deployed("production")

    assert {name: config[name] for name in ("gateways", "accounts", "geographies", "products")} == {
        name: whole[name] for name in ("gateways", "accounts", "geographies", "products")
    }


@pytest.mark.parametrize(
    ("profile", "regions"), [("trial", ["swedencentral"]), ("production", ["swedencentral", "eastus2"])]
)
def test_the_primary_gateway_is_the_first_wherever_it_stands(profile: str, regions: list[str]) -> None:
    whole = load_config(EXAMPLE_CONFIG)
    moved = {**whole, "gateways": whole["gateways"][::-1]}

    main = File(INFRA / "main.bicep", {"profile": profile, "overrides": {}, "dir": INFRA, "gatewayMap": moved})

    assert main["regions"] == regions
    assert [each["region"] for each in primary_first(moved["gateways"])][: len(regions)] == regions
    assert named_values(moved)["gateway-regions"].startswith("swedencentral=")


@pytest.mark.parametrize("profile", PROFILES[:2])
def test_one_region_offers_no_product_that_it_cannot_serve(profile: str) -> None:
    config = deployed(profile)

    served = {geographies(config)[account["region"]] for account in config["accounts"]}

    assert config["accounts"]
    assert {product["residency"] for product in config["products"]} <= served | {None}
    assert {s["product"] for s in config["subscriptions"]} <= {product["id"] for product in config["products"]}
    assert all(set(geography["failover"]) <= served for geography in config["geographies"])
