"""Preflight asks two sources whether a model can be deployed, and names what to take instead."""

from datetime import date
from typing import Any

import pytest
from deployment import Deployment, Note
from preflight_models import check_models, longer_lived, offered

from chargeback.domain.deployments.models import Models, models_of
from tests.infra.hooks.conftest import LocalAzure
from tests.infra.hooks.subscriptions import BASE, COGNITIVE, GROUP, deployment
from tests.support.model_entries import entry

TODAY = date(2026, 11, 29)
ACCOUNTS = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts"


def listed(version: str, **more: Any) -> dict[str, Any]:
    skus = [{"name": name} for name in more.pop("skus", ["Standard"])]
    return {"kind": "OpenAI", "model": {"name": "chat", "version": version, "skus": skus, **more}}


def wanting(version: str, facts: Models, kind: str = "Standard") -> Deployment:
    item = {"name": "talk", "model": "chat", "version": version, "type": kind, "capacity": 1}
    return deployment(sets={"set": [item]}, models=facts)


def findings(azure: LocalAzure, wanted: Deployment) -> list[str]:
    return list(check_models(azure.client(), BASE, "rg-env", wanted, TODAY))


def catalogue(azure: LocalAzure, *entries: dict[str, Any]) -> None:
    azure.on("GET", f"{COGNITIVE}/swedencentral/models", (200, {"value": list(entries)}))


FACTS = models_of(
    {
        "models": [
            entry(version="1", lifecycle="Deprecated", retires="2027-06-01"),
            entry(version="2", retires="2027-02-27"),
            entry(version="3", retires="2028-01-01"),
        ]
    }
)


def test_a_model_that_lives_long_enough_is_not_mentioned(azure: LocalAzure) -> None:
    catalogue(azure, listed("3"))

    assert findings(azure, wanting("3", FACTS)) == []


@pytest.mark.parametrize("kind", ["Standard", "GlobalStandard"])
def test_what_the_region_does_not_offer_is_refused_with_the_longest_lived_of_its_family(
    azure: LocalAzure, kind: str
) -> None:
    catalogue(azure, listed("2", skus=["DataZoneStandard"]), listed("3", skus=["Standard", "GlobalStandard"]))

    (found,) = findings(azure, wanting("2", FACTS, kind))

    assert found == (
        f"chat 2 as {kind} is not offered in swedencentral:"
        " take chat 3 in deployment set 'set' of config/company/deployments.yaml."
    )


@pytest.mark.parametrize("status", ["Deprecating", "Deprecated", "deprecated", "Retired"])
def test_a_model_that_the_catalogue_lists_as_deprecated_is_refused(azure: LocalAzure, status: str) -> None:
    catalogue(azure, listed("3", lifecycleStatus=status), listed("4"))

    (found,) = findings(azure, wanting("3", FACTS))

    assert f"chat 3 is {status} in swedencentral, so it cannot be deployed any more: take chat 4" in found


def test_a_model_that_only_our_facts_know_to_be_deprecated_is_refused_although_the_catalogue_lists_it(
    azure: LocalAzure,
) -> None:
    catalogue(azure, listed("1", lifecycleStatus="GenerallyAvailable"), listed("3"))

    (found,) = findings(azure, wanting("1", FACTS))

    assert found.startswith("chat 1 is Deprecated in swedencentral, so it cannot be deployed any more: take chat 3 in")


def test_a_deprecated_model_that_is_deployed_already_may_stay(azure: LocalAzure) -> None:
    catalogue(azure, listed("1"), listed("3"))
    account = {"id": f"{ACCOUNTS}/a-token", "name": "a-token"}
    made = {"name": "talk", "properties": {"model": {"name": "chat", "version": "1"}}}
    azure.on("GET", ACCOUNTS, (200, {"value": [account]}))
    azure.on("GET", f"{ACCOUNTS}/a-token/deployments", (200, {"value": [made]}))

    (found,) = findings(azure, wanting("1", FACTS))

    assert isinstance(found, Note)
    assert "cannot be deployed again once deleted: take chat 3" in found


def test_the_catalogue_may_know_of_an_earlier_end(azure: LocalAzure) -> None:
    catalogue(azure, listed("3", deprecation={"inference": "2026-11-29T00:00:00Z"}), listed("2"))

    (found,) = findings(azure, wanting("3", FACTS))

    assert found.startswith("chat 3 retired on 2026-11-29: ")


def test_ninety_days_before_the_end_is_the_time_to_say_so(azure: LocalAzure) -> None:
    catalogue(azure, listed("2"), listed("3", deprecation={"inference": "2027-12-01T00:00:00Z"}))

    (found,) = findings(azure, wanting("2", FACTS))

    assert isinstance(found, Note)
    assert found.startswith("chat 2 in swedencentral retires on 2027-02-27: take chat 3 in")


def test_entries_of_other_kinds_of_accounts_do_not_count(azure: LocalAzure) -> None:
    catalogue(azure, {**listed("3"), "kind": "AIServices"})

    (found,) = findings(azure, wanting("3", FACTS))

    assert "is not offered in swedencentral" in found


def test_a_longer_lived_model_that_a_region_offers_is_named(azure: LocalAzure) -> None:
    catalogue(azure, listed("2"), listed("3"))
    wanted = wanting("2", FACTS)
    models = offered(azure.client(), BASE, "swedencentral", FACTS)

    assert list(longer_lived(models, FACTS, wanted.accounts[0], wanted.sets["set"], TODAY)) == [
        "a/talk: chat 3 is offered and lives until 2028-01-01, chat 2 until 2027-02-27"
    ]
