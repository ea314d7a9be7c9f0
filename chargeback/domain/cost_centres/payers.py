"""Who pays for the calls of each subscription, as the allocation rules in force say it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.cost_centres.tree import UNALLOCATED


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays for some calls of a subscription.

    Attributes:
        cost_centre: its path, or `unallocated`.
        rule: id of the rule that says so; empty where none does.
        when: what a call must have in addition; empty: these are all the calls that no earlier payer has.
    """

    cost_centre: str
    rule: str
    when: Mapping[str, str]


def payers_of_calls(subscription: str, product: str, rules: Iterable[Rule]) -> Iterator[Payer]:
    """The payers of a subscription's calls through the gateway, in the order in which the rules are asked."""
    known = {"subscription": subscription, "product": product}
    for rule in rules:
        if all(rule.when.get(name, value) == value for name, value in known.items()):
            rest = {name: value for name, value in rule.when.items() if name not in known}
            yield Payer(rule.cost_centre, rule.id, rest)
            if not rest:
                return
    yield Payer(UNALLOCATED, "", {})


def shared_rules(payers: Mapping[str, Sequence[Payer]]) -> dict[str, list[str]]:
    """Rule → the subscriptions whose remaining calls it bills, where these are several: a later one may join unseen."""
    found: dict[str, list[str]] = {}
    for subscription, each in payers.items():
        last = each[-1]
        if last.rule and not last.when:
            found.setdefault(last.rule, []).append(subscription)
    return {rule: subscriptions for rule, subscriptions in found.items() if len(subscriptions) > 1}


def capturing_rules(rule: Rule, earlier: Sequence[Rule], products: Mapping[str, str]) -> list[Rule]:
    """The rules before one that take every call of its subscription away, because they match its product.

    `products`: subscription → product. Empty where some time is left in which the rule is reached.
    """
    subscription = rule.when.get("subscription", "")
    if subscription not in products or "product" in rule.when:
        return []
    has = {**rule.when, "product": products[subscription]}
    found = [each for each in earlier if each.when.items() <= has.items() and each.effective.overlaps(rule.effective)]
    return found if found and rule.effective.is_covered_by(each.effective for each in found) else []
