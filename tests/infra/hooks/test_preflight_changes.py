"""Preflight refuses what Azure would refuse half-way: changes of what exists that cannot be made in place."""

from typing import Any

import pytest
from deployment import Deployment
from preflight import check
from preflight_changes import check_resources, has_functions, locked_containers, policy_of

from tests.infra.hooks.conftest import LocalAzure
from tests.infra.hooks.subscriptions import BASE, GROUP, deployment

INSIDE = f"{GROUP}/providers"
STORAGE = f"{INSIDE}/Microsoft.Storage/storageAccounts"
BOOKS = {"id": f"{STORAGE}/stbooks1", "name": "stbooks1", "sku": {"name": "Standard_LRS"}, "properties": {}}


def differences(azure: LocalAzure, wanted: Deployment) -> list[str]:
    return list(check_resources(azure.client(), BASE, "rg-env", wanted))


def test_another_profile_is_refused_before_anything_is_touched(willing: LocalAzure) -> None:
    willing.on("GET", GROUP, (200, {"tags": {"profile": "staging"}}))

    (found,) = check(willing.client(), deployment(), "sub", "env")

    assert found == (
        "this environment was deployed as staging, and trial cannot be reached from it in place:"
        " azd env new <another name>, or azd env set CHARGEBACK_PROFILE staging"
    )


def test_the_same_profile_again_changes_nothing(willing: LocalAzure) -> None:
    willing.on("GET", GROUP, (200, {"tags": {"profile": "trial"}}))

    assert list(check(willing.client(), deployment(), "sub", "env")) == []


@pytest.mark.parametrize(
    ("kind", "resource", "changes", "words"),
    [
        (
            "Microsoft.ApiManagement/service",
            {"sku": {"name": "BasicV2"}, "properties": {}},
            {"gatewaySku": "Premium"},
            "is BasicV2, from which Premium cannot be reached in place",
        ),
        (
            "Microsoft.ApiManagement/service",
            {"sku": {"name": "BasicV2"}, "properties": {"virtualNetworkType": "External"}},
            {},
            "is in a network, which it cannot leave",
        ),
        (
            "Microsoft.ApiManagement/service",
            {"sku": {"name": "Premium"}, "properties": {"additionalLocations": [{"location": "East US 2"}]}},
            {"gatewayTopology": "perRegion", "gatewaySku": "Premium"},
            "do not become perRegion",
        ),
        (
            "Microsoft.DocumentDB/databaseAccounts",
            {"properties": {"capabilities": [{"name": "EnableServerless"}]}},
            {"cosmosMaxThroughput": 1000},
            "is serverless for ever",
        ),
        (
            "Microsoft.DocumentDB/databaseAccounts",
            {
                "properties": {
                    "capabilities": [{"name": "EnableServerless"}],
                    "locations": [{"locationName": "Sweden Central", "isZoneRedundant": False}],
                }
            },
            {"cosmosZones": "all"},
            "keeps the zones that Sweden Central was made with",
        ),
        ("Microsoft.Storage/storageAccounts", BOOKS, {"storageSku": "Standard_ZRS"}, "it has to be converted first"),
        (
            "Microsoft.Storage/storageAccounts",
            {**BOOKS, "name": "sthost1"},
            {"zoneRedundant": True},
            "sthost1 is LRS: from there to ZRS it has to be converted first",
        ),
        (
            "Microsoft.Network/publicIPAddresses",
            {"name": "vnet-gateway", "properties": {}},
            {"zoneRedundant": True},
            "vnet-gateway of the gateway is without zones, and stays so: set zoneRedundant to false",
        ),
        (
            "Microsoft.Network/publicIPAddresses",
            {"name": "vnet-gateway", "zones": ["1", "2", "3"], "properties": {}},
            {},
            "in zones, and stays so: set zoneRedundant to true",
        ),
        (
            "Microsoft.Cache/redisEnterprise",
            {"properties": {"highAvailability": "Enabled"}},
            {},
            "set redisHighAvailability to true",
        ),
        (
            "Microsoft.KeyVault/vaults",
            {"properties": {"softDeleteRetentionInDays": 90}},
            {},
            "keeps what is deleted for 90 days, which stays: set retention.secrets",
        ),
        (
            "Microsoft.KeyVault/vaults",
            {"properties": {"enablePurgeProtection": True}},
            {},
            "set purgeProtection to true",
        ),
    ],
)
def test_what_azure_would_refuse_to_change_is_named(
    azure: LocalAzure, kind: str, resource: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    azure.on("GET", f"{INSIDE}/{kind}", (200, {"value": [{"name": "it", **resource}]}))

    (found,) = differences(azure, deployment(settings=changes))

    assert words in found


@pytest.mark.parametrize(
    ("kind", "resource", "changes"),
    [
        (
            "Microsoft.ApiManagement/service",
            {"sku": {"name": "BasicV2"}, "properties": {}},
            {"gatewaySku": "StandardV2"},
        ),
        ("Microsoft.Storage/storageAccounts", BOOKS, {"storageSku": "Standard_GRS"}),
        ("Microsoft.Storage/storageAccounts", {**BOOKS, "name": "sthost1"}, {"storageSku": "Standard_ZRS"}),
        ("Microsoft.Storage/storageAccounts", {**BOOKS, "name": "sthost1"}, {"zoneRedundant": False}),
        (
            "Microsoft.Network/publicIPAddresses",
            {"name": "vnet-gateway", "zones": ["1", "2", "3"], "properties": {}},
            {"zoneRedundant": True},
        ),
        ("Microsoft.Network/publicIPAddresses", {"name": "vnet-out", "properties": {}}, {"zoneRedundant": True}),
        ("Microsoft.Cache/redisEnterprise", {"properties": {}}, {"redisHighAvailability": True}),
    ],
)
def test_what_azure_changes_in_place_is_let_through(
    azure: LocalAzure, kind: str, resource: dict[str, Any], changes: dict[str, Any]
) -> None:
    azure.on("GET", f"{INSIDE}/{kind}", (200, {"value": [{"name": "it", **resource}]}))

    assert differences(azure, deployment(settings=changes)) == []


def policy(state: str, days: int = 3653) -> tuple[int, Any]:
    return 200, {"properties": {"state": state, "immutabilityPeriodSinceCreationInDays": days}}


def test_locked_containers_are_known_before_the_deployment_would_write_their_policy(azure: LocalAzure) -> None:
    azure.on("GET", STORAGE, (200, {"value": [BOOKS]}))
    azure.on("GET", f"{BOOKS['id']}/{policy_of('closed')}", policy("Locked"))
    azure.on("GET", f"{BOOKS['id']}/{policy_of('ledger')}", policy("Unlocked"))

    assert locked_containers(azure.client(), BASE, "rg-env") == ["closed"]


def test_the_functions_are_deployed_once_their_app_has_any(azure: LocalAzure) -> None:
    app = f"{INSIDE}/Microsoft.Web/sites/app"
    asked = [has_functions(azure.client(), BASE, "rg-env")]

    azure.on("GET", f"{INSIDE}/Microsoft.Web/sites", (200, {"value": [{"id": app}]}))
    azure.on("GET", f"{app}/functions", (200, {"value": []}), (200, {"value": [{"name": "app/ingest_usage"}]}))
    asked += [has_functions(azure.client(), BASE, "rg-env") for _ in range(2)]

    assert asked == [False, False, True]


@pytest.mark.parametrize(("container", "setting"), [("closed", "reportImmutability"), ("ledger", "ledgerImmutability")])
def test_a_locked_policy_cannot_be_made_shorter(willing: LocalAzure, container: str, setting: str) -> None:
    willing.on("GET", GROUP, (200, {"tags": {"profile": "trial"}}))
    willing.on("GET", STORAGE, (200, {"value": [BOOKS]}))
    willing.on("GET", f"{BOOKS['id']}/{policy_of(container)}", policy("Locked"))

    (found,) = check(willing.client(), deployment(), "sub", "env")

    assert f"{container} is locked for 3653 days and retention.{setting} is 0" in found
    longer = deployment(
        settings={"retention": {"secrets": 7, "reportImmutability": 0, "ledgerImmutability": 0, setting: 3653}}
    )
    assert list(check(willing.client(), longer, "sub", "env")) == []
