"""One service spans the gateway regions, or each region has one; Traffic Manager sends callers to the nearest."""

import functools
import json

from stack.bicep.compiler import GIVEN, PROFILES, EvaluatedTemplate, evaluate
from tests.infra.evaluated import evaluated, every_profile, needs_compiler, value

pytestmark = needs_compiler
SENDER = "d5a91429-5739-47e2-a06b-3470a27159e7"
"""The id of the role EventGrid Data Sender."""


@functools.cache
def private_pair() -> EvaluatedTemplate:
    """Production with a service in each region."""
    return evaluate({**GIVEN, "profile": "production", "overrides": {"gatewayTopology": "perRegion"}})


def hosts(result: EvaluatedTemplate) -> list[str]:
    (manager,) = result.of("Microsoft.Network/trafficManagerProfiles")
    return [endpoint["properties"]["target"] for endpoint in value(manager, "endpoints")]


def test_one_service_spans_the_regions_of_production() -> None:
    (service,) = evaluated("production").of("Microsoft.ApiManagement/service")

    (other,) = value(service, "additionalLocations")
    assert (service["location"], other["location"]) == ("swedencentral", "eastus2")
    assert hosts(evaluated("production")) == [
        f"{service['name']}-{region}-01.regional.azure-api.net" for region in ("swedencentral", "eastus2")
    ]


def test_staging_has_a_service_in_each_region_and_each_serves_the_same() -> None:
    result = evaluated("staging")
    services = result.of("Microsoft.ApiManagement/service")
    names = [service["name"] for service in services]

    assert [(service["location"], service["sku"]["name"]) for service in services] == [
        ("swedencentral", "StandardV2"),
        ("eastus2", "StandardV2"),
    ]
    assert hosts(result) == [f"{name}.azure-api.net" for name in names]
    for kind in ("namedValues", "backends", "products", "subscriptions", "policyFragments", "apis/operations"):
        made = [item["name"] for item in result.of(f"Microsoft.ApiManagement/service/{kind}")]
        first, second = (
            sorted(each.partition("/")[2] for each in made if each.startswith(f"{name}/")) for name in names
        )
        assert first == second != [], kind


@every_profile
def test_the_functions_send_decisions_to_the_host_of_each_region(name: str) -> None:
    result = evaluated(name)
    (settings,) = (item for item in result.of("Microsoft.Web/sites/config") if item["name"].endswith("appsettings"))
    sent = json.loads(value(settings, "DECISIONS_ENDPOINTS"))
    services = result.of("Microsoft.ApiManagement/service")
    targets = hosts(result) if len(sent) > 1 else [f"{services[0]['name']}.azure-api.net"]

    assert list(sent.values()) == [f"https://{host}/budgets/decisions" for host in targets]


def test_each_service_has_the_roles_and_the_availability_test_of_its_own() -> None:
    result = evaluated("staging")
    services = result.of("Microsoft.ApiManagement/service")
    targets = {value(item, "Request.RequestUrl") for item in result.of("Microsoft.Insights/webtests")}
    roles = [str(value(item, "roleDefinitionId")) for item in result.of("Microsoft.Authorization/roleAssignments")]

    assert {f"https://{service['name']}.azure-api.net/status-0123456789abcdef" for service in services} <= targets
    app = 1  # which says on a topic of its own that alerts are due
    assert sum(SENDER in role for role in roles) == len(services) + app


def test_a_service_in_each_region_stands_in_the_network_of_its_region() -> None:
    for service in private_pair().of("Microsoft.ApiManagement/service"):
        subnet = value(service, "virtualNetworkConfiguration.subnetResourceId")

        assert f"-{service['location']}/subnets/gateway" in subnet
        assert not value(service, "additionalLocations")


@every_profile
def test_calls_are_as_large_as_the_tier_buffers(name: str) -> None:
    """https://learn.microsoft.com/azure/api-management/service-limits: 2 MiB in the v2 tiers, 500 MiB in the others."""
    most = {"BasicV2": 2 << 20, "StandardV2": 2 << 20, "Premium": 500 << 20}[PROFILES[name]["gatewaySku"]]
    limits = [
        int(value(item, "value"))
        for item in evaluated(name).of("Microsoft.ApiManagement/service/namedValues")
        if item["name"].endswith("/max-request-bytes")
    ]

    assert limits
    assert all(limit <= most for limit in limits)
