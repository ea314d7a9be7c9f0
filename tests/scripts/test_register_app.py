"""The registration is made by one command that may run again, on a directory that refuses what Microsoft Graph does."""

import copy
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from chargeback.domain.access.app_roles import AppRole
from scripts.registration.__main__ import main
from scripts.registration.desired import AZURE_CLI, MICROSOFT_GRAPH, OPEN_ID_SCOPES
from scripts.registration.graph import Graph
from scripts.registration.trust import trusted
from tests.infra.hooks.conftest import Asked, LocalAzure
from tests.infra.hooks.conftest import azure as azure
from tests.scripts.directory import TENANT, Directory

GROUP, PERSON = (str(uuid.uuid4()) for _ in range(2))
ROOT = Path(__file__).parents[2]


class Local:
    """A directory and the command over it."""

    def __init__(self, azure: LocalAzure, lag: int = 0) -> None:
        self.directory = Directory(lag)
        self.azure = azure
        azure.answer = lambda *_: self.directory.answer(azure.asked[-1])  # type: ignore[method-assign]
        self.graph = Graph(azure.client(), azure.url, patience=5, every=0.01)

    def run(self, *words: str) -> int:
        self.directory.patches.clear()
        return main(list(words), self.graph)

    @property
    def application(self) -> dict[str, Any]:
        return self.directory.applications["chargeback"]


@pytest.fixture
def local(azure: LocalAzure) -> Local:
    return Local(azure)


def test_a_new_registration_has_everything_that_tokens_need(local: Local, capsys: pytest.CaptureFixture[str]) -> None:
    assert local.run("--redirect-uri", "https://func.example/api/signed-in") == 0

    made = local.application
    (scope,) = made["api"]["oauth2PermissionScopes"]
    assert {role["value"] for role in made["appRoles"]} == set(AppRole)
    assert all(role["allowedMemberTypes"] == ["User", "Application"] for role in made["appRoles"])
    assert (scope["value"], scope["type"]) == ("access_as_user", "User")
    assert made["api"]["requestedAccessTokenVersion"] == 2
    assert made["api"]["preAuthorizedApplications"] == [{"appId": AZURE_CLI, "delegatedPermissionIds": [scope["id"]]}]
    assert made["identifierUris"] == [f"api://{made['appId']}"]
    assert made["signInAudience"] == "AzureADMyOrg"
    assert made["groupMembershipClaims"] == "ApplicationGroup"
    assert [each["name"] for each in made["optionalClaims"]["accessToken"]] == ["idtyp", "upn"]
    assert made["web"]["redirectUris"] == ["https://func.example/api/signed-in"]
    assert made["web"]["implicitGrantSettings"] == {
        "enableAccessTokenIssuance": False,
        "enableIdTokenIssuance": False,
    }
    assert local.directory.principals[made["appId"]]["appRoleAssignmentRequired"] is False
    assert f"API_CLIENT_ID={made['appId']}" in capsys.readouterr().out.splitlines()


def test_a_second_run_changes_nothing(local: Local) -> None:
    local.run("--assign", f"finance={GROUP}")
    made = copy.deepcopy(local.application)

    assert local.run("--assign", f"finance={GROUP}") == 0

    assert local.directory.patches == []
    assert local.application == made
    assert len(local.directory.assigned) == 1


PAGES = ("--pages", "https://func.example", "--identity", PERSON)


def test_a_registration_of_the_pages_has_their_address_and_trusts_their_identity_without_a_secret(local: Local) -> None:
    assert local.run(*PAGES) == 0

    made = local.application
    (credential,) = local.directory.trusted[made["id"]]
    own = next(each for each in made["api"]["preAuthorizedApplications"] if each["appId"] == made["appId"])
    (graph,) = made["requiredResourceAccess"]
    assert made["web"]["redirectUris"] == ["https://func.example/signed-in"]
    assert (credential["issuer"], credential["subject"], credential["audiences"]) == (
        f"https://login.microsoftonline.com/{TENANT}/v2.0",
        PERSON,
        ["api://AzureADTokenExchange"],
    )
    assert own["delegatedPermissionIds"] == [made["api"]["oauth2PermissionScopes"][0]["id"]]
    assert graph["resourceAppId"] == "00000003-0000-0000-c000-000000000000"
    assert [each["type"] for each in graph["resourceAccess"]] == ["Scope", "Scope"]
    assert "passwordCredentials" not in made


def test_a_second_run_for_the_pages_changes_nothing_and_a_run_without_them_takes_nothing_away(local: Local) -> None:
    local.run(*PAGES)
    made, trusted = copy.deepcopy(local.application), copy.deepcopy(local.directory.trusted)

    assert local.run(*PAGES) == 0
    assert local.run() == 0

    assert local.directory.patches == []
    assert (local.application, local.directory.trusted) == (made, trusted)


def test_a_new_identity_takes_the_place_of_the_one_before(local: Local) -> None:
    local.run(*PAGES)

    assert local.run("--pages", "https://func.example/", "--identity", GROUP) == 0

    (credential,) = local.directory.trusted[local.application["id"]]
    assert credential["subject"] == GROUP
    assert local.application["web"]["redirectUris"] == ["https://func.example/signed-in"]


def test_an_identity_that_somebody_trusted_under_another_name_is_left_alone(local: Local) -> None:
    local.run()
    issuer, audience = f"https://login.microsoftonline.com/{TENANT}/v2.0", ["api://AzureADTokenExchange"]
    theirs = {"id": GROUP, "name": "by-hand", "issuer": issuer, "subject": PERSON, "audiences": audience}
    local.directory.trusted[local.application["id"]] = [theirs]

    assert local.run(*PAGES) == 0

    assert local.directory.trusted[local.application["id"]] == [theirs]


def test_what_an_administrator_let_it_ask_of_graph_stays(local: Local) -> None:
    local.run()
    theirs = {"resourceAppId": GROUP, "resourceAccess": [{"id": PERSON, "type": "Role"}]}
    of_graph = {"resourceAppId": MICROSOFT_GRAPH, "resourceAccess": [{"id": PERSON, "type": "Scope"}]}
    local.application["requiredResourceAccess"] = [theirs, of_graph]

    local.run(*PAGES)

    kept, graph = local.application["requiredResourceAccess"]
    assert kept == theirs
    assert [each["id"] for each in graph["resourceAccess"]] == [PERSON, *OPEN_ID_SCOPES]


def test_a_dry_run_for_the_pages_says_whom_it_would_trust_and_trusts_nobody(
    local: Local, capsys: pytest.CaptureFixture[str]
) -> None:
    local.run()

    assert local.run(*PAGES, "--dry-run") == 0

    told = capsys.readouterr().out
    assert f"the identity {PERSON} is trusted" in told
    assert "https://func.example/signed-in" in told
    assert local.directory.trusted[local.application["id"]] == []
    assert local.directory.patches == []


@pytest.mark.parametrize(
    ("graph", "issuer", "audience"),
    [
        ("https://graph.microsoft.us", "https://login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
        (
            "https://microsoftgraph.chinacloudapi.cn",
            "https://login.partner.microsoftonline.cn",
            "api://AzureADTokenExchangeChina",
        ),
    ],
)
def test_other_clouds_have_an_issuer_and_an_audience_of_their_own(graph: str, issuer: str, audience: str) -> None:
    wanted = trusted(graph, TENANT, PERSON)

    assert (wanted["issuer"], wanted["audiences"]) == (f"{issuer}/{TENANT}/v2.0", [audience])


@pytest.mark.parametrize("lag", [1, 3])
def test_a_directory_that_is_slow_to_agree_with_itself_is_waited_for(azure: LocalAzure, lag: int) -> None:
    local = Local(azure, lag)

    assert local.run("--assign", f"finance={GROUP}", *PAGES) == 0

    assert local.directory.assigned[0]["principalId"] == GROUP
    assert len(local.directory.trusted[local.application["id"]]) == 1


def test_what_others_added_stays(local: Local) -> None:
    local.run()
    role = {"id": str(uuid.uuid4()), "value": "Reports.Read", "isEnabled": True}
    client = {"appId": PERSON, "delegatedPermissionIds": [local.application["api"]["oauth2PermissionScopes"][0]["id"]]}
    local.application["appRoles"].append(role)
    local.application["api"]["preAuthorizedApplications"].append(client)
    local.application["optionalClaims"]["idToken"] = [{"name": "email"}]
    local.application["web"]["redirectUris"].append("https://other.example/back")

    local.run("--redirect-uri", "https://func.example/back", "--client", GROUP)

    assert role in local.application["appRoles"]
    assert client in local.application["api"]["preAuthorizedApplications"]
    assert [each["appId"] for each in local.application["api"]["preAuthorizedApplications"]][-1] == GROUP
    assert local.application["optionalClaims"]["idToken"] == [{"name": "email"}]
    assert local.application["web"]["redirectUris"] == ["https://other.example/back", "https://func.example/back"]
    assert local.application["web"]["homePageUrl"] == "https://home.example"


def test_a_role_that_is_no_longer_ours_is_disabled_and_then_removed(local: Local) -> None:
    local.run()
    local.application["appRoles"].append({"id": str(uuid.uuid4()), "value": "Chargeback.Reader", "isEnabled": True})

    assert local.run() == 0

    disabling, removing = local.directory.patches
    assert [role["value"] for role in disabling["appRoles"] if not role["isEnabled"]] == ["Chargeback.Reader"]
    assert {role["value"] for role in removing["appRoles"]} == set(AppRole)


def test_a_role_or_scope_that_somebody_changed_is_what_it_was_again_under_its_id(local: Local) -> None:
    local.run()
    before = copy.deepcopy(local.application)
    local.application["appRoles"][0]["description"] = "changed"
    local.application["api"]["oauth2PermissionScopes"][0]["type"] = "Admin"

    assert local.run() == 0

    roles = local.application["appRoles"]
    assert sorted(roles, key=lambda role: role["id"]) == sorted(before["appRoles"], key=lambda role: role["id"])
    assert local.application["api"] == before["api"]


def test_a_run_that_was_killed_between_two_changes_is_finished_by_the_next(local: Local) -> None:
    local.run()
    whole = copy.deepcopy(local.application)
    for role in local.application["appRoles"]:
        role["isEnabled"] = False
    local.application["api"]["preAuthorizedApplications"] = []

    assert local.run() == 0

    assert {**local.application, "appRoles": whole["appRoles"][::-1]} == {**whole, "appRoles": whole["appRoles"][::-1]}
    assert all(role["isEnabled"] for role in local.application["appRoles"])


def test_a_dry_run_says_what_it_would_change_and_changes_nothing(
    local: Local, capsys: pytest.CaptureFixture[str]
) -> None:
    assert local.run("--dry-run") == 0
    absent = dict(local.directory.applications)
    local.run()
    local.application["groupMembershipClaims"] = None
    capsys.readouterr()

    assert local.run("--dry-run", "--assign", f"admin={PERSON}") == 0

    assert absent == {}
    told = capsys.readouterr().out
    assert 'groupMembershipClaims := "ApplicationGroup"' in told
    assert f"Chargeback.Admin: given to {PERSON}" in told
    assert (local.directory.patches, local.directory.assigned) == ([], [])


def test_somebody_whom_the_list_of_assignments_names_late_gets_the_role_once(local: Local) -> None:
    holders = [str(uuid.uuid4()) for _ in range(5)]
    words = [word for holder in holders for word in ("--assign", f"user={holder}")]
    local.run(*words)
    asked = len(local.azure.requests("POST"))

    assert local.run(*words) == 0

    assert len(local.directory.assigned) == 5
    assert len(local.azure.requests("POST")) == asked


def test_all_groups_come_into_tokens_only_where_that_is_asked_for(local: Local) -> None:
    local.run("--all-groups")

    assert local.application["groupMembershipClaims"] == "SecurityGroup"


@pytest.mark.parametrize(
    "words",
    [
        ("--redirect-uri", "http://func.example/back"),
        ("--redirect-uri", "https://*.example/back"),
        ("--redirect-uri", "https://func.example/back#here"),
        ("--redirect-uri", f"https://func.example/{'x' * 250}"),
        ("--assign", f"boss={GROUP}"),
        ("--assign", "finance=finance-team"),
        ("--client", "az"),
        ("--pages", "http://func.example"),
        ("--pages", "https://func.example/costs"),
        ("--identity", "func-identity"),
        ("--name", "a'b"),
    ],
)
def test_what_entra_would_refuse_is_refused_before_anything_is_changed(local: Local, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        local.run(*words)

    assert ended.value.code == 2
    assert local.azure.asked == []


def test_two_people_who_make_it_at_once_make_one(local: Local) -> None:
    made = local.graph.create_application("chargeback", "One")

    again = local.graph.create_application("chargeback", "Two")

    assert again["appId"] == made["appId"]
    assert len(local.directory.applications) == 1


def test_whoever_may_not_register_applications_is_told_so(
    local: Local, azure: LocalAzure, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(asked: Asked) -> tuple[int, Any]:
        words = "Insufficient privileges to complete the operation."
        return 403, {"error": {"code": "Authorization_RequestDenied", "message": words}}

    azure.answer = lambda *_: refuse(azure.asked[-1])  # type: ignore[method-assign]

    assert local.run() == 1

    assert "Authorization_RequestDenied: Insufficient privileges" in capsys.readouterr().err


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `az` that gives a token for the scope that it is asked for."""
    command = tmp_path / "az"
    command.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        "print(json.dumps({'accessToken': 'token of ' + sys.argv[sys.argv.index('--scope') + 1]}))\n"
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return command


def test_the_command_signs_in_as_az_does(az: Path, azure: LocalAzure) -> None:
    local = Local(azure)
    module = [sys.executable, "-m", "scripts.registration", "--graph", azure.url]

    ended = subprocess.run(module, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 0, ended.stderr
    assert local.application["appId"] in ended.stdout
    assert {asked.headers["authorization"] for asked in azure.asked} == {f"Bearer token of {azure.url}/.default"}
    assert json.loads(azure.asked[1].body)["displayName"] == "Chargeback for Azure OpenAI"
