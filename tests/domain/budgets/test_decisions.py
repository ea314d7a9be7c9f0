"""The decisions for the gateways, read as a gateway reads them, agree with budgets and allocation."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.budgets.budget import Action, Scope, ScopeKind
from chargeback.domain.budgets.decisions import MOST_BYTES, Product, decision_text, keys_of
from chargeback.domain.cost_centres.rules import Allocation, CostCentre, Rule
from chargeback.domain.cost_centres.tree import UNALLOCATED, is_within
from chargeback.domain.usage.lines import Line
from tests.support.decisions import ACTIONS, EMPTY, NOW, SEVERITY, STANDARD, looked_up, midnight, read, state, text


def test_a_decision_says_what_a_refusal_tells_the_caller() -> None:
    scope = Scope(ScopeKind.SUBSCRIPTION, "search")

    found = text(state(scope, spent="120.125", owner="ada@example.com"))

    assert found == (
        f"at={int(NOW.timestamp() * 1000)};subscription/search:action=refuse|budget=of%20subscription%3Asearch"
        f"|spent=120.12|limit=100.00|currency=USD|until={int(midnight(date(2026, 4, 1)).timestamp())}"
        "|owner=ada%40example.com;"
    )


def test_a_swap_names_its_models_and_a_throttle_its_tokens() -> None:
    swap = read(text(state(Scope(ScopeKind.ALL), Action.SWAP)))
    throttle = read(text(state(Scope(ScopeKind.MODEL, "gpt-5.5"), Action.THROTTLE)))

    assert swap["all"]["swap"] == "gpt-5.5>gpt-5.4-mini"
    assert throttle["model/gpt-5.5"]["tokensPerMinute"] == "500"


def test_of_two_throttles_of_a_scope_the_one_with_fewer_tokens_counts() -> None:
    monthly = state(Scope(ScopeKind.ALL), Action.THROTTLE, spent="999")
    fewer = replace(monthly.reached[0], tokens_per_minute=100)
    daily = replace(state(Scope(ScopeKind.ALL), Action.THROTTLE, spent="90"), reached=(fewer,))

    assert read(text(monthly, daily))["all"]["tokensPerMinute"] == "100"


def test_a_notice_and_a_shadow_budget_decide_nothing() -> None:
    scope = Scope(ScopeKind.SUBSCRIPTION, "search")

    assert read(text(state(scope, Action.NOTIFY), state(scope, shadow=True))) == {}


def test_a_product_hears_nothing_of_the_subscriptions_and_products_of_others() -> None:
    states = [state(Scope(ScopeKind.SUBSCRIPTION, "legal")), state(Scope(ScopeKind.PRODUCT, "premium"))]

    assert read(text(*states)) == {}


def test_only_rules_up_to_the_last_decided_one_are_told() -> None:
    rules = (
        Rule("voice", {"subscription": "support", "billingCode": "VOICE"}, "support/voice"),
        Rule("support", {"subscription": "support"}, "support"),
        Rule("search", {"subscription": "search"}, "search"),
        Rule("legal", {"subscription": "legal"}, "support"),
    )

    found = read(text(state(Scope(ScopeKind.COST_CENTRE, "support")), rules=rules))

    assert list(found) == ["subscription/support#0&billingCode/VOICE", "subscription/support#1"]
    assert {each["action"] for each in found.values()} == {"refuse"}


def test_what_has_no_room_is_left_out_from_the_mildest_on_and_counted() -> None:
    warnings = [state(Scope(ScopeKind.USER, f"user-{number:04}"), Action.WARN) for number in range(6000)]
    refusal = state(Scope(ScopeKind.USER, "worst"))

    found = decision_text(STANDARD, [*warnings, refusal], (), NOW, midnight)

    assert len(found.text.encode()) <= MOST_BYTES
    assert "user/worst" in read(found.text)
    assert found.left_out == 6001 - len(read(found.text)) > 0


def test_a_string_of_many_rules_is_bounded_too_and_no_call_falls_through_to_a_later_rule() -> None:
    mild, severe = state(Scope(ScopeKind.COST_CENTRE, "mild"), Action.WARN), state(Scope(ScopeKind.COST_CENTRE, "bad"))
    codes = [Rule(f"r{n}", {"product": "standard", "billingCode": f"C{n}"}, "mild") for n in range(3500)]
    rules = [*codes, Rule("rest", {"product": "standard"}, "bad")]

    found = decision_text(STANDARD, [mild, severe], rules, NOW, midnight)
    actions = [each["action"] for each in read(found.text).values()]

    assert len(found.text) <= MOST_BYTES
    assert len(actions) == 3501
    assert actions[-1] == "refuse"
    assert found.left_out == actions.count("allow") > 0
    assert actions.count("warn") > 0


def test_a_blocked_cost_centre_blocks_the_calls_of_2_000_rules_below_it() -> None:
    rules = [Rule(f"r{n}", {"subscription": "search", "billingCode": f"team-{n:04}"}, "a/b") for n in range(2000)]

    found = decision_text(STANDARD, [state(Scope(ScopeKind.COST_CENTRE, "a"), owner="ada")], rules, NOW, midnight)

    records = list(read(found.text).values())
    assert (len(records), found.left_out) == (2000, 0)
    assert {each["action"] for each in records} == {"refuse"}
    assert all(each["budget"] and each["until"] for each in records)


def test_of_more_rules_than_fit_the_first_are_told() -> None:
    rules = [Rule(f"r{n}", {"product": "standard", "billingCode": f"{n:0>200}"}, "a") for n in range(2000)]
    states = [state(Scope(ScopeKind.COST_CENTRE, "a")), state(Scope(ScopeKind.COST_CENTRE, UNALLOCATED))]

    found = decision_text(STANDARD, states, rules, NOW, midnight)

    assert len(found.text) <= MOST_BYTES
    assert found.left_out == 2001
    assert list(read(found.text))[-1].startswith(f"product/standard#{len(read(found.text)) - 1}&")


CENTRES = ["a", "a/b", "a/b/c", "d"]
NAMES = {
    "subscription": ["search", "support", "legal"], "product": ["standard", "premium"], "app": ["app one", "app;two"],
    "tenant": ["t"], "userObjectId": ["o/1", "o#2"], "apimUser": ["u"], "billingCode": ["B&C", "D"],
}  # fmt: skip
WHEN = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in NAMES.items()}).filter(
    lambda when: (
        any(name in when for name in NAMES if name != "billingCode")
        and ("billingCode" not in when or "subscription" in when or "product" in when)
    )
)


def line_of(values: Mapping[str, str]) -> Line:
    fields = {"userObjectId": "user_object_id", "apimUser": "apim_user", "billingCode": "billing_code"}
    return EMPTY._replace(**{fields.get(name, name): value for name, value in values.items()})


CALLER = st.fixed_dictionaries({name: st.sampled_from([*values, ""]) for name, values in NAMES.items()})
SCOPES = st.one_of(
    st.sampled_from([*CENTRES, UNALLOCATED]).map(lambda path: Scope(ScopeKind.COST_CENTRE, path)),
    st.sampled_from(NAMES["subscription"]).map(lambda each: Scope(ScopeKind.SUBSCRIPTION, each)),
    st.sampled_from(NAMES["userObjectId"]).map(lambda each: Scope(ScopeKind.USER, each)),
    st.just(Scope(ScopeKind.PRODUCT, "standard")),
)


def concerns(scope: Scope, line: Line, centre: str) -> bool:
    values = {
        ScopeKind.SUBSCRIPTION: line.subscription, ScopeKind.PRODUCT: line.product, ScopeKind.USER: line.user_object_id,
    }  # fmt: skip
    return is_within(centre, scope.value) if scope.kind is ScopeKind.COST_CENTRE else values[scope.kind] == scope.value


@given(
    whens=st.lists(st.tuples(WHEN, st.sampled_from(CENTRES)), max_size=6),
    budgets=st.lists(st.tuples(SCOPES, st.sampled_from(list(ACTIONS))), max_size=5),
    caller=CALLER,
)
def test_a_gateway_decides_as_the_books_allocate(
    whens: list[tuple[dict[str, str], str]], budgets: list[tuple[Scope, Action]], caller: dict[str, str]
) -> None:
    rules: list[Rule] = []
    for number, (when, centre) in enumerate(whens):
        if not any(rule.when.items() <= when.items() for rule in rules):
            rules.append(Rule(f"rule-{number}", when, centre))
    # A call of a product comes with one of its subscriptions, or with none.
    line = line_of(caller)._replace(product="standard")
    if line.subscription == "legal":
        line = line._replace(subscription="search")
    allocation = Allocation(tuple(CostCentre(path, path) for path in CENTRES), tuple(rules))
    centre, _ = allocation.cost_centre(line, NOW)

    found = text(*(state(scope, action) for scope, action in budgets), rules=tuple(rules))

    due = [ACTIONS[action] for scope, action in budgets if concerns(scope, line, centre)]
    assert looked_up(found, line) == max(due, key=SEVERITY.index, default="allow")


def test_the_keys_of_a_scope_are_those_that_its_decision_stands_under() -> None:
    rules = [
        Rule("voice", {"subscription": "search", "billingCode": "VOICE"}, "a/voice"),
        Rule("other", {"subscription": "elsewhere"}, "a"),
        Rule("rest", {"product": "standard"}, "b"),
    ]
    product = Product("standard", frozenset({"search"}))

    assert keys_of(Scope(ScopeKind.COST_CENTRE, "a"), product, rules) == ["subscription/search#0&billingCode/VOICE"]
    assert keys_of(Scope(ScopeKind.COST_CENTRE, "unallocated"), product, rules) == ["unallocated"]
    assert keys_of(Scope(ScopeKind.SUBSCRIPTION, "elsewhere"), product, rules) == []
    assert keys_of(Scope(ScopeKind.APP, "t/o"), product, rules) == ["app/t/o"]
