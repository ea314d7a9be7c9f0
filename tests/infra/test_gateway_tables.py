"""Bicep and the local gateway derive the same tables and pools from the same files."""

from typing import Any

import pytest

from scripts.bicep.files import INFRA, ROOT, File
from scripts.named_values import load_config, named_values, pools

PROFILES = ["trial", "staging", "production"]
LACKING = {
    "one": [{"name": "gpt-4o"}, {"name": "tts"}],
    "two": [{"name": "gpt-4o"}],
    "three": [{"name": "whisper"}, {"name": "gpt-4o"}],
}
UNEVEN: dict[str, Any] = {
    "geographies": [
        {"id": "eu", "name": "E", "failover": ["us", "asia"], "countries": ["DE", "FR"]},
        {"id": "us", "name": "U", "failover": ["eu"]},
        {"id": "asia", "name": "A", "failover": []},
    ],
    "gateways": [{"region": "one", "geography": "eu"}, {"region": "x", "geography": "us"}],
    "accounts": [
        {"account": "a-late", "region": "r1", "geography": "eu", "priority": 3, "weight": 10, "deployments": "one"},
        {"account": "a-first", "region": "r2", "geography": "eu", "priority": 1, "weight": 90, "deployments": "two"},
        {"account": "b", "region": "r3", "geography": "us", "priority": 2, "weight": 100, "deployments": "three"},
        {"account": "c", "region": "r4", "geography": "asia", "priority": 1, "weight": 100, "deployments": "one"},
    ],
    "products": [
        {
            "id": "p",
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
    ],
    "deploymentSets": LACKING,
}


def deployed(profile: str) -> dict[str, Any]:
    """The part of the configuration that main.bicep deploys under a profile."""
    main = File(INFRA / "main.bicep", {"profile": profile, "overrides": {}, "dir": INFRA})
    names = ("gateways", "accounts", "geographies", "products", "subscriptions")
    return {**{name: main[name] for name in names}, "deploymentSets": main["deploymentMap"]["deploymentSets"]}


def derived(config: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The tables and the pools as gateway-configuration.bicep works them out."""
    tables = File(INFRA / "gateway-tables.bicep")
    geographies, accounts = config["geographies"], config["accounts"]
    found = tables["allPools"](geographies, accounts, config["deploymentSets"])
    return {
        "products": tables["productsTable"](config["products"]),
        "gateway-regions": tables["regionsTable"](config["gateways"], accounts),
        "client-countries": tables["countriesTable"](geographies),
        "geography-accounts": tables["accountsTable"](geographies, accounts),
        "deployment-pools": tables["deploymentPoolsTable"](found),
    }, {pool["name"]: {(m["account"], m["priority"], m["weight"]) for m in pool["members"]} for pool in found}


@pytest.mark.parametrize("config", [*map(deployed, PROFILES), UNEVEN], ids=[*PROFILES, "uneven"])
def test_bicep_derives_the_tables_and_pools_of_the_local_gateway(config: dict[str, Any]) -> None:
    expected = named_values(config)
    expected_pools = {
        name: {(m.account, m.priority, m.weight) for m in members} for name, members in pools(config).items()
    }

    tables, found = derived(config)

    assert tables == {name: expected[name] for name in tables}
    assert found == expected_pools


def test_an_account_that_lacks_a_deployment_is_left_out_of_its_pool() -> None:
    _, found = derived(UNEVEN)

    assert {account for account, *_ in found["pool-eu-tts"]} == {"a-late"}


def test_production_deploys_the_whole_configuration() -> None:
    whole = load_config(ROOT / "config")

    config = deployed("production")

    assert {name: config[name] for name in ("gateways", "accounts", "geographies", "products")} == {
        name: whole[name] for name in ("gateways", "accounts", "geographies", "products")
    }


@pytest.mark.parametrize("profile", PROFILES[:2])
def test_one_region_offers_no_product_that_it_cannot_serve(profile: str) -> None:
    config = deployed(profile)

    served = {account["geography"] for account in config["accounts"]}

    assert config["accounts"]
    assert {product["residency"] for product in config["products"]} <= served | {None}
    assert {s["product"] for s in config["subscriptions"]} <= {product["id"] for product in config["products"]}
    assert all(set(geography["failover"]) <= served for geography in config["geographies"])
