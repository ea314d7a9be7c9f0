"""Preflight finds what stands in the way before anything is created, and says how to move it."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import preflight
import pytest
from deployment import Deployment, Misconfigured, Note, read_deployment
from preflight import budget_month, check

from stack.bicep.files import INFRA
from tests.infra.hooks.conftest import LocalAzure
from tests.infra.hooks.subscriptions import BASE, COGNITIVE, GROUP, deployment, offered, quota

ROLES = json.loads((Path(__file__).parent / "roles.json").read_text())
"""Azure's own definitions of the roles that people deploy with."""


NO_ASSIGNING = "you may not assign roles in this subscription"
NO_MAKING = "you may not make roles in this subscription"


def obstacles(azure: LocalAzure, wanted: Deployment) -> list[str]:
    return [each for each in check(azure.client(), wanted, "sub", "env") if not isinstance(each, Note)]


def notes(azure: LocalAzure, wanted: Deployment) -> list[str]:
    return [each for each in check(azure.client(), wanted, "sub", "env") if isinstance(each, Note)]


def test_nothing_stands_in_the_way_of_a_deployment_that_fits(willing: LocalAzure) -> None:
    assert obstacles(willing, deployment()) == []
    assert set(willing.scopes) == {"https://management.azure.com/.default"}


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        (["Owner"], []),
        (["Contributor"], [NO_ASSIGNING, NO_MAKING]),
        (["Contributor", "User Access Administrator"], []),
        (["Contributor", "Role Based Access Control Administrator"], [NO_MAKING]),
        ([], [NO_ASSIGNING, NO_MAKING]),
    ],
)
def test_who_may_not_assign_roles_is_told_which_role_is_missing(
    willing: LocalAzure, roles: list[str], words: list[str]
) -> None:
    permissions = [ROLES[name] for name in roles]
    willing.on("GET", f"{BASE}/providers/Microsoft.Authorization/permissions", (200, {"value": permissions}))

    found = obstacles(willing, deployment())

    assert [text.split(":")[0] for text in found] == words


def test_a_provider_that_is_not_registered_comes_with_the_command(willing: LocalAzure) -> None:
    providers = willing.answer("GET", f"{BASE}/providers")[1]["value"]
    name = providers[0]["namespace"]
    providers[0]["registrationState"] = "NotRegistered"
    willing.on("GET", f"{BASE}/providers", (200, {"value": providers[:5], "nextLink": f"{willing.url}/more"}))
    willing.on("GET", "/more", (200, {"value": providers[5:]}))

    (found,) = obstacles(willing, deployment())

    assert found == f"{name} is not registered: az provider register --namespace {name} --wait"


def test_a_fresh_subscription_is_told_every_provider_although_these_refuse_questions(
    willing: LocalAzure, environment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    environment(CHARGEBACK_PROFILE="trial", AZURE_LOCATION="swedencentral")
    environment(AZURE_SUBSCRIPTION_ID="sub", AZURE_ENV_NAME="env")
    providers = willing.answer("GET", f"{BASE}/providers")[1]["value"]
    fresh = ("Microsoft.ApiManagement", "Microsoft.Web")
    for each in providers:
        each["registrationState"] = "NotRegistered" if each["namespace"] in fresh else "Registered"
    refused = {"error": {"code": "MissingSubscriptionRegistration", "message": "not registered"}}
    willing.on("GET", f"{BASE}/providers/Microsoft.Web/geoRegions", (409, refused))

    assert preflight.main(willing.client()) == 1

    said = capsys.readouterr().err
    assert all(f"az provider register --namespace {name} --wait" in said for name in fresh)
    assert "MissingSubscriptionRegistration" in said


def test_a_tier_is_asked_for_before_the_first_deployment_only(willing: LocalAzure) -> None:
    willing.on("GET", f"{BASE}/providers/Microsoft.ApiManagement/skus", (200, {"value": [offered("Premium")]}))

    (found,) = obstacles(willing, deployment())
    willing.on("GET", f"{BASE}/resourceGroups/rg-env", (200, {"name": "rg-env"}))

    assert found.startswith("Microsoft.ApiManagement does not offer BasicV2 in swedencentral")
    assert obstacles(willing, deployment()) == []


def test_a_region_without_a_service_is_named(willing: LocalAzure) -> None:
    found = obstacles(willing, deployment(location="mars"))

    assert "Microsoft.DocumentDB/databaseAccounts is not offered in mars." in found
    assert any(text.startswith("Flex Consumption functions are not offered in mars") for text in found)


def test_quota_is_compared_with_the_share_that_the_profile_deploys(willing: LocalAzure) -> None:
    willing.on("GET", f"{COGNITIVE}/swedencentral/usages", (200, {"value": [quota(left=49)]}))

    (found,) = obstacles(willing, deployment())

    assert "quota OpenAI.Standard.gpt-4o in swedencentral has 49 units left and 50 are wanted" in found


def test_a_second_run_does_not_count_its_own_deployments_against_itself(willing: LocalAzure) -> None:
    willing.on("GET", f"{COGNITIVE}/swedencentral/usages", (200, {"value": [quota(left=0)]}))
    willing.on("GET", f"{BASE}/resourceGroups/rg-env", (200, {"name": "rg-env"}))

    assert obstacles(willing, deployment()) == []


def test_what_is_deleted_but_not_purged_keeps_its_name(willing: LocalAzure) -> None:
    vaults = [
        {
            "name": "kv-1",
            "properties": {"vaultId": f"{BASE}/resourceGroups/rg-env/providers/Microsoft.KeyVault/vaults/kv-1"},
        },
        {
            "name": "kv-2",
            "properties": {"vaultId": f"{BASE}/resourceGroups/rg-env2/providers/Microsoft.KeyVault/vaults/kv-2"},
        },
    ]
    willing.on("GET", f"{BASE}/providers/Microsoft.KeyVault/deletedVaults", (200, {"value": vaults}))

    (found,) = obstacles(willing, deployment())

    assert found.startswith("Key Vault kv-1 of an earlier deployment is deleted but not purged")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accounts": []}, "no account of config/company/deployments.yaml is in swedencentral"),
        (
            {"location": "eastus2", "settings": {"privateNetwork": True, "gatewaySku": "Premium"}},
            "azd env set AZURE_LOCATION swedencentral",
        ),
        (
            {"gateways": [{"region": "swedencentral"}, {"region": "eastus2"}]},
            "only gatewaySku Premium spans 2 gateway regions, not BasicV2: set gatewayTopology to perRegion",
        ),
        ({"settings": {"privateNetwork": True}}, "privateNetwork needs gatewaySku Premium, not BasicV2"),
        ({"settings": {"gatewayUnits": 11}}, "gatewayUnits is 11: BasicV2 has at most 10."),
        ({"settings": {"cosmosMaxThroughput": 999}}, "autoscale takes 0 (serverless) or multiples of 1 000 RU/s"),
    ],
)
def test_a_profile_that_contradicts_itself_is_refused(willing: LocalAzure, changes: dict[str, Any], words: str) -> None:
    (found,) = obstacles(willing, deployment(**changes))

    assert words in found


def test_two_services_of_any_tier_stand_in_two_regions_and_need_a_host_name_for_traffic_manager(
    willing: LocalAzure, environment: Any
) -> None:
    gateways = [{"region": "swedencentral"}, {"region": "eastus2"}]
    wanted = deployment(gateways=gateways, settings={"gatewayTopology": "perRegion"})

    assert obstacles(willing, wanted) == []
    (note,) = notes(willing, wanted)
    assert "cannot use it without GATEWAY_HOST_NAME" in note
    environment(GATEWAY_HOST_NAME="ai.example.com")
    assert notes(willing, wanted) == []


def test_the_budget_keeps_its_first_month(azure: LocalAzure) -> None:
    def budget(name: str, tag: str, environment: str, month: str) -> dict[str, Any]:
        of = {"tags": {"name": tag, "operator": "In", "values": [environment]}}
        return {"name": name, "properties": {"filter": of, "timePeriod": {"startDate": f"{month}-01T00:00:00Z"}}}

    budgets = [
        {"name": "whole", "properties": {"timePeriod": {"startDate": "2020-01-01T00:00:00Z"}}},
        budget("chargeback-b", "azd-env-name", "other", "2025-01"),
        budget("somebody-s", "azd-env-name", "env", "2025-02"),
        budget("chargeback-a", "azd-env-name", "env", "2026-03"),
    ]
    azure.on("GET", f"{BASE}/providers/Microsoft.Consumption/budgets", (200, {"value": budgets}))

    assert budget_month(azure.client(), "sub", "env") == "2026-03-01"


def test_the_first_budget_begins_this_month(azure: LocalAzure) -> None:
    azure.on("GET", f"{BASE}/providers/Microsoft.Consumption/budgets", (200, {"value": []}))

    assert budget_month(azure.client(), "sub", "env").endswith("-01")


def test_a_throttled_question_is_asked_again(willing: LocalAzure) -> None:
    answer = willing.answer("GET", f"{BASE}/providers")
    willing.on("GET", f"{BASE}/providers", (429, None), (503, None), answer)

    assert obstacles(willing, deployment()) == []


def test_a_host_name_waits_until_the_gateway_has_an_identity(willing: LocalAzure, environment: Any) -> None:
    environment(GATEWAY_HOST_NAME="ai.example.com")

    (found,) = obstacles(willing, deployment())
    willing.on("GET", GROUP, (200, {"tags": {"profile": "trial"}}))

    assert "cannot begin with the host name ai.example.com" in found
    assert obstacles(willing, deployment()) == []


def test_an_unknown_profile_is_named_with_the_choices(environment: Any) -> None:
    environment(CHARGEBACK_PROFILE="gold", AZURE_LOCATION="swedencentral")

    with pytest.raises(Misconfigured, match="'gold'; it can be trial, staging, rehearsal, production"):
        read_deployment()


def test_the_deployment_is_read_from_the_configuration_as_bicep_reads_it(environment: Any) -> None:
    environment(CHARGEBACK_PROFILE="trial", AZURE_LOCATION="swedencentral")

    found = read_deployment()

    assert {account["region"] for account in found.accounts} == {found.gateways[0]["region"]}
    assert found.capacity({"capacity": 1}) == 1
    assert found.capacity({"capacity": 200}) == 20


@pytest.mark.parametrize(
    ("wrong", "right", "reason"),
    [
        (", primary: true", "", "gateways: exactly one needs `primary: true`"),
        (
            "regions: [swedencentral, francecentral]",
            "regions: [francecentral]",
            "none has the region 'swedencentral' of the account oai-swedencentral",
        ),
    ],
)
def test_a_gateway_configuration_that_bicep_could_not_read_is_named(
    environment: Any, tmp_path: Path, wrong: str, right: str, reason: str
) -> None:
    environment(CHARGEBACK_PROFILE="trial", AZURE_LOCATION="swedencentral")
    for folder in ("config", "infra"):
        shutil.copytree(INFRA.parent / folder, tmp_path / folder)
    file = tmp_path / "config/company/gateway.yaml"
    file.write_text(file.read_text("utf-8").replace(wrong, right), "utf-8")

    with pytest.raises(Misconfigured, match=re.escape(reason)):
        read_deployment(tmp_path)


def test_a_deployment_without_a_company_is_refused_with_the_command_that_begins_one(
    environment: Any, tmp_path: Path
) -> None:
    environment(CHARGEBACK_PROFILE="trial", AZURE_LOCATION="swedencentral")
    for folder in ("config/provider", "infra"):
        shutil.copytree(INFRA.parent / folder, tmp_path / folder)

    with pytest.raises(Misconfigured, match="config/company says nothing yet: `chargeback config init`"):
        read_deployment(tmp_path)


def test_a_variable_under_its_former_name_is_given_the_present_one_before_bicep_reads_it(
    environment: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_by_azd: dict[str, str] = {}
    monkeypatch.setattr(preflight, "check", lambda *_: ())
    for name, found in {"budget_month": "", "locked_containers": (), "has_functions": False}.items():
        monkeypatch.setattr(preflight, name, lambda *_, found=found: found)
    monkeypatch.setattr("subprocess.run", lambda words, check: set_by_azd.update([words[-2:]]))
    monkeypatch.setenv("STORE_IP_ADDRESSES", "")
    environment(PROFILE="staging", ALLOWED_IP_ADDRESSES="192.0.2.1", AZURE_LOCATION="swedencentral")
    environment(AZURE_SUBSCRIPTION_ID="s", AZURE_ENV_NAME="env")

    assert preflight.main(None) == 0

    assert (set_by_azd["CHARGEBACK_PROFILE"], set_by_azd["STORE_IP_ADDRESSES"]) == ("staging", "192.0.2.1")
    assert "ALLOWED_IP_ADDRESSES is now called STORE_IP_ADDRESSES" in capsys.readouterr().err


def test_a_variable_with_two_values_is_an_obstacle(environment: Any, capsys: pytest.CaptureFixture[str]) -> None:
    environment(PROFILE="staging", CHARGEBACK_PROFILE="trial")

    assert preflight.main(None) == 1
    assert "CHARGEBACK_PROFILE: PROFILE, its former name, has another value" in capsys.readouterr().err
