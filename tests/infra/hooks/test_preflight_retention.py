"""Preflight refuses storage that would let closed months go before `retention` in books.yaml allows it."""

from typing import Any

import pytest
from deployment import Note, read_deployment
from preflight_retention import check_kept, check_lifecycle

from chargeback.domain.terms.retention import RetentionRule
from tests.infra.hooks.conftest import LocalAzure
from tests.infra.hooks.subscriptions import BASE, GROUP, deployment

RULE = RetentionRule(12, 10)
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts"


def kept(days: int, profile: str = "production") -> list[str]:
    retention = {"secrets": 7, "reportImmutability": days, "ledgerImmutability": 0}
    return list(check_kept(deployment(profile=profile, retention=RULE, settings={"retention": retention})))


def lifecycle(azure: LocalAzure, prefixes: list[str], **actions: Any) -> list[str]:
    books = {"id": f"{ACCOUNT}/stbooks1", "name": "stbooks1"}
    rule = {"name": "mine", "enabled": True, "definition": {"filters": {"prefixMatch": prefixes}, "actions": actions}}
    azure.on("GET", ACCOUNT, (200, {"value": [books]}))
    azure.on(
        "GET", f"{ACCOUNT}/stbooks1/managementPolicies/default", (200, {"properties": {"policy": {"rules": [rule]}}})
    )
    return list(check_lifecycle(azure.client(), BASE, "rg-env", deployment(retention=RULE)))


def deletes(days: int) -> dict[str, Any]:
    return {"delete": {"daysAfterModificationGreaterThan": days}}


def test_files_that_may_be_deleted_before_their_time_stop_production_and_are_told_elsewhere() -> None:
    (refused,) = kept(3653)
    (told,) = kept(0, profile="trial")

    assert "keeps closed months for up to 3987 days, and retention.reportImmutability is 3653" in refused
    assert not isinstance(refused, Note)
    assert isinstance(told, Note)
    assert kept(3987) == []
    assert list(check_kept(deployment())) == []


@pytest.mark.parametrize(
    "prefixes", [[], ["closed/"], ["clos"], ["closed/2026-03/evidence/"], ["reports/", "settled/"]]
)
def test_a_rule_that_deletes_earlier_is_refused(azure: LocalAzure, prefixes: list[str]) -> None:
    found = lifecycle(azure, prefixes, baseBlob=deletes(400))

    assert found
    assert "rule mine of the lifecycle of stbooks1 deletes " in found[0]
    assert "after 400 days, and books.yaml keeps closed months for up to 3987" in found[0]


def test_a_rule_about_something_else_or_late_enough_is_none(azure: LocalAzure) -> None:
    assert lifecycle(azure, ["reports/", "ledger/"], baseBlob=deletes(1)) == []
    assert lifecycle(azure, ["closed/"], baseBlob=deletes(4000)) == []
    assert lifecycle(azure, ["closed/"], baseBlob={"tierToCool": {"daysAfterModificationGreaterThan": 90}}) == []
    assert lifecycle(azure, ["settled/"], version={"delete": {"daysAfterCreationGreaterThan": 7}}) == []
    assert lifecycle(azure, ["closed/"], version={"delete": {"daysAfterCreationGreaterThan": 7}}) != []


def test_the_product_own_lifecycle_deletes_nothing_that_is_kept() -> None:
    """The rules of infra/modules/storage-lifecycle.bicep, by the prefixes of those that delete."""
    from stack.bicep.files import INFRA

    text = (INFRA / "modules/storage-lifecycle.bicep").read_text("utf-8")
    rules = text.split("name: '")[1:]
    deleting = [rule for rule in rules if "baseBlob: { delete" in rule]

    assert deleting
    assert not [rule for rule in deleting if "closed/" in rule or "settled/" in rule]


def test_the_rule_is_read_from_the_books(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_LOCATION", "swedencentral")
    from stack.bicep.files import INFRA

    assert read_deployment(INFRA.parent).retention is None
