"""What Azure is really sent, value by value: each test is a refusal, a trap or a leak that these values avoid."""

import functools
import re
from typing import Any

import pytest

from stack.bicep.compiler import EvaluatedTemplate, TemplateRefused, profile
from stack.bicep.files import INFRA, File, statements
from tests.infra.evaluated import evaluated, every_profile, needs_compiler, place, value

HOST = "ai.example.com"
CERTIFICATE = "https://kv.vault.azure.net/secrets/gateway"


@functools.cache
def grown() -> EvaluatedTemplate:
    """A production that was deployed before, with a host name, an odd number of units and a locked policy."""
    return profile(
        "production",
        gatewayHostName=HOST,
        gatewayCertificateUrl=CERTIFICATE,
        immutabilityLocked="closed",
        functionsDeployed=True,
        storeIpAddresses="192.0.2.1",
        overrides={"gatewayUnits": 3, "gatewayMaximumUnits": 3, "cosmosZones": "first", "functionZoneRedundant": False},
    )


@functools.cache
def opened() -> EvaluatedTemplate:
    """A trial with addresses that are let in, and images by address."""
    return profile("trial", storeIpAddresses="192.0.2.1, 192.0.2.2", modelFetchHosts="*")


def only(result: EvaluatedTemplate, kind: str) -> dict[str, Any]:
    (item,) = result.of(kind)
    return item


@needs_compiler
@every_profile
def test_the_app_has_no_property_that_flex_consumption_refuses(name: str) -> None:
    site = only(evaluated(name), "Microsoft.Web/sites")["properties"]["siteConfig"]

    assert not site.keys() & {"ftpsState", "alwaysOn", "linuxFxVersion", "pythonVersion", "use32BitWorkerProcess"}


@needs_compiler
@every_profile
def test_the_app_uses_the_libraries_of_its_package(name: str) -> None:
    (settings,) = evaluated(name).of("Microsoft.Web/sites/config")

    assert settings["properties"]["PYTHON_ISOLATE_WORKER_DEPENDENCIES"] == "1"


@needs_compiler
def test_a_gateway_in_a_network_has_an_address_with_a_name_in_every_region() -> None:
    gateway = only(evaluated("production"), "Microsoft.ApiManagement/service")["properties"]
    addresses = {place(item): item for item in evaluated("production").of("Microsoft.Network/publicIPAddresses")}

    places = [gateway, *gateway["additionalLocations"]]
    own = [addresses[region["publicIpAddressId"].lower()] for region in places]

    assert len(own) == len({place(item) for item in own}) == 2
    assert all(value(item, "dnsSettings.domainNameLabel") and item["sku"] == {"name": "Standard"} for item in own)


@needs_compiler
def test_zones_are_named_only_where_units_can_be_spread_over_them() -> None:
    even = only(evaluated("production"), "Microsoft.ApiManagement/service")
    odd = only(grown(), "Microsoft.ApiManagement/service")

    assert even["sku"]["capacity"] % len(even["zones"]) == 0
    assert odd.get("zones") is None
    assert all(region.get("zones") is None for region in odd["properties"]["additionalLocations"])


@needs_compiler
def test_the_gateway_reads_its_certificate_under_the_one_identity_that_passes_the_firewall() -> None:
    gateway = only(grown(), "Microsoft.ApiManagement/service")
    (host,) = value(gateway, "hostnameConfigurations")
    (vault,) = [item for item in grown().of("Microsoft.KeyVault/vaults") if "tls" in item["name"]]
    subnets = [
        subnet
        for network in grown().of("Microsoft.Network/virtualNetworks")
        for subnet in network["properties"]["subnets"]
        if subnet["name"] == "gateway"
    ]

    assert gateway["identity"]["type"] == "SystemAssigned, UserAssigned"
    assert (host["hostName"], host["keyVaultId"]) == (HOST, CERTIFICATE)
    assert "identityClientId" not in host
    assert value(vault, "publicNetworkAccess") == "Enabled"
    assert value(vault, "networkAcls.defaultAction") == "Deny"
    assert value(vault, "networkAcls.bypass") == "AzureServices"
    assert len(value(vault, "networkAcls.virtualNetworkRules")) == len(subnets) == 2
    assert all({"service": "Microsoft.KeyVault"} in value(subnet, "serviceEndpoints") for subnet in subnets)


@needs_compiler
def test_the_functions_cannot_read_the_certificate_of_the_gateway() -> None:
    (vault,) = [item for item in evaluated("trial").of("Microsoft.KeyVault/vaults") if "tls" in item["name"]]

    readers = [
        value(item, "principalId")
        for item in evaluated("trial").of("Microsoft.Authorization/roleAssignments")
        if place(item).startswith(place(vault))
    ]

    assert len(readers) == 2  # the gateway, and who imports it
    assert not any("pipeline" in reader for reader in readers)


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("main", "module", "privateEndpoints"),
        ("modules/private-endpoints", "resource", "endpoints"),
        ("modules/private-endpoints", "resource", "records"),
        ("modules/data-plane-roles", "resource", "cosmosRoles"),
        ("modules/data-plane-roles", "resource", "redisPolicies"),
        ("modules/gateway-products", "resource", "access"),
        ("modules/models", "resource", "deployment"),
    ],
)
def test_what_azure_takes_one_at_a_time_is_sent_one_at_a_time(path: str, kind: str, name: str) -> None:
    assert statements(INFRA / f"{path}.bicep", kind)[name].decorators["batchSize"] == [1]


def test_nothing_else_is_done_to_a_store_while_its_endpoint_is_made() -> None:
    modules = statements(INFRA / "main.bicep", "module")

    assert "roles" in modules["privateEndpoints"].source.split("dependsOn: ")[1]
    assert "privateEndpoints" in modules["gatewayServices"].source.split("dependsOn: ")[1]


def test_what_alerts_watch_exists_before_they_do() -> None:
    """An alert on a resource that does not exist yet is refused; a gateway takes an hour to make."""
    modules = statements(INFRA / "main.bicep", "module")

    # The function app comes by its address among the targets, and the stores before the app.
    assert modules["operations"].source.count("pipeline.outputs") == 1
    assert modules["operations"].source.split("dependsOn: [")[1].startswith("models, gatewayServices]")


@needs_compiler
def test_closed_periods_and_the_ledger_are_immutable_as_whole_containers() -> None:
    policies = {
        item["name"].split("/")[2]: item["properties"]
        for item in evaluated("production").of(
            "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies"
        )
    }

    assert {name: policy["allowProtectedAppendWrites"] for name, policy in policies.items()} == {
        "closed": False,
        "ledger": True,
    }
    assert all(policy["immutabilityPeriodSinceCreationInDays"] == 3653 for policy in policies.values())
    assert not [
        item
        for item in evaluated("production").of("Microsoft.Storage/storageAccounts/blobServices/containers")
        if value(item, "immutableStorageWithVersioning")
    ]


@needs_compiler
def test_a_locked_policy_is_left_alone() -> None:
    policies = grown().of("Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies")

    assert [item["name"].split("/")[2] for item in policies] == ["ledger"]


@needs_compiler
@every_profile
def test_what_is_deleted_from_a_versioned_container_ends(name: str) -> None:
    containers = {
        item["name"].split("/")[-1]
        for item in evaluated(name).of("Microsoft.Storage/storageAccounts/blobServices/containers")
        if "books" in item["name"]
    }
    rules = value(only(evaluated(name), "Microsoft.Storage/storageAccounts/managementPolicies"), "policy.rules")
    (versions,) = [rule["definition"] for rule in rules if rule["name"] == "superseded-versions"]
    forever = {"closed", "config"}

    assert set(versions["filters"]["blobTypes"]) == {"blockBlob", "appendBlob"}
    assert set(versions["filters"]["prefixMatch"]) == {f"{container}/" for container in containers - forever}
    assert versions["actions"]["version"]["delete"]["daysAfterCreationGreaterThan"] > 0


@needs_compiler
def test_addresses_that_are_let_in_shut_no_public_store() -> None:
    account = only(opened(), "Microsoft.DocumentDB/databaseAccounts")

    assert value(account, "ipRules") == []
    assert value(only(grown(), "Microsoft.DocumentDB/databaseAccounts"), "ipRules") == [
        {"ipAddressOrRange": "192.0.2.1"}
    ]


@needs_compiler
def test_models_fetch_images_only_from_hosts_that_somebody_named() -> None:
    shut = evaluated("trial").of("Microsoft.CognitiveServices/accounts")
    some = profile("trial", modelFetchHosts="a.example.com, b.example.com").of("Microsoft.CognitiveServices/accounts")

    def seen(accounts: list[dict[str, Any]]) -> list[tuple[bool, list[str]]]:
        return [(value(a, "restrictOutboundNetworkAccess"), value(a, "allowedFqdnList")) for a in accounts]

    assert set(map(str, seen(shut))) == {"(True, [])"}
    assert set(map(str, seen(some))) == {"(True, ['a.example.com', 'b.example.com'])"}
    assert set(map(str, seen(opened().of("Microsoft.CognitiveServices/accounts")))) == {"(False, [])"}


@needs_compiler
def test_only_the_region_of_the_functions_has_a_way_out_for_them() -> None:
    networks = evaluated("production").of("Microsoft.Network/virtualNetworks")

    with_functions = [n for n in networks if "functions" in [s["name"] for s in n["properties"]["subnets"]]]

    assert len(networks) == 2
    assert len(with_functions) == len(evaluated("production").of("Microsoft.Network/natGateways")) == 1


@needs_compiler
def test_a_region_has_the_private_zones_of_its_endpoints_and_no_empty_one() -> None:
    zones = evaluated("production").of("Microsoft.Network/privateDnsZones")
    used = {
        config["properties"]["privateDnsZoneId"].lower()
        for item in evaluated("production").of("Microsoft.Network/privateEndpoints/privateDnsZoneGroups")
        for config in item["properties"]["privateDnsZoneConfigs"]
    }

    assert {place(zone) for zone in zones} == used


@needs_compiler
def test_a_second_provisioning_changes_nothing() -> None:
    first = profile("production", budgetStartDate="2026-11-01")

    later = profile("production", budgetStartDate="2026-11-01", currentMonth="2027-03-01")

    assert later.resources == first.resources


@needs_compiler
@pytest.mark.parametrize(
    ("overrides", "reason"),
    [({"gatewayUnits": 11}, "BasicV2 has 10 at most"), ({"cosmosMaxThroughput": 500}, "0, or thousands")],
)
def test_a_value_that_azure_never_takes_is_refused_before_anything_is_made(
    overrides: dict[str, int], reason: str
) -> None:
    with pytest.raises(TemplateRefused, match=reason):
        profile("trial", overrides=overrides)


@needs_compiler
def test_silence_of_the_functions_is_no_alert_before_they_were_deployed() -> None:
    def enabled(result: EvaluatedTemplate) -> dict[str, bool]:
        alerts = result.of("Microsoft.Insights/metricAlerts")
        return {item["name"]: value(item, "enabled") for item in alerts if item["name"].startswith("available-")}

    assert enabled(evaluated("production")) == {"available-gateway": True, "available-functions": False}
    assert enabled(grown()) == {"available-gateway": True, "available-functions": True}


@needs_compiler
def test_the_availability_test_looks_at_the_host_name_that_callers_use() -> None:
    (test,) = [item for item in grown().of("Microsoft.Insights/webtests") if item["name"] == "available-gateway"]

    assert value(test, "Request.RequestUrl").startswith(f"https://{HOST}/")
    assert value(test, "ValidationRules.SSLCertRemainingLifetimeCheck") > 0


@needs_compiler
def test_zones_of_cosmos_and_of_the_functions_can_be_chosen_apart() -> None:
    locations = value(only(grown(), "Microsoft.DocumentDB/databaseAccounts"), "locations")

    assert [item["isZoneRedundant"] for item in locations] == [True, False]
    assert not value(only(grown(), "Microsoft.Web/serverfarms"), "zoneRedundant")
    assert value(only(evaluated("production"), "Microsoft.Web/serverfarms"), "zoneRedundant")


@needs_compiler
def test_redis_keeps_a_file_only_where_it_keeps_a_replica() -> None:
    def file(name: str) -> object:
        return value(only(evaluated(name), "Microsoft.Cache/redisEnterprise/databases"), "persistence")

    assert file("trial") is None
    assert file("production") == {"aofEnabled": True, "aofFrequency": "1s"}


@needs_compiler
def test_the_gateway_grows_under_load_by_as_many_units_as_it_has_zones() -> None:
    growth = only(evaluated("production"), "Microsoft.Insights/autoscaleSettings")
    (plan,) = value(growth, "profiles")

    assert plan["capacity"] == {"minimum": "2", "default": "2", "maximum": "4"}
    assert {rule["scaleAction"]["value"] for rule in plan["rules"]} == {"2"}
    assert evaluated("trial").of("Microsoft.Insights/autoscaleSettings") == []
    assert grown().of("Microsoft.Insights/autoscaleSettings") == []


@needs_compiler
def test_the_budget_counts_every_group_of_the_environment_and_tells_the_action_group() -> None:
    budget = only(evaluated("production"), "Microsoft.Consumption/budgets")

    assert "/resourcegroups/" not in place(budget)
    assert value(budget, "filter.tags") == {"name": "azd-env-name", "operator": "In", "values": ["preview"]}
    assert all(note["contactGroups"] for note in value(budget, "notifications").values())


@needs_compiler
def test_writes_of_the_books_are_logged_in_production() -> None:
    (setting,) = [
        item for item in evaluated("production").of("Microsoft.Insights/diagnosticSettings") if "stbooks" in place(item)
    ]

    assert {"category": "StorageWrite", "enabled": True} in value(setting, "logs")


@needs_compiler
@every_profile
def test_models_stay_at_the_version_whose_price_was_reviewed(name: str) -> None:
    deployments = evaluated(name).of("Microsoft.CognitiveServices/accounts/deployments")

    assert {value(item, "versionUpgradeOption") for item in deployments} == {"NoAutoUpgrade"}


@needs_compiler
@every_profile
def test_the_functions_send_only_the_log_categories_that_flex_consumption_has(name: str) -> None:
    (setting,) = [
        item
        for item in evaluated(name).of("Microsoft.Insights/diagnosticSettings")
        if "/microsoft.web/sites/" in place(item)
    ]

    assert not value(setting, "logs")
    assert value(setting, "metrics")


@needs_compiler
def test_a_workspace_has_the_limit_of_its_profile_or_none() -> None:
    def limit(name: str) -> object:
        return value(only(evaluated(name), "Microsoft.OperationalInsights/workspaces"), "workspaceCapping.dailyQuotaGb")

    assert limit("trial") == 5
    assert limit("production") == -1


@needs_compiler
def test_names_of_alerts_are_plain() -> None:
    rules = evaluated("trial").of("Microsoft.Insights/scheduledQueryRules")

    assert not [rule["name"] for rule in rules if set(":#&?") & set(value(rule, "displayName"))]


def test_the_workbook_offers_times_and_begins_with_one_of_them() -> None:
    (picker,) = File(INFRA / "modules/workbook.bicep")["timeParameter"]["content"]["parameters"]

    assert picker["value"] in picker["typeSettings"]["selectableValues"]


@needs_compiler
def test_the_name_of_a_role_is_used_once_in_a_directory_with_many_subscriptions() -> None:
    roles = evaluated("trial").of("Microsoft.Authorization/roleDefinitions")

    assert all(re.search(r"\(rg-preview, [a-z0-9]{13}\)$", value(item, "roleName")) for item in roles)


@needs_compiler
def test_the_roles_of_our_own_exist_before_they_are_given() -> None:
    made = {item["name"] for item in evaluated("trial").of("Microsoft.Authorization/roleDefinitions")}
    given = {
        value(item, "roleDefinitionId").rsplit("/", 1)[-1]
        for item in evaluated("trial").of("Microsoft.Authorization/roleAssignments")
    }

    assert made
    assert made <= given
    assert "customRoles" in statements(INFRA / "main.bicep", "module")["roles"].source.split("dependsOn: ")[1]
