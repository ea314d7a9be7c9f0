"""A team's key is the same at every gateway service, also while it is rotated; over an ARM that keeps keys."""

from collections import defaultdict
from itertools import count
from typing import Any

import pytest
from copy_keys import copy_keys, main, services_of

from tests.infra.hooks.conftest import Answer, Asked, LocalAzure

GROUP = "/subscriptions/s/resourceGroups/rg"
FIRST, SECOND, THIRD = SERVICES = services_of(GROUP, "apim,apim-eastus2,apim-japaneast")
TEAMS = ("legal", "search")
Keys = dict[tuple[str, str], dict[str, str]]


@pytest.fixture
def kept(azure: LocalAzure) -> Keys:
    """The keys that each service made for itself, by service and team."""
    numbers = count(1)
    keys: Keys = defaultdict(lambda: {f"{each}Key": f"{each}-{next(numbers)}" for each in ("primary", "secondary")})
    for service in SERVICES:
        listed = [{"name": name} for name in ("master", *TEAMS)]
        azure.on("GET", f"{service}/subscriptions", (200, {"value": listed}))
        for team in TEAMS:
            serve(azure, keys, service, team, numbers)
    return keys


def serve(azure: LocalAzure, keys: Keys, service: str, team: str, numbers: Any) -> None:
    path, own = f"{service}/subscriptions/{team}", keys[service, team]

    def change(asked: Asked) -> Answer:
        if asked.headers.get("if-match") != "*":
            return 400, {"error": {"code": "ValidationError", "message": "If-Match is required"}}
        own.update(asked.json["properties"])
        return 200, {}

    def regenerate(which: str) -> Answer:
        own[f"{which}Key"] = f"new-{which}-{next(numbers)}"
        return 204, None

    azure.on_any("POST", f"{path}/listSecrets", lambda _: (200, dict(own)))
    azure.on_any("PATCH", path, change)
    azure.on_any("POST", f"{path}/regeneratePrimaryKey", lambda _: regenerate("primary"))
    azure.on_any("POST", f"{path}/regenerateSecondaryKey", lambda _: regenerate("secondary"))


def test_every_service_gets_the_keys_of_the_first_one_and_a_second_run_changes_nothing(
    azure: LocalAzure, kept: Keys
) -> None:
    before = {team: dict(kept[FIRST, team]) for team in TEAMS}

    first, again = (copy_keys(azure.client(), SERVICES) for _ in range(2))

    assert (first, again) == (list(TEAMS), [])
    for team in TEAMS:
        assert kept[FIRST, team] == kept[SECOND, team] == kept[THIRD, team] == before[team]
    assert len(azure.requests("PATCH")) == 4


def test_one_service_needs_no_copy(azure: LocalAzure, kept: Keys) -> None:
    assert copy_keys(azure.client(), SERVICES[:1]) == []
    assert azure.requests("PATCH") == []


def test_a_subscription_of_the_first_service_alone_is_named_and_does_not_stop_the_others(
    azure: LocalAzure, kept: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    azure.on("GET", f"{FIRST}/subscriptions", (200, {"value": [{"name": name} for name in ("by-hand", *TEAMS)]}))
    serve(azure, kept, FIRST, "by-hand", count(100))

    assert copy_keys(azure.client(), SERVICES) == list(TEAMS)
    assert "keys: apim-eastus2 has no subscription by-hand; it is left out." in capsys.readouterr().err


def test_a_rotated_key_is_new_everywhere_and_the_other_one_serves_on(
    azure: LocalAzure, kept: Keys, environment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    environment(AZURE_SUBSCRIPTION_ID="s", AZURE_RESOURCE_GROUP="rg", GATEWAY_NAMES="apim,apim-eastus2,apim-japaneast")
    copy_keys(azure.client(), SERVICES)
    before = dict(kept[FIRST, "search"])

    code = main(azure.client(), ["--rotate", "search", "secondary"])

    after = kept[FIRST, "search"]
    assert code == 0
    assert after["primaryKey"] == before["primaryKey"]
    assert after["secondaryKey"].startswith("new-secondary-")
    assert kept[SECOND, "search"] == kept[THIRD, "search"] == after
    said = capsys.readouterr()
    assert after["secondaryKey"] not in said.out + said.err


def test_a_key_that_does_not_exist_is_refused(
    azure: LocalAzure, kept: Keys, environment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    environment(AZURE_SUBSCRIPTION_ID="s", AZURE_RESOURCE_GROUP="rg", GATEWAY_NAMES="apim")

    assert main(azure.client(), ["--rotate", "search", "third"]) == 1
    assert "a team has a primary and a secondary key, not 'third'" in capsys.readouterr().err
