"""Each call of the gateway, the app and the hooks has the permission that Azure asks for, by a role that fits."""

import json
import re

import pytest

from stack.bicep.files import INFRA, ROOT
from stack.identity.permissions import PermittedCall, Role, calls, grants, may, may_manage, roles

CALLS = calls()
PUBLISHED = json.loads((ROOT / "tests/infra/hooks/roles.json").read_text("utf-8"))
DEPLOYS_WITH = [
    Role(name, actions=tuple(PUBLISHED[name]["actions"]), not_actions=tuple(PUBLISHED[name]["notActions"]))
    for name in ("Contributor", "User Access Administrator")
]
"""What whoever deploys has on the subscription beforehand, as docs/deploy.md asks; no template gives it."""


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.who}: {call.call}")
def test_a_call_has_every_permission_that_it_needs(call: PermittedCall) -> None:
    missing = [action for action in call.needs if not may(call.who, call.on, action)]
    missing += [action for action in call.actions if not may_do(call, action)]

    assert missing == []


def may_do(call: PermittedCall, action: str) -> bool:
    if (call.who, call.on) == ("deployer", "subscription"):
        return any(role.manages(action) for role in DEPLOYS_WITH)
    return may_manage(call.who, call.on, action)


def test_roles_are_made_by_one_of_the_two_roles_alone() -> None:
    """Otherwise the second one would not be asked for."""
    assignment = "Microsoft.Authorization/roleAssignments/write"

    assert [role.name for role in DEPLOYS_WITH if role.manages(assignment)] == ["User Access Administrator"]


def test_every_hook_that_changes_something_is_in_the_table_of_calls() -> None:
    listed = " ".join(call.call for call in CALLS if call.on == "subscription")
    changing = re.compile(r"\.manage\(\s*\"(?!GET)")
    hooks = {path.name for path in (INFRA / "hooks").glob("*.py") if changing.search(path.read_text("utf-8"))}

    assert hooks
    assert {name for name in hooks if name not in listed} == set()


def test_an_upload_is_allowed_by_its_path_as_its_verb_is_not_published() -> None:
    (role,) = [role for role in roles().values() if role.name == "Chargeback Gateway Jobs"]

    assert [action for action in role.data_actions if "uploads" in action] == [
        "Microsoft.CognitiveServices/accounts/OpenAI/uploads/*"
    ]


def test_no_role_is_given_that_no_call_needs() -> None:
    known = roles()

    unused = [
        (given["who"], given["role"], given["on"])
        for given in grants()
        if not any(
            call.who == given["who"]
            and call.on == given["on"]
            and (
                any(map(known[given["role"]].allows, call.needs))
                or any(map(known[given["role"]].manages, call.actions))
            )
            for call in CALLS
        )
    ]

    assert unused == []


def test_every_call_needs_something() -> None:
    assert [call for call in CALLS if not call.needs and not call.actions] == []


def test_an_exclusion_of_a_role_is_no_exclusion_of_another() -> None:
    reading = "Microsoft.CognitiveServices/accounts/OpenAI/stored-completions/read"
    user = roles()["Cognitive Services OpenAI User"]

    assert not user.allows(reading)
    assert Role("other", (reading,)).allows(reading.lower())


@pytest.mark.parametrize(
    "forbidden",
    [
        ("functions", "storage/ledger", "blobs/write"),
        ("functions", "storage/ledger", "blobs/delete"),
        ("functions", "storage/closed", "blobs/delete"),
        ("functions", "storage/settled", "blobs/delete"),
        ("finance", "storage/closed", "blobs/write"),
        ("finance", "storage/settled", "blobs/write"),
        ("topic", "storage/ledger", "blobs/read"),
    ],
    ids=" ".join,
)
def test_nobody_may_change_what_is_the_truth(forbidden: tuple[str, str, str]) -> None:
    who, on, action = forbidden

    assert not may(who, on, f"Microsoft.Storage/storageAccounts/blobServices/containers/{action}")


@pytest.mark.parametrize("action", ["replace", "upsert", "delete"])
@pytest.mark.parametrize("who", ["functions", "deployer", "finance", "gateway"])
def test_nobody_may_change_or_remove_an_entry_of_the_audit_log(who: str, action: str) -> None:
    items = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items"

    assert not may(who, "cosmos/audit-log", f"{items}/{action}")
    assert may("functions", "cosmos/control", f"{items}/{action}")


def test_the_gateway_cannot_change_deployments_or_read_keys() -> None:
    prefix = "Microsoft.CognitiveServices/accounts/OpenAI"

    assert not may("gateway", "models", f"{prefix}/deployments/write")
    assert not may("gateway", "models", f"{prefix}/fine-tunes-deployments/write")
    assert not may_manage("gateway", "models", "Microsoft.CognitiveServices/accounts/listKeys/action")


def test_the_definitions_say_of_which_day_they_are() -> None:
    text = (INFRA / "role-definitions.yaml").read_text("utf-8")

    assert re.search(r"^asOf: \d{4}-\d{2}-\d{2}$", text, re.MULTILINE)
    assert "https://learn.microsoft.com/" in text
