"""The policy decides as the reference reader of the string of decisions, whoever calls and whatever the string says."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargeback.domain.budgets.budget import Action, Scope, ScopeKind
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.cost_centres.tree import UNALLOCATED
from chargeback.domain.usage.lines import Line
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import TENANT, OneRegion, product
from tests.support.decisions import EMPTY, looked_up, state, text

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)

CENTRES = ["a", "a/b", "a/b/c", "d"]
NAMES = {
    "subscription": ["search", "support"],
    "product": ["standard"],
    "app": ["app one", "app;two"],
    "tenant": [TENANT],
    "userObjectId": ["o/1", "o#2"],
    "apimUser": ["u"],
}
CLAIMS = {"billingCode": ["B&C", "D=%2F"], "user": ["ada|b", "J\u00f8rn"], "company": ["A: B>C,D"]}
WHEN = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in (NAMES | CLAIMS).items()}
).filter(
    lambda when: (
        bool(NAMES.keys() & when.keys())
        and (not CLAIMS.keys() & when.keys() or "subscription" in when or "product" in when)
    )
)
SCOPES = st.sampled_from(
    [
        *(Scope(ScopeKind.COST_CENTRE, path) for path in (*CENTRES, UNALLOCATED)),
        *(Scope(ScopeKind.SUBSCRIPTION, name) for name in NAMES["subscription"]),
        *(Scope(ScopeKind.APP, f"{TENANT}/{name}") for name in ("app", "app one")),
        *(Scope(ScopeKind.USER, name) for name in (*NAMES["userObjectId"], *CLAIMS["user"])),
        *(Scope(ScopeKind.MODEL, name) for name in ("gpt-4o", "gpt-4.1")),
        Scope(ScopeKind.PRODUCT, "standard"),
        Scope(ScopeKind.ALL),
    ]
)
ACTIONS = st.sampled_from([Action.WARN, Action.SWAP, Action.THROTTLE, Action.BLOCK])
CALLERS = st.fixed_dictionaries(
    {
        "key": st.booleans(),
        "app": st.sampled_from([*NAMES["app"], "app", ""]),
        "oid": st.sampled_from([*NAMES["userObjectId"], ""]),
        **{name: st.sampled_from([*values, ""]) for name, values in CLAIMS.items()},
    }
).filter(lambda caller: bool(caller["key"] or caller["app"]))


def line_of(caller: dict[str, Any]) -> Line:
    """What the books see of a caller."""
    return EMPTY._replace(
        subscription="search" if caller["key"] else "",
        product="standard",
        tenant=TENANT if caller["app"] else "",
        app=caller["app"],
        user_object_id=caller["oid"] if caller["app"] else "",
        user=caller["user"],
        company=caller["company"],
        billing_code=caller["billingCode"],
        model="gpt-4o",
    )


def call(one_region: OneRegion, caller: dict[str, Any]) -> str:
    """What happens to a call of this caller."""
    headers = {"api-key": "key-search"} if caller["key"] else {}
    if caller["app"]:
        claims = (
            {"appid": caller["app"], "oid": caller["oid"]} if caller["oid"] else {"appid": caller["app"], "oid": ""}
        )
        headers["Authorization"] = f"Bearer {one_region.token(roles=['standard'], **claims)}"
    tags = {"username": caller["user"], "companyName": caller["company"], "billingCode": caller["billingCode"]}
    body = {"model": "gpt-4o", "messages": []}
    one_region.client.post(
        "/v1/chat/completions", params={k: v for k, v in tags.items() if v}, json=body, headers=headers
    )
    return str(one_region.event()["data"].get("decision", "allow"))


@pytest.fixture
def busy(make_region: MakeRegion) -> OneRegion:
    """A gateway that takes any number of calls."""
    return make_region(config={"products": [product(requestsPerMinute=1_000_000)]})


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whens=st.lists(st.tuples(WHEN, st.sampled_from(CENTRES)), max_size=8),
    budgets=st.lists(st.tuples(SCOPES, ACTIONS), max_size=5),
    caller=CALLERS,
)
def test_the_policy_reads_decisions_as_the_books_allocate(
    busy: OneRegion,
    whens: list[tuple[dict[str, str], str]],
    budgets: list[tuple[Scope, Action]],
    caller: dict[str, Any],
) -> None:
    rules = tuple(Rule(f"rule-{number}", when, centre) for number, (when, centre) in enumerate(whens))
    made = text(*(state(scope, action) for scope, action in budgets), rules=rules)
    _, _, records = made.replace("gpt-5.5>gpt-5.4-mini", "gpt-4o>gpt-4o-mini").partition(";")

    busy.decide_budgets(*records.split(";")[:-1])

    assert call(busy, caller) == looked_up(made, line_of(caller))
