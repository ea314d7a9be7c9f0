"""What budgets.yaml names is looked up in the other files: whose usage, and what may be called in place of what."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from chargeback.adapters.config.budget_names import budget_name_faults
from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.gateway import load_products
from chargeback.adapters.config.proposed_budgets import load_proposed_budgets
from chargeback.domain.budgets.decisions import Product
from chargeback.domain.errors import InvalidConfig
from stack.example import EXAMPLE_CONFIG

NOW = datetime(2026, 10, 1, tzinfo=UTC)
TENANT = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))


def budget(folder: Path, **said: object) -> None:
    """The only budget of the folder."""
    entry = {"id": "b", "amount": 9, "steps": [{"percent": 100, "do": "block"}], **said}
    path_of(folder, "budgets.yaml").write_text(yaml.safe_dump({"budgets": [entry]}))


def swap(folder: Path, asked: str, other: str, **said: object) -> None:
    """A budget of the product `standard`, unless another scope is named, that swaps."""
    scope = said or {"product": "standard"}
    budget(folder, steps=[{"percent": 90, "do": "swap", "swap": {asked: other}}], **scope)


def change(folder: Path, name: str, how: Change) -> None:
    document = yaml.safe_load(path_of(folder, name).read_text())
    how(document)
    path_of(folder, name).write_text(yaml.safe_dump(document, sort_keys=False))


def faults_of(folder: Path) -> list[str]:
    """The reasons, without file and line."""
    found = budget_name_faults(folder, load_catalogue(folder), NOW)
    assert all(":" in fault and fault.split(":")[1].isdigit() for fault in found)
    return [fault.split(": ", 1)[1] for fault in found]


def test_the_shipped_budgets_name_what_is_there(folder: Path) -> None:
    assert faults_of(folder) == []


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"subscription": "nobody"}, "subscription: 'nobody' is not among the subscriptions of gateway.yaml"),
        ({"product": "gold"}, "product: 'gold' is not among the products of gateway.yaml"),
        ({"app": "tenant"}, "app: 'tenant' is not the id of a tenant, a slash and the id of an application"),
        ({"app": f"{TENANT}/{TENANT.upper()}"}, "is not the id of a tenant, a slash and the id of an application"),
        ({"user": "a\tb"}, "has a character that cannot be printed"),
        ({"model": "gpt-9"}, "model: 'gpt-9' has no price and no deployment"),
        ({"model": "gpt-5.5-2026-04-24"}, "model: write 'gpt-5.5': a budget covers every version of a model"),
    ],
)
def test_usage_that_nobody_could_have_is_refused(folder: Path, said: dict[str, object], fault: str) -> None:
    budget(folder, **said)

    (found,) = faults_of(folder)

    assert found.startswith("budgets[0].")
    assert fault in found


@pytest.mark.parametrize(
    "said",
    [
        {"subscription": "search"},
        {"product": "premium"},
        {"app": f"{TENANT}/{TENANT}"},
        {"user": "ada"},
        {"model": "gpt-5.5"},
        {"everything": True},
    ],
)
def test_usage_that_somebody_can_have_is_accepted(folder: Path, said: dict[str, object]) -> None:
    budget(folder, **said)

    assert faults_of(folder) == []


@pytest.mark.parametrize(
    ("asked", "other", "said", "fault"),
    [
        ("gpt-9", "gpt-5.4-mini", {}, "there is no deployment or alias 'gpt-9'"),
        ("gpt-5.5", "gpt-9", {}, "no account has a deployment 'gpt-9'"),
        ("gpt-5.4-mini", "gpt-5.4-mini", {}, "'gpt-5.4-mini' is called anyway"),
        ("gpt-5.4-mini", "gpt-5.5", {}, "'gpt-5.5' is dearer than 'gpt-5.4-mini': input_tokens in"),
        ("gpt-5.5", "text-embedding-3-large", {}, "are in no group of `interchangeable` in deployments.yaml"),
        ("gpt-5.5", "gpt-4o-mini-tts", {}, "'gpt-4o-mini-tts' is not deployed in 'europe', where 'gpt-5.5' is"),
        (
            "gpt-5.5",
            "gpt-5.4-mini",
            {"product": "europe-resident"},
            "is not processed in 'europe' alone, as the product",
        ),
        ("gpt-5.5", "gpt-5.4-mini", {"subscription": "legal"}, "is not processed in 'europe' alone, as the product"),
        ("gpt-5.5", "gpt-5.4-mini", {"costCentre": "product"}, "is not processed in 'europe' alone, as the product"),
        ("best", "gpt-5.4-mini", {"product": "europe-resident"}, "is not processed in 'europe' alone, as the product"),
    ],
)
def test_a_swap_that_could_not_be_kept_is_refused(
    folder: Path, asked: str, other: str, said: dict[str, object], fault: str
) -> None:
    swap(folder, asked, other, **said)

    found = faults_of(folder)

    assert any(fault in each for each in found), found
    assert all(each.startswith("budgets[0].steps[0].swap: ") for each in found)


@pytest.mark.parametrize(
    ("asked", "other", "said"),
    [
        ("gpt-5.5", "gpt-5.4-mini", {}),
        ("best", "gpt-5.4-mini", {}),
        ("gpt-5.5", "gpt-5.4", {"product": "europe-resident"}),
        ("gpt-5.4-mini", "gpt-5.4-nano", {"costCentre": "product"}),  # residents cannot call either
    ],
)
def test_a_swap_to_what_is_cheaper_and_as_resident_is_accepted(
    folder: Path, asked: str, other: str, said: dict[str, object]
) -> None:
    swap(folder, asked, other, **said)

    assert faults_of(folder) == []


def test_a_swap_to_what_has_no_price_is_refused(folder: Path) -> None:
    def unpriced(document: dict[str, Any]) -> None:
        for deployed in document["deploymentSets"].values():
            for each in deployed:
                if each["name"] == "gpt-5.4-nano":
                    each["model"] = "gpt-unknown"

    change(folder, "deployments.yaml", unpriced)
    swap(folder, "gpt-5.5", "gpt-5.4-nano")

    assert any("'gpt-5.4-nano' has no price for input_tokens in" in each for each in faults_of(folder))


def test_a_swap_to_what_a_product_may_not_use_is_refused(folder: Path) -> None:
    def only_the_best(document: dict[str, Any]) -> None:
        document["products"][0] |= {"operations": ["responses"], "models": ["gpt-5.5"]}

    change(folder, "gateway.yaml", only_the_best)
    swap(folder, "gpt-5.5", "gpt-5.4-mini")

    assert any("the product 'standard' may not use 'gpt-5.4-mini'" in each for each in faults_of(folder))


@pytest.mark.parametrize(
    ("group", "fault"),
    [
        (["gpt-5.5"], "interchangeable[0]: names fewer than two deployments"),
        (["gpt-5.5", "gpt-9"], "interchangeable[0]: no account has a deployment 'gpt-9'"),
        (["gpt-5.5", "text-embedding-3-large"], "'text-embedding-3-large' serves neither chat nor Responses"),
    ],
)
def test_a_group_that_cannot_be_kept_is_refused(folder: Path, group: list[str], fault: str) -> None:
    budget(folder, everything=True)
    change(folder, "deployments.yaml", lambda document: document.update(interchangeable=[group]))

    assert any(fault in each for each in faults_of(folder)), faults_of(folder)


def test_groups_that_are_no_lists_are_refused(folder: Path) -> None:
    budget(folder, everything=True)
    change(folder, "deployments.yaml", lambda document: document.update(interchangeable=["gpt-5.5"]))

    assert faults_of(folder) == ["interchangeable: expected a list of lists with the names of deployments"]


def test_products_come_with_the_subscriptions_that_call_with_them() -> None:
    found = load_products(EXAMPLE_CONFIG)

    assert found[0] == Product("standard", frozenset({"search", "research"}))
    assert [each.id for each in found] == ["standard", "europe-resident", "premium"]


def test_a_proposed_budget_is_refused_where_the_folder_would_refuse_it(folder: Path, tmp_path: Path) -> None:
    proposed = tmp_path / "proposed.yaml"
    steps = "amount: 9, steps: [{percent: 100, do: block}]"
    sound = f"budgets:\n  - {{id: a, product: standard, {steps}}}\n"
    catalogue = load_catalogue(folder)

    proposed.write_text(sound)
    (budget,) = load_proposed_budgets(proposed, folder, catalogue, NOW)
    proposed.write_text(f"{sound}  - {{id: b, subscription: nobody, {steps}}}\n")
    with pytest.raises(InvalidConfig) as refused:
        load_proposed_budgets(proposed, folder, catalogue, NOW)

    assert budget.id == "a"
    assert list(refused.value.faults) == [
        "proposed.yaml:3: budgets[1].subscription: 'nobody' is not among the subscriptions of gateway.yaml"
    ]
