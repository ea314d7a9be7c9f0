"""Preflight compares the profile's sizes, zones and instances with what Azure gives this subscription."""

from typing import Any

import pytest
from deployment import Note
from preflight import check_environment_name
from preflight_limits import check_cosmos_zones, check_functions, check_redis, check_sizes, check_tiers

from tests.infra.hooks.conftest import LocalAzure
from tests.infra.hooks.subscriptions import BASE, GROUP, deployment, let_deploy, offered

PLACES = f"{BASE}/providers/Microsoft.Web/geoRegions"
USAGES = f"{BASE}/providers/Microsoft.Web/locations/swedencentral/usages"


def place(name: str, *domains: str) -> dict[str, Any]:
    return {"name": name, "properties": {"orgDomain": ";".join(["PUBLIC", *domains])}}


def production(**settings: Any) -> Any:
    zones = {"zoneRedundant": True, "functionZoneRedundant": True, "cosmosZones": "all"}
    return deployment(settings={"gatewaySku": "Premium", **zones, **settings})


@pytest.mark.parametrize(("units", "told"), [(1, True), (2, False), (3, True), (4, False)])
def test_units_that_do_not_spread_over_the_zones_are_told(units: int, told: object) -> None:
    found = list(check_sizes(production(gatewayUnits=units)))

    assert bool(found) is told
    assert all(isinstance(text, Note) and "Azure chooses their zones by itself" in text for text in found)


def test_a_gateway_without_zones_may_have_any_number_of_units() -> None:
    assert list(check_sizes(production(gatewayUnits=3, zoneRedundant=False))) == []


def test_zones_are_asked_of_the_region_of_the_functions(azure: LocalAzure) -> None:
    azure.on("GET", PLACES, (200, {"value": [place("Sweden Central"), place("East US 2", "FCZONEREDUNDANCY")]}))

    (found,) = check_functions(azure.client(), BASE, production())

    assert found.startswith("Flex Consumption functions have no zones in swedencentral, but in eastus2: choose another")
    assert list(check_functions(azure.client(), BASE, deployment())) == []
    assert (
        list(
            check_functions(
                azure.client(), BASE, deployment(location="eastus2", settings={"functionZoneRedundant": True})
            )
        )
        == []
    )


def test_a_tier_is_asked_of_the_regions_that_get_one(azure: LocalAzure) -> None:
    let_deploy(azure)
    gateways = [
        {"region": "swedencentral"},
        {"region": "westeurope"},
        {"region": "norwayeast", "resourceId": "/s/apim"},
    ]

    (found,) = check_tiers(azure.client(), BASE, deployment(gateways=gateways))

    assert found == (
        "Microsoft.ApiManagement does not offer BasicV2 in westeurope, but in eastus2, swedencentral:"
        " choose another region, or another gatewaySku in the overrides."
    )


def test_a_tier_that_the_subscription_may_not_have_is_not_offered(azure: LocalAzure) -> None:
    let_deploy(azure)
    restricted = offered("Standard_RAGZRS", {"type": "Location", "reasonCode": "NotAvailableForSubscription"})
    azure.on("GET", f"{BASE}/providers/Microsoft.Storage/skus", (200, {"value": [restricted]}))

    (found,) = check_tiers(azure.client(), BASE, deployment(settings={"storageSku": "Standard_RAGZRS"}))

    assert found.startswith("Microsoft.Storage does not offer Standard_RAGZRS in swedencentral, but in no region:")


def test_a_service_that_exists_asks_for_no_tier(azure: LocalAzure) -> None:
    let_deploy(azure)

    there = deployment(gateways=[{"region": "westeurope", "resourceId": "/s/apim"}])

    assert list(check_tiers(azure.client(), BASE, there)) == []
    assert not [asked for asked in azure.asked if "ApiManagement/skus" in asked.path]


def test_more_instances_than_the_quota_of_the_region_carries_are_a_warning(azure: LocalAzure) -> None:
    azure.on("GET", PLACES, (200, {"value": [place("Sweden Central")]}))
    large = deployment(settings={"functionMaximumInstances": 200, "functionMemoryMB": 4096})

    (found,) = check_functions(azure.client(), BASE, large)

    assert "may grow to 819,200 MB (200 instances), and this subscription has 512,000 MB" in found
    azure.on("GET", USAGES, (200, {"value": [{"name": {"value": "Flex Consumption memory"}, "limit": 1_000_000}]}))
    assert list(check_functions(azure.client(), BASE, large)) == []


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"supportsAvailabilityZone": True, "isSubscriptionRegionAccessAllowedForAz": True}, []),
        (
            {"supportsAvailabilityZone": True, "isSubscriptionRegionAccessAllowedForAz": False},
            ["this subscription may not"],
        ),
        ({"supportsAvailabilityZone": False}, ["Cosmos DB has no zones in eastus2"]),
    ],
)
def test_zones_of_cosmos_are_asked_for_in_both_regions(
    azure: LocalAzure, properties: dict[str, bool], words: list[str]
) -> None:
    azure.on("GET", f"{BASE}/providers/Microsoft.DocumentDB/locations/eastus2", (200, {"properties": properties}))
    wanted = production(cosmosMaxThroughput=1000)
    wanted.gateways.append({"region": "eastus2"})

    found = list(check_cosmos_zones(azure.client(), BASE, wanted))

    assert [text[: len(word)] for text, word in zip(found, words, strict=True)] == words
    assert [asked.path.partition("?")[0].rpartition("/")[2] for asked in azure.asked] == ["swedencentral", "eastus2"]


def test_a_redis_that_failed_to_be_made_is_named_with_the_command_that_removes_it(azure: LocalAzure) -> None:
    path = f"{GROUP}/providers/Microsoft.Cache/redisEnterprise"
    cluster = {"id": f"{path}/redis-1", "name": "redis-1", "properties": {"provisioningState": "Failed"}}
    azure.on("GET", path, (200, {"value": [cluster]}))

    (found,) = check_redis(azure.client(), BASE, "rg-env")

    assert f"az resource delete --ids {path}/redis-1" in found


@pytest.mark.parametrize("name", ["a.b", "a(b)", "A_b-1", "x" * 64])
def test_what_azd_accepts_as_a_name_is_accepted(name: str) -> None:
    assert list(check_environment_name(name)) == []


@pytest.mark.parametrize("name", ["a.", "x" * 65, "ä", ""])
def test_a_name_that_no_resource_group_may_have_is_refused_before_anything_is_made(name: str) -> None:
    (found,) = check_environment_name(name)

    assert "azd env new" in found
