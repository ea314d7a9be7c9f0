"""Towards which budgets usage counts, and how the counter names what it adds up for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.budgets.budget import Scope, ScopeKind
from chargeback.domain.budgets.scopes import WatchedScopes
from chargeback.domain.budgets.spend_fields import estimate_fields, read_scope, read_spend_field, spend_fields
from tests.support.budgets import budget
from tests.support.catalogues import usage_line

LINE = usage_line(tenant="t", app="a", product="standard", user="ann", user_object_id="o-1")


def watched(*scopes: str) -> WatchedScopes:
    return WatchedScopes(map(budget, scopes))


@pytest.mark.parametrize(
    "scope",
    ["all", "subscription:search", "app:t/a", "product:standard", "user:ann", "user:o-1", "model:gpt-4o"],
)
def test_usage_counts_towards_each_kind_of_scope(scope: str) -> None:
    assert watched(scope, "subscription:another").of(LINE, "unallocated") == (read_scope(scope),)


def test_a_name_that_a_client_claims_spends_no_budget_of_an_entra_user() -> None:
    victim = "3f0c2f04-0f5e-4f0b-9a41-6a2f3f1c9d11"
    of = watched(f"user:{victim}")

    assert of.of(LINE._replace(user=victim), "unallocated") == ()
    assert of.of(LINE._replace(user_object_id=victim), "unallocated") == (read_scope(f"user:{victim}"),)


def test_a_cost_centre_is_watched_itself_wherever_a_budget_is_above_it() -> None:
    of = watched("cost-centre:a/b")

    assert of.of(LINE, "a/b/c") == (Scope(ScopeKind.COST_CENTRE, "a/b/c"),)
    assert of.of(LINE, "a/b") == (Scope(ScopeKind.COST_CENTRE, "a/b"),)
    assert of.of(LINE, "a/bc") == of.of(LINE, "a") == ()


def test_spend_of_a_cost_centre_counts_for_the_budgets_above_it() -> None:
    of = watched("cost-centre:a", "cost-centre:a/b", "all")

    assert of.above(read_scope("cost-centre:a/b/c")) == (read_scope("cost-centre:a/b"), read_scope("cost-centre:a"))
    assert of.above(read_scope("all")) == (read_scope("all"),)
    assert of.above(read_scope("user:ann")) == ()


def test_the_digest_tells_sets_of_scopes_apart_and_nothing_else() -> None:
    assert watched("all", "user:ann").digest == watched("user:ann", "all", "all").digest
    assert watched("user:ann").digest != watched("user:bob").digest
    assert watched().is_empty


@given(st.sampled_from(ScopeKind), st.text(min_size=1))
def test_a_field_says_of_which_date_and_scope_it_is(kind: ScopeKind, value: str) -> None:
    scope = Scope(kind) if kind is ScopeKind.ALL else Scope(kind, value)
    fields = spend_fields("2026-03-20", [scope])  # type: ignore[arg-type]

    (known,), (estimate,) = map(read_spend_field, fields), map(read_spend_field, estimate_fields(fields))

    assert known == ("2026-03-20", scope, False)
    assert estimate == ("2026-03-20", scope, True)


@pytest.mark.parametrize("field", ["subscription:search", "product:standard", "cost-centre:a/b"])
def test_fields_of_older_versions_are_none(field: str) -> None:
    assert read_spend_field(field) is None
