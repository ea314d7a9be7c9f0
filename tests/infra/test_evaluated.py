"""What a deployment would send, with every value worked out: types, ids, sizes, doors, frequencies, roles."""

import re
from collections import Counter
from pathlib import Path

from stack.bicep.compiler import build
from stack.bicep.files import INFRA, File
from stack.bicep.typed import faults
from tests.infra.evaluated import (
    evaluated,
    evaluated_with_gateway,
    evaluated_with_subscriptions,
    every_profile,
    needs_compiler,
    place,
    value,
)

pytestmark = needs_compiler
OPEN_BY_PURPOSE = {
    "microsoft.apimanagement/service",  # applications call it
    "microsoft.insights/components",  # telemetry comes over the internet, by Entra identity
    "microsoft.operationalinsights/workspaces",
}
FREQUENCIES = {"PT1M": 1, "PT5M": 5, "PT10M": 10, "PT15M": 15, "PT30M": 30, "PT45M": 45, "P1D": 1440} | {
    f"PT{hours}H": 60 * hours for hours in range(1, 7)
}
"""Minutes by what a log alert rule takes: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-types"""
STATEFUL_AT_MOST = 720
GROUP_IDS = {  # https://learn.microsoft.com/azure/private-link/private-endpoint-dns
    "microsoft.storage/storageaccounts": "blob",
    "microsoft.documentdb/databaseaccounts": "Sql",
    "microsoft.cache/redisenterprise": "redisEnterprise",
    "microsoft.keyvault/vaults": "vault",
    "microsoft.web/sites": "sites",
    "microsoft.cognitiveservices/accounts": "account",
    "microsoft.eventgrid/topics": "topic",
}


def test_the_compiler_and_its_linter_have_nothing_to_say() -> None:
    template = build()

    assert template["resources"]


@every_profile
def test_everything_can_be_worked_out_before_the_start(name: str) -> None:
    assert evaluated(name).warnings == []


@every_profile
def test_every_value_fits_the_type_of_its_resource(name: str) -> None:
    assert faults(evaluated(name)) == []


@every_profile
def test_no_id_comes_twice(name: str) -> None:
    counted = Counter(place(item) for item in evaluated(name).resources)

    assert [known for known, times in counted.items() if times > 1] == []


def test_two_thousand_teams_fit_into_templates_of_eight_hundred_resources(tmp_path: Path) -> None:
    result = evaluated_with_subscriptions(tmp_path, 2000)

    teams = len(result.of("Microsoft.ApiManagement/service/subscriptions"))
    assert teams > 2000
    assert result.warnings == []  # a loop of more than 800 is one; a template of teams has 400
    assert len(result.resources) - teams < 800


def test_every_public_door_of_production_is_shut() -> None:
    public = {
        place(item)
        for item in evaluated("production").resources
        if item["type"].lower() not in OPEN_BY_PURPOSE
        and value(item, "publicNetworkAccess") == "Enabled"
        and "Deny" not in (value(item, "networkAcls.defaultAction"), _site_default(item))
    }

    assert public == set()
    assert sum(value(item, "publicNetworkAccess") == "Disabled" for item in evaluated("production").resources) > 5


def _site_default(item: dict[str, object]) -> object:
    return value(item, "siteConfig.ipSecurityRestrictionsDefaultAction")


@every_profile
def test_a_log_alert_runs_as_often_as_azure_takes(name: str) -> None:
    for rule in evaluated(name).of("Microsoft.Insights/scheduledQueryRules"):
        every = FREQUENCIES[value(rule, "evaluationFrequency")]

        assert every <= STATEFUL_AT_MOST or not value(rule, "autoMitigate"), rule["name"]


def test_alerts_and_workbook_look_at_the_api_that_is_deployed_whatever_it_is_called(tmp_path: Path) -> None:
    result = evaluated_with_gateway(tmp_path, "trial", lambda gateway: gateway["api"].update(id="models"))
    (book,) = result.of("Microsoft.Insights/workbooks")
    rules = [str(value(rule, "criteria")) for rule in result.of("Microsoft.Insights/scheduledQueryRules")]
    looking = [text for text in (*rules, str(value(book, "serializedData"))) if "ApiId" in text]

    assert len(looking) > 3
    assert [text for text in looking if "azure-openai" in text] == []


def test_the_gateway_takes_no_tokens_until_an_audience_is_named() -> None:
    """Whoever could register an audience that stands there by default would decide who gets in."""
    audiences = {
        str(item["name"]).partition("/")[2]: value(item, "value")
        for item in evaluated("trial").of("Microsoft.ApiManagement/service/namedValues")
        if str(item["name"]).endswith("audience")
    }

    assert (audiences["audience"], audiences["second-audience"]) == ("-", "-")


def test_every_private_endpoint_names_the_group_of_its_resource() -> None:
    for endpoint in evaluated("production").of("Microsoft.Network/privateEndpoints"):
        (connection,) = value(endpoint, "privateLinkServiceConnections")
        target = connection["properties"]["privateLinkServiceId"].lower()
        kind = re.search(r"/providers/([^/]+/[^/]+)/", target)

        assert kind
        assert connection["properties"]["groupIds"] == [GROUP_IDS[kind[1]]], endpoint["name"]


def test_whatever_has_no_public_door_has_a_private_one() -> None:
    resources = evaluated("production").resources
    reached = {
        value(item, "privateLinkServiceConnections")[0]["properties"]["privateLinkServiceId"].lower()
        for item in evaluated("production").of("Microsoft.Network/privateEndpoints")
    }

    assert {place(item) for item in resources if value(item, "publicNetworkAccess") == "Disabled"} <= reached


@every_profile
def test_a_preview_shows_every_role_assignment(name: str) -> None:
    roles = File(INFRA / "modules/roles.bicep", {"principals": [], "principalIds": []})
    result = evaluated(name)
    models = len(result.of("Microsoft.CognitiveServices/accounts"))
    gateways = len(result.of("Microsoft.ApiManagement/service"))

    expected = sum(
        (models if grant["on"] == "models" else 1) * (gateways if grant["who"] == "gateway" else 1)
        for grant in roles["grants"]
    )
    shown = [
        item
        for kind in (
            "Microsoft.Authorization/roleAssignments",
            "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments",
            "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments",
        )
        for item in result.of(kind)
    ]

    assert len(shown) == expected
