"""Checks the allocation rules against gateway.yaml: the callers that they name exist, and each rule is reached."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from chargeback.adapters.config.catalogue import with_line
from chargeback.adapters.config.gateway import KnownGateway, known_gateway
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.payers import Payer, capturing_rules, payers_of_calls
from chargeback.domain.cost_centres.rules import Rule

FILE = "cost-centres.yaml"


def rule_name_faults(folder: Path, catalogue: Catalogue, now: datetime) -> list[str]:
    """What rules name that is not there, and rules that another one keeps from their team, with file and line.

    A rule that has ended may name what is gone. A folder without gateway.yaml is a catalogue for the books alone.
    """
    gateway = known_gateway(folder)
    if gateway is None:
        return []
    rules = catalogue.allocation.rules
    faults = [
        f"{FILE}: rules[{index}]{fault}"
        for index, rule in enumerate(rules)
        if rule.effective.after > now
        for fault in (*_name_faults(rule, gateway), *_captured(rule, rules[:index], gateway.subscriptions))
    ]
    return [with_line(folder, fault) for fault in faults]


def payers_of_subscriptions(folder: Path, catalogue: Catalogue, now: datetime) -> dict[str, tuple[Payer, ...]]:
    """Subscription of gateway.yaml → who pays for its calls now."""
    gateway = known_gateway(folder)
    rules = catalogue.allocation.at(now).rules
    return {
        subscription: tuple(payers_of_calls(subscription, product, rules))
        for subscription, product in (gateway.subscriptions.items() if gateway else ())
    }


def _name_faults(rule: Rule, gateway: KnownGateway) -> Iterator[str]:
    subscription, product = rule.when.get("subscription", ""), rule.when.get("product", "")
    calls_with = gateway.subscriptions.get(subscription, "")
    if subscription and not calls_with:
        yield f".when.subscription: {subscription!r} is not among the subscriptions of gateway.yaml"
    if product and product not in gateway.products:
        yield f".when.product: {product!r} is not among the products of gateway.yaml"
    elif product and calls_with not in ("", product):
        yield f".when.product: the subscription {subscription!r} calls with {calls_with!r}, so no call matches"


def _captured(rule: Rule, earlier: Sequence[Rule], products: Mapping[str, str]) -> Iterator[str]:
    if found := capturing_rules(rule, earlier, products):
        subscription = rule.when["subscription"]
        names = " or ".join(repr(each.id) for each in found)
        yield (
            f": never reached, because rule {names} takes every call with the product {products[subscription]!r}, "
            f"with which {subscription!r} calls: put this rule before it"
        )
