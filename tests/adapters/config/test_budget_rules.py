"""An older file of budgets is read as entries of budgets.yaml, and what it could not bring over is named."""

from decimal import Decimal
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.config.budget_rules import import_rules
from chargeback.adapters.config.budgets import budgets
from chargeback.domain.budgets.budget import Action, Budget
from chargeback.domain.budgets.faults import budget_faults, twins
from chargeback.domain.time.calendar import Calendar
from tests.support.examples import few

CALENDAR = Calendar()
OLDER = """\
budget_rules:
  global: {monthly_budget: 1000.0, swap_threshold: 0.8}
  applications:
    - {name: production, monthly_budget: 2000.0, swap_threshold: 0.9,
       model_preferences: {primary: gpt-4-turbo, fallback: gpt-4, emergency: gpt-3.5-turbo}}
  users:
    - {id: power_user, monthly_budget: 200.0, swap_threshold: 0.8}
  model_costs: {gpt-4: 1}
"""


def read_again(text: str) -> list[Budget]:
    """The budgets of a written document, which must have no fault."""
    faults: list[str] = []
    found = budgets(yaml.safe_load(text), CALENDAR, faults, thorough=True)
    assert faults == []
    assert [*twins(found), *(fault for _, each in found for fault in budget_faults(each))] == []
    return [budget for _, budget in found]


def test_an_older_file_is_read_and_what_is_left_out_is_named() -> None:
    found = import_rules(yaml.safe_load(OLDER))

    everything, production, user = read_again(found.as_yaml())
    assert [str(each.scope) for each in (everything, production, user)] == [
        "all",
        "subscription:production",
        "user:power_user",
    ]
    assert [each.amount for each in (everything, production, user)] == [1000, 2000, 200]
    assert all(each.shadow and each.currency == "USD" for each in (everything, production, user))
    (step,) = production.steps
    assert (step.percent, step.action, step.fallback) == (90, Action.SWAP, {"gpt-4-turbo": "gpt-4"})
    assert [(each.percent, each.action) for each in everything.steps] == [(80, Action.NOTIFY)]
    assert found.left_out == (
        "budget_rules.global.swap_threshold: model_preferences name no primary and fallback to swap, so it notifies",
        "budget_rules.applications[0].model_preferences.emergency: a budget swaps to one deployment; block instead?",
        "budget_rules.users[0].swap_threshold: model_preferences name no primary and fallback to swap, so it notifies",
        "budget_rules.model_costs: prices are in rate-card.yaml, and agreements in adjustments.yaml",
    )


def test_alert_rules_become_steps_in_order() -> None:
    rules = [
        {"threshold": 0.85, "actions": ["model_swap", "rate_limit"], "notifications": ["slack"]},
        {"threshold": 0.5},
        {"threshold": 0.7, "action": "warn"},
        0.95,
    ]
    preferred = {"primary": "gpt-5.5", "fallback": "gpt-5.4-mini"}
    limit = {"monthly_budget": 10, "alert_rules": rules, "model_preferences": preferred}

    found = import_rules({"budget_rules": {"global": limit}})

    (budget,) = read_again(found.as_yaml())
    assert [(str(each.percent), each.action.value) for each in budget.steps] == [
        ("50", "notify"),
        ("70", "warn"),
        ("85", "swap"),
        ("95", "notify"),
    ]
    assert [each.partition(": ")[0].removeprefix("budget_rules.global.") for each in found.left_out] == [
        "alert_rules[0].notifications",
        "alert_rules[0]",
    ]


def test_limits_of_users_are_read_in_both_forms() -> None:
    found = import_rules({"budget_rules": {"user_limits": {"ada": 5, "bob lee": {"monthly_budget": 7.5}}}})

    ada, bob = read_again(found.as_yaml())
    assert [(each.id, each.scope.value, each.amount) for each in (ada, bob)] == [
        ("user-ada", "ada", Decimal(5)),
        ("user-bob-lee", "bob lee", Decimal("7.5")),
    ]


def test_a_name_with_a_character_that_ends_a_line_stays_as_it_is() -> None:
    found = import_rules({"budget_rules": {"applications": [{"name": "a\x85b", "monthly_budget": 5}]}})

    (budget,) = read_again(found.as_yaml())
    assert budget.scope.value == "a\x85b"


def test_what_cannot_be_read_is_named_and_makes_no_budget() -> None:
    found = import_rules(
        {
            "version": 1,
            "budget_rules": {
                "global": {"monthly_budget": "much"},
                "applications": [{"monthly_budget": 5}, "x"],
                "users": 7,
                "teams": [],
            },
        }
    )

    assert found.entries == ()
    assert [each.partition(": ")[0] for each in found.left_out] == [
        "version",
        "budget_rules.global.monthly_budget",
        "budget_rules.applications[0]",
        "budget_rules.applications[1]",
        "budget_rules.users",
        "budget_rules.teams",
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
CENTS = st.integers(1, 10**8).map(lambda cents: cents / 100)
LIMIT = st.fixed_dictionaries(
    {"monthly_budget": CENTS},
    optional={
        "swap_threshold": st.integers(1, 150).map(lambda percent: percent / 100),
        "alert_rules": st.lists(st.sampled_from([0.5, 0.7, {"threshold": 0.9, "action": "block"}, "x"])) | JSON,
        "model_preferences": st.just({"primary": "a", "fallback": "b"}) | JSON,
    },
)


@settings(max_examples=few(15))
@given(st.dictionaries(st.text(min_size=1, max_size=8), LIMIT, max_size=4), LIMIT | JSON, JSON)
def test_whatever_a_file_says_the_entries_can_be_read_and_no_amount_is_lost(
    teams: dict[str, dict[str, Any]], overall: object, users: object
) -> None:
    applications = [{"name": name, **limit} for name, limit in teams.items()]
    found = import_rules({"budget_rules": {"applications": applications, "global": overall, "users": users}})

    read = read_again(found.as_yaml())

    amounts = {each.scope.value: each.amount for each in read if each.scope.kind == "subscription"}
    assert amounts == {name: Decimal(str(limit["monthly_budget"])) for name, limit in teams.items()}
