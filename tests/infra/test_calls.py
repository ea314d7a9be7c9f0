"""Each call of the gateway, the app and the hooks has the permission that Azure asks for, by a role that fits."""

import re

import pytest

from scripts.bicep.files import INFRA
from scripts.local.permissions import Call, Role, calls, grants, may, may_manage, roles

CALLS = calls()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.who}: {call.call}")
def test_a_call_has_every_permission_that_it_needs(call: Call) -> None:
    missing = [action for action in call.needs if not may(call.who, call.on, action)]
    missing += [action for action in call.actions if not may_manage(call.who, call.on, action)]

    assert missing == []


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
        ("finance", "storage/closed", "blobs/write"),
        ("topic", "storage/ledger", "blobs/read"),
    ],
    ids=" ".join,
)
def test_nobody_may_change_what_is_the_truth(forbidden: tuple[str, str, str]) -> None:
    who, on, action = forbidden

    assert not may(who, on, f"Microsoft.Storage/storageAccounts/blobServices/containers/{action}")


def test_the_gateway_cannot_change_deployments_or_read_keys() -> None:
    prefix = "Microsoft.CognitiveServices/accounts/OpenAI"

    assert not may("gateway", "models", f"{prefix}/deployments/write")
    assert not may("gateway", "models", f"{prefix}/fine-tunes-deployments/write")
    assert not may_manage("gateway", "models", "Microsoft.CognitiveServices/accounts/listKeys/action")


def test_the_definitions_say_of_which_day_they_are() -> None:
    text = (INFRA / "role-definitions.yaml").read_text("utf-8")

    assert re.search(r"^asOf: \d{4}-\d{2}-\d{2}$", text, re.MULTILINE)
    assert "https://learn.microsoft.com/" in text
