"""Fabrikam keeps its service, account, workspace, network, zones and vault: nothing of them is set or removed."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import openai
import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.gateway import gateway_faults
from stack.example import ROOT
from stack.gateway.shared_service import publish
from tests.companies.existing.estate import (
    ACCOUNT,
    ASSIGNMENTS,
    GROUPS,
    OWNER,
    PERMISSIONS,
    SECRETS_OFFICER,
    SERVICE,
    VAULT,
    WORKSPACE,
    have,
    inside,
    move_in,
    stand_up,
)
from tests.companies.folders import company_folder
from tests.infra.hooks.conftest import LocalAzure, azure, environment
from tests.policies.conftest import engines
from tests.policies.engines import Engines, Loop
from tests.policies.whole_path import WholePath

from deployment import Deployment, Note, read_deployment  # isort: skip - a hook, found once its folder is known
from preflight_existing import check_existing, held_roles  # isort: skip
from own_groups import delete_own_groups, groups_of_others  # isort: skip
from pre_down import main as before_down  # isort: skip
from remove_from_existing import remove_from_existing  # isort: skip
from azure_rest import AzureRefused  # isort: skip

__all__ = ["azure", "engines", "environment"]
ROLES = json.loads((ROOT / "tests/infra/hooks/roles.json").read_text("utf-8"))


@pytest.fixture
def fabrikam(azure: LocalAzure, environment: Callable[..., None], tmp_path: Path) -> Deployment:
    """Its deployment, with its estate in Azure."""
    environment(
        CHARGEBACK_PROFILE="production",
        AZURE_LOCATION="swedencentral",
        EXISTING_WORKSPACE_ID=WORKSPACE,
        EXISTING_VAULT_ID=VAULT,
    )
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    assert gateway_faults(company_folder("existing", tmp_path / "config")) == []
    stand_up(azure)
    return read_deployment(tmp_path)


def obstacles(azure: LocalAzure, deployment: Deployment) -> list[str]:
    return [each for each in check_existing(azure.client(), deployment, "env") if not isinstance(each, Note)]


def held(azure: LocalAzure, deployment: Deployment) -> list[str]:
    """What preflight finds for who is signed in as `deployer`: azd tells its hooks no AZURE_PRINCIPAL_ID."""
    client = azure.client()
    client.token = lambda _: jwt.encode({"oid": "deployer"}, "k" * 32)
    return held_roles(client, deployment, "env")


def test_nothing_of_what_fabrikam_has_stands_in_the_way(azure: LocalAzure, fabrikam: Deployment) -> None:
    assert obstacles(azure, fabrikam) == []
    assert held(azure, fabrikam) == []


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({}, "apim-fabrikam is in no network in swedencentral, and profile production is private"),
        (
            {"subnetResourceId": "/x/virtualNetworks/vnet-hub/subnets/a"},
            "peer these networks, and link the private DNS",
        ),
    ],
)
def test_a_service_that_cannot_reach_a_private_topic_is_told(
    azure: LocalAzure, fabrikam: Deployment, network: dict[str, str], words: str
) -> None:
    service = azure.answer("GET", SERVICE)[1]
    service["properties"]["virtualNetworkConfiguration"] = network
    azure.on("GET", SERVICE, (200, service))
    public = dataclasses.replace(fabrikam, settings={**fabrikam.settings, "privateNetwork": False})

    (found,) = [each for each in check_existing(azure.client(), fabrikam, "env") if "apim-fabrikam" in each]

    assert words in found
    assert isinstance(found, Note) is bool(network)
    assert not [each for each in check_existing(azure.client(), public, "env") if "apim-fabrikam" in each]


def test_a_second_run_finds_its_own_and_no_collision(azure: LocalAzure, fabrikam: Deployment) -> None:
    move_in(azure)

    assert obstacles(azure, fabrikam) == []
    # What the service was given before stays its own; Azure would refuse to give it again.
    assert held(azure, fabrikam) == [f"Cognitive Services OpenAI User|{SERVICE}|{ACCOUNT}"]


def test_who_deploys_and_keeps_the_secrets_of_the_vault_already_is_not_made_to_do_so_again(
    azure: LocalAzure, fabrikam: Deployment
) -> None:
    given = {"principalId": "deployer", "scope": VAULT, "roleDefinitionId": f"/x/{SECRETS_OFFICER}"}
    have(azure, f"{VAULT}/{ASSIGNMENTS}", {"id": f"{VAULT}/{ASSIGNMENTS}/theirs", "properties": given})

    assert held(azure, fabrikam) == [f"Key Vault Secrets Officer|deployer|{VAULT}"]


def test_everything_that_would_be_overwritten_is_named_at_once(azure: LocalAzure, fabrikam: Deployment) -> None:
    other = "[chargeback:env2]"
    have(
        azure,
        f"{SERVICE}/apis",
        inside("apis", "chat", path="/AI/openai"),
        inside("apis", "b", path="chargeback-budgets"),
    )
    have(azure, f"{SERVICE}/namedValues", inside("namedValues", "Chargeback-tenant-id", tags=[other]))
    have(azure, f"{SERVICE}/policyFragments", inside("policyFragments", "chargeback-account", description=other))
    have(azure, f"{SERVICE}/backends", inside("backends", "chargeback-fabrikam-ai"))
    have(azure, f"{SERVICE}/products", inside("products", "AI-standard"))
    have(azure, f"{SERVICE}/subscriptions", inside("subscriptions", "claims-ai", scope=f"{SERVICE}/products/starter"))
    for name in ("events-key", "page-session-key"):
        azure.on("GET", f"{VAULT}/secrets/{name}", (200, {"tags": {}}))

    found = "\n".join(obstacles(azure, fabrikam))

    for word in (
        "the API chat of apim-fabrikam has the path ai/openai",
        "the API b of apim-fabrikam has the path chargeback-budgets",
        "the named value Chargeback-tenant-id",
        "the fragment chargeback-account",
        "the backend chargeback-fabrikam-ai",
        "the product AI-standard",
        "the subscription claims-ai",
        "a secret events-key that is not of this environment",
        "a secret page-session-key that is not of this environment",
    ):
        assert word in found


def test_what_is_missing_comes_with_the_command(azure: LocalAzure, fabrikam: Deployment) -> None:
    service = azure.answer("GET", SERVICE)[1]
    azure.on("GET", SERVICE, (200, {**service, "identity": None, "sku": {"name": "Standard"}, "location": "uksouth"}))
    have(azure, f"{SERVICE}/providers/Microsoft.Insights/diagnosticSettings")
    azure.on("GET", ACCOUNT, (200, {"location": "swedencentral", "properties": {}}))
    have(azure, f"{ACCOUNT}/deployments")
    azure.on("GET", f"{SERVICE}/loggers/azuremonitor", (404, {}))
    azure.on("GET", VAULT, (200, {"name": "kv-fabrikam", "properties": {}}))
    have(azure, f"{GROUPS}/rg-fabrikam-ai/providers/Microsoft.Authorization/permissions")

    found = "\n".join(obstacles(azure, fabrikam))

    for word in (
        "is Standard, and config/company/gateway.yaml says Premium",
        "az apim update --name apim-fabrikam --resource-group rg-fabrikam-gateway --enable-managed-identity true",
        "has no gateway in swedencentral, but in uksouth",
        "az monitor diagnostic-settings create --name chargeback",
        "has no logger azuremonitor",
        "it has no host of its own, which Entra tokens need",
        "has no deployment chat",
        "access policies instead of Azure RBAC",
        "you may not assign roles in rg-fabrikam-ai",
    ):
        assert word in found


@pytest.mark.parametrize(
    ("where", "role", "said"),
    [
        (f"{GROUPS}/rg-fabrikam-gateway", "Reader", "you may not deploy into rg-fabrikam-gateway"),
        (f"{GROUPS}/rg-fabrikam-ai", "User Access Administrator", "you may not deploy into rg-fabrikam-ai"),
        (f"{GROUPS}/rg-fabrikam-ai", "Contributor", "you may not make roles in rg-fabrikam-ai"),
        (
            f"{GROUPS}/rg-fabrikam-logs",
            "Role Based Access Control Administrator",
            "you may not deploy into rg-fabrikam-logs",
        ),
        (f"{GROUPS}/rg-fabrikam-vault", "Contributor", "you may not assign roles in rg-fabrikam-vault"),
        (SERVICE, "Reader", "ask its owner for API Management Service Contributor"),
        (WORKSPACE, "Role Based Access Control Administrator", "ask its owner for Log Analytics Contributor"),
    ],
)
def test_a_right_that_is_missing_where_something_exists_is_named_before_anything_is_made(
    azure: LocalAzure, fabrikam: Deployment, where: str, role: str, said: str
) -> None:
    have(azure, f"{where}/{PERMISSIONS}", ROLES.get(role, {"actions": ["*/read"]}))

    assert said in "\n".join(obstacles(azure, fabrikam))


def test_only_who_sends_the_log_to_a_workspace_of_ours_needs_the_right_to(
    azure: LocalAzure, fabrikam: Deployment, environment: Callable[..., None]
) -> None:
    environment(EXISTING_WORKSPACE_ID="")

    assert "ask its owner for Monitoring Contributor" in "\n".join(obstacles(azure, fabrikam))


def test_an_account_that_gets_a_private_endpoint_of_ours_has_to_approve_it(
    azure: LocalAzure, fabrikam: Deployment
) -> None:
    for gateway in fabrikam.gateways:
        gateway.pop("network")
    have(azure, f"{ACCOUNT}/{PERMISSIONS}", {"actions": ["*/read"]})

    assert "approve a private endpoint of the account fabrikam-openai" in "\n".join(obstacles(azure, fabrikam))


def test_what_exists_may_not_be_in_a_group_that_is_deleted(
    azure: LocalAzure, fabrikam: Deployment, environment: Callable[..., None]
) -> None:
    environment(EXISTING_VAULT_ID="/subscriptions/s/resourceGroups/RG-env/providers/Microsoft.KeyVault/vaults/v")

    assert any("which azd down deletes" in each for each in obstacles(azure, fabrikam))


def test_going_removes_what_is_ours_and_nothing_else(azure: LocalAzure, fabrikam: Deployment) -> None:
    move_in(azure)
    for _, known in list(azure.answers):
        azure.on("DELETE", known, (200, None))
    for name in ("events-key", "page-session-key"):
        azure.on("DELETE", f"/vault/secrets/{name}", (200, None))
    for path in (
        f"{ACCOUNT}/{ASSIGNMENTS}/ours",
        f"{GROUPS}/rg-fabrikam-ai/providers/Microsoft.Authorization/roleDefinitions/ours",
    ):
        azure.on("DELETE", path, (200, None))

    said = list(remove_from_existing(azure.client(), fabrikam, "env"))

    gone = [asked.path.partition("?")[0].rpartition("/")[2] for asked in azure.requests("DELETE")]
    assert gone == [
        *("ai-standard", "chargeback-azure-openai", "chargeback-account", "chargeback-fabrikam-ai"),
        *("chargeback-tenant-id", "ours", "ours", "events-key", "page-session-key"),
    ]
    assert "deleteSubscriptions=true" in azure.requests("DELETE")[0].path
    assert said[0] == "5 thing(s) of ours removed from apim-fabrikam"
    assert not any(asked.method in ("PUT", "PATCH") for asked in azure.asked)


def test_going_waits_for_the_team_whose_policy_includes_a_fragment(azure: LocalAzure, fabrikam: Deployment) -> None:
    move_in(azure)
    reference = {"value": [{"id": f"{SERVICE}/apis/orders/policies/policy"}]}
    azure.on("POST", f"{SERVICE}/policyFragments/chargeback-account/listReferences", (200, reference))

    with pytest.raises(AzureRefused, match="apis/orders/policies/policy includes the fragment chargeback-account"):
        list(remove_from_existing(azure.client(), fabrikam, "env"))

    assert azure.requests("DELETE") == []


def test_azd_is_stopped_before_it_deletes_the_groups_of_others(
    azure: LocalAzure,
) -> None:
    """azd deletes each group that a deployment has put something into: https://github.com/Azure/azure-dev/issues/2916."""
    groups = [group("rg-env", "env"), group("RG-env-swedencentral", "env"), group("rg-env-2", "env-2"), group("rg-ai")]
    have(azure, "/subscriptions/sub/resourceGroups", *groups)
    made = [{"id": f"{each['id']}/providers/x/y/z"} for each in groups]
    deployment = {"tags": OWNER, "properties": {"outputResources": made, "dependencies": []}}
    have(azure, "/subscriptions/sub/providers/Microsoft.Resources/deployments", deployment)

    others = groups_of_others(azure.client(), "sub", "env")
    for each in groups[:2]:
        azure.on("GET", each["id"], (404, {}))
        azure.on("DELETE", each["id"], (202, None))
    gone = delete_own_groups(azure.client(), "sub", "env", 5, 0.01)

    assert others == ["rg-ai", "rg-env-2"]
    assert gone == ["rg-env", "RG-env-swedencentral"]
    assert [asked.path.partition("?")[0] for asked in azure.requests("DELETE")] == [each["id"] for each in groups[:2]]


def group(name: str, environment_name: str = "") -> dict[str, Any]:
    tags = {"azd-env-name": environment_name} if environment_name else {}
    return {"name": name, "id": f"/subscriptions/sub/resourceGroups/{name}", "tags": tags}


def test_the_hook_before_down_ends_with_an_error_so_that_azd_goes_no_further(
    azure: LocalAzure, environment: Callable[..., None], monkeypatch: pytest.MonkeyPatch, fabrikam: Deployment
) -> None:
    environment(AZURE_ENV_NAME="env", AZURE_SUBSCRIPTION_ID="sub", DELETE_BOOKS="env")
    monkeypatch.setattr("pre_down.read_deployment", lambda: fabrikam)
    azure.on("GET", "/subscriptions/sub/providers/Microsoft.Consumption/budgets", (200, {"value": []}))
    for kind in ("ApiManagement/deletedservices", "KeyVault/deletedVaults", "CognitiveServices/deletedAccounts"):
        azure.on("GET", f"/subscriptions/sub/providers/Microsoft.{kind}", (200, {"value": []}))

    assert before_down(azure.client()) == 1


@pytest.fixture
def calls(engines: tuple[Engines, Loop], tmp_path: Path) -> Iterator[WholePath]:
    """The API of this product in Fabrikam's service, beside the account that existed and the new one."""
    config = company_folder("existing", tmp_path / "config")
    path = WholePath(
        engines[1],
        tmp_path,
        config=config,
        policies=publish(ROOT / "apim-policies", tmp_path / "policies"),
        known=load_catalogue(config),
        definitions={},
    )
    yield path
    path.close()


def test_a_first_call_in_a_shared_service_is_routed_counted_and_paid(calls: WholePath) -> None:
    client: Any = openai.AzureOpenAI(
        azure_endpoint=f"{calls.running.urls['swedencentral']}/ai",
        api_key=calls.running.keys["claims-ai"],
        api_version="2024-10-21",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    )

    with client:
        client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "Hello"}])
        list(client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "Hello"}], stream=True))

    kinds = [event["type"].split(".")[2] for event in calls.sent()]
    assert kinds == ["recorded", "pending"]
    assert calls.settle().settled == 1
    assert calls.booked()["exact tokens"] + calls.booked()["settled tokens"] == calls.billed() > 0
    assert calls.calls_of("fabrikam-ai") == 2
