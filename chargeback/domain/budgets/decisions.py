"""What the budgets decide about the calls of a product now: one string, in which the gateway looks up each call.

The text is `at=<unix ms>;<key>:<field>=<value>|…;<key>:…;`. Values and the parts of keys are percent-encoded
(RFC 3986), so that none of them can hold a separator.

A key is a scope, such as `subscription/search`, or a rule of allocation: `subscription/search#12&billingCode/VOICE` is
the rule with the number 12, which a call of that subscription with that billing code matches. The first rule that a
call matches counts, as in the books; where nothing is decided about its cost centre, it says `allow`. `unallocated`
stands for calls that no rule matches. The most severe action of the scopes and of that rule is what happens.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from urllib.parse import quote

from chargeback.domain.budgets.budget import Action, Scope, ScopeKind
from chargeback.domain.budgets.state import BudgetState
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.cost_centres.tree import UNALLOCATED, is_within, with_ancestors

MOST_BYTES = 256 * 1024
"""Most bytes of a string. API Management caches a value of up to 2 MB."""

ANCHORS = ("subscription", "app", "userObjectId", "apimUser", "product", "tenant")
"""The field under which a gateway finds a rule: the first of these that the rule names."""

_ACTS = {Action.WARN: "warn", Action.SWAP: "swap", Action.THROTTLE: "throttle", Action.BLOCK: "refuse"}
_CENTS = Decimal("0.01")
_PRINTED = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Product:
    """The product whose calls a string is made for.

    Attributes:
        id: the product's.
        subscriptions: those that call with it.
    """

    id: str
    subscriptions: frozenset[str]


@dataclass(frozen=True, slots=True)
class DecisionText:
    """The string of a product.

    Attributes:
        text: at most `MOST_BYTES` long.
        left_out: how many entries had no room; the mildest ones are left out first.
    """

    text: str
    left_out: int = 0


def decision_text(
    product: Product,
    states: Iterable[BudgetState],
    rules: Sequence[Rule],
    now: datetime,
    midnight: Callable[[date], datetime],
) -> DecisionText:
    """The string of a product, from the states of the budgets and the allocation rules in force, in their order."""
    worst = _worst_by_scope(state for state in states if state.action in _ACTS)
    scopes = {scope: state for scope, state in worst.items() if scope.kind is not ScopeKind.COST_CENTRE}
    centres = {scope.value: state for scope, state in worst.items() if scope.kind is ScopeKind.COST_CENTRE}
    entries = [
        *((_key(scope), state) for scope, state in scopes.items() if _concerns(scope, product)),
        *_rule_entries(product, rules, centres),
    ]
    return _bounded(f"at={int(now.timestamp() * 1000)};", entries, midnight)


def keys_of(scope: Scope, product: Product, rules: Sequence[Rule]) -> list[str]:
    """The keys of a product's string under which a decision about this scope stands."""
    if scope.kind is not ScopeKind.COST_CENTRE:
        return [_key(scope)] if _concerns(scope, product) else []
    keys = [
        _rule_key(number, rule)
        for number, rule in enumerate(rules)
        if is_within(rule.cost_centre, scope.value) and _may_match(rule, product)
    ]
    return [*keys, UNALLOCATED] if scope.value == UNALLOCATED else keys


def _worst_by_scope(states: Iterable[BudgetState]) -> dict[Scope, BudgetState]:
    found: dict[Scope, BudgetState] = {}
    for state in states:
        known = found.get(state.budget.scope)
        if known is None or _severity(state) > _severity(known):
            found[state.budget.scope] = state
    return found


def _severity(state: BudgetState | None) -> tuple[int, int, Decimal]:
    """How severe a budget's state is; between equal actions, the fewest tokens count, then what has the least left."""
    if state is None or state.step is None:
        return -1, 0, Decimal(0)
    return state.step.action.severity, -(state.step.tokens_per_minute or 0), -state.remaining


def _concerns(scope: Scope, product: Product) -> bool:
    if scope.kind is ScopeKind.SUBSCRIPTION:
        return scope.value in product.subscriptions
    return scope.kind is not ScopeKind.PRODUCT or scope.value == product.id


def _key(scope: Scope) -> str:
    """`app/<tenant>/<application>`, `user/<id>`, `all`."""
    parts = scope.value.split("/") if scope.kind is ScopeKind.APP else [scope.value]
    return "/".join([scope.kind, *(_encoded(part) for part in parts if part)])


def _rule_entries(
    product: Product, rules: Sequence[Rule], centres: Mapping[str, BudgetState]
) -> Iterator[tuple[str, BudgetState | None]]:
    """The rules that a call of the product may match, up to the last one that has a decision."""
    entries = [
        (_rule_key(number, rule), _worst_above(rule.cost_centre, centres))
        for number, rule in enumerate(rules)
        if _may_match(rule, product)
    ]
    rest = centres.get(UNALLOCATED)
    decided = [index for index, (_, state) in enumerate(entries) if state is not None]
    last = len(entries) if rest else max(decided, default=-1) + 1
    yield from entries[:last]
    if rest:
        yield UNALLOCATED, rest


def _may_match(rule: Rule, product: Product) -> bool:
    subscription = rule.when.get("subscription")
    return rule.when.get("product", product.id) == product.id and (
        subscription is None or subscription in product.subscriptions
    )


def _rule_key(number: int, rule: Rule) -> str:
    anchor = next(name for name in ANCHORS if name in rule.when)
    others = "".join(f"&{name}/{_encoded(value)}" for name, value in rule.when.items() if name != anchor)
    return f"{anchor}/{_encoded(rule.when[anchor])}#{number}{others}"


def _worst_above(centre: str, centres: Mapping[str, BudgetState]) -> BudgetState | None:
    """The most severe of the budgets of a cost centre and those above it."""
    return max((centres.get(path) for path in with_ancestors(centre)), key=_severity)


def _bounded(
    start: str, entries: Sequence[tuple[str, BudgetState | None]], midnight: Callable[[date], datetime]
) -> DecisionText:
    """As many decisions as fit, the most severe first.

    Where they do not all fit, they first lose the amounts and the owner, which only inform the caller. A rule whose
    decision still has no room says `allow`: without it, its calls would go on to a later rule. Where there is no room
    even for the rules alone, the last ones go.
    """
    written = {key: f"{key}:{_record(state, midnight)};" for key, state in entries}
    states = dict(entries)
    size = len(start) + sum(map(len, written.values()))
    left_out: set[str] = set()
    mildest_first = sorted((key for key, state in entries if state), key=lambda each: _severity(states[each]))
    for key in mildest_first:
        if size <= MOST_BYTES:
            break
        shorter = f"{key}:{_record(states[key], midnight, informs=False)};"
        size -= len(written[key]) - len(shorter)
        written[key] = shorter
    for key in mildest_first:
        if size <= MOST_BYTES:
            break
        shorter = f"{key}:{_record(None, midnight)};" if "#" in key else ""
        size -= len(written[key]) - len(shorter)
        written[key] = shorter
        left_out.add(key)
    for key in reversed([key for key, entry in written.items() if entry]):
        if size <= MOST_BYTES:
            break
        size -= len(written[key])
        written[key] = ""
    return DecisionText(start + "".join(written.values()), len(left_out))


def _record(state: BudgetState | None, midnight: Callable[[date], datetime], *, informs: bool = True) -> str:
    if state is None or state.step is None:
        return "action=allow"
    step, budget = state.step, state.budget
    fields = {"action": _ACTS[step.action], "budget": _encoded(budget.id)}
    if informs:
        fields |= {"spent": _amount(state.spend.total), "limit": _amount(state.limit), "currency": budget.currency}
    fields["until"] = str(int(midnight(state.window.after).timestamp()))
    if budget.owner and informs:
        fields["owner"] = _encoded(budget.owner)
    if step.action is Action.SWAP:
        fields["swap"] = ",".join(f"{_encoded(one)}>{_encoded(other)}" for one, other in step.fallback.items())
    if step.action is Action.THROTTLE:
        fields["tokensPerMinute"] = str(step.tokens_per_minute)
    return "|".join(f"{name}={value}" for name, value in fields.items())


def _amount(amount: Decimal) -> str:
    """An amount in cents, for people; no decision uses it."""
    return format(amount.quantize(_CENTS, context=_PRINTED), "f")


def _encoded(value: str) -> str:
    return quote(value, safe="")
