"""What allocation rules name is looked up in gateway.yaml, and validation says who pays for each subscription."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.rule_names import payers_of_subscriptions, rule_name_faults
from chargeback.domain.cost_centres.payers import Payer, shared_rules
from stack.example import EXAMPLE_CONFIG

NOW = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))


def rules(folder: Path, *entries: dict[str, object]) -> None:
    """The only rules of the folder, each with an id and a cost centre."""
    path = path_of(folder, "cost-centres.yaml")
    document = yaml.safe_load(path.read_text())
    document["rules"] = [{"id": f"r{n}", "costCentre": "research", **each} for n, each in enumerate(entries)]
    path.write_text(yaml.safe_dump(document))


def faults_of(folder: Path) -> list[str]:
    """The reasons, without file and line."""
    found = rule_name_faults(folder, load_catalogue(folder), NOW)
    assert all(fault.startswith("cost-centres.yaml:") and fault.split(":")[1].isdigit() for fault in found)
    return [fault.split(": ", 1)[1] for fault in found]


def test_the_shipped_rules_name_what_is_there(folder: Path) -> None:
    assert faults_of(folder) == []


def test_a_misspelt_subscription_or_product_is_named(folder: Path) -> None:
    rules(folder, {"when": {"subscription": "serch"}}, {"when": {"product": "premum"}})

    assert faults_of(folder) == [
        "rules[0].when.subscription: 'serch' is not among the subscriptions of gateway.yaml",
        "rules[1].when.product: 'premum' is not among the products of gateway.yaml",
    ]


def test_a_subscription_with_another_product_matches_no_call(folder: Path) -> None:
    rules(folder, {"when": {"subscription": "search", "product": "premium"}})

    assert faults_of(folder) == [
        "rules[0].when.product: the subscription 'search' calls with 'standard', so no call matches"
    ]


def test_a_rule_that_has_ended_may_name_what_is_gone(folder: Path) -> None:
    rules(folder, {"when": {"subscription": "gone"}, "effectiveTo": "2026-09-01"})

    assert faults_of(folder) == []


def test_a_product_that_takes_a_later_team_is_refused(folder: Path) -> None:
    rules(folder, {"when": {"product": "standard"}}, {"when": {"subscription": "search"}})

    assert faults_of(folder) == [
        "rules[1]: never reached, because rule 'r0' takes every call with the product 'standard', "
        "with which 'search' calls: put this rule before it"
    ]


@pytest.mark.parametrize(
    "first",
    [
        {"when": {"product": "premium"}},
        {"when": {"product": "standard", "billingCode": "X"}},
        {"when": {"product": "standard"}, "effectiveFrom": "2026-11-01"},
    ],
)
def test_a_team_is_not_taken_by_another_product_by_some_calls_or_for_some_time(
    folder: Path, first: dict[str, object]
) -> None:
    rules(folder, first, {"when": {"subscription": "search"}})

    assert faults_of(folder) == []


def test_it_says_who_pays_for_each_subscription_in_the_order_of_the_rules(folder: Path) -> None:
    rules(
        folder,
        {"when": {"subscription": "search", "billingCode": "X"}},
        {"when": {"product": "standard", "app": "a"}, "costCentre": "corporate"},
        {"when": {"subscription": "support"}, "costCentre": "product/support"},
    )

    found = payers_of_subscriptions(folder, load_catalogue(folder), NOW)

    assert found["search"] == (
        Payer("research", "r0", {"billingCode": "X"}),
        Payer("corporate", "r1", {"app": "a"}),
        Payer("unallocated", "", {}),
    )
    assert found["support"] == (Payer("product/support", "r2", {}),)
    assert found["legal"] == (Payer("unallocated", "", {}),)


def test_a_rule_that_bills_several_teams_together_is_told() -> None:
    every, voice = Payer("research", "every", {}), Payer("product", "voice", {"billingCode": "VOICE"})

    assert shared_rules({"a": [every], "b": [voice, every], "c": [Payer("product", "own", {})]}) == {
        "every": ["a", "b"]
    }
    assert shared_rules({"a": [every], "b": [Payer("unallocated", "", {})], "c": [Payer("unallocated", "", {})]}) == {}
