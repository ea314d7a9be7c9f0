"""When a caller sends too many names a day, the further ones are counted together: nobody fills a store for others.

Only what a client merely claims is ever folded, and nothing that a rule or the deployment map names: what verified
callers used stays apart, and who pays, and what it costs, stays the same. Which names came first is decided in the
ledger's order of the day.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from chargeback.domain.cost_centres.rules import CLAIMED, Rule
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.tools import DRAWN_BY

MOST_NAMES = 2_000
"""Combinations of user, company, billing code and unknown deployment of one caller on one day, beside known ones."""

OTHERS = "(others)"
"""Stands for every further name."""

_OF_DEPLOYMENT = ("deployment", "model", "service_tier", "variant")
"""What a line says of where its call went; all of it may be made up with the name of the deployment."""

NamedValues = frozenset[tuple[str, str]]
"""Fields of a line, each with a value of it that a rule names; deployments of the map, also in lower case."""


def named_values(rules: Iterable[Rule], deployments: Iterable[str]) -> NamedValues:
    """What is known of what clients claim: named by rules, or the name of a deployment."""
    claimed = {(CLAIMED[name], value) for rule in rules for name, value in rule.when.items() if name in CLAIMED}
    return frozenset(claimed | {("deployment", each) for name in deployments for each in (name, name.casefold())})


def folded(line: Line, named: NamedValues) -> Line | None:
    """The line of calls with further names; None where this one has no name that could be folded."""
    others: dict[str, Any] = {
        name: OTHERS for name in CLAIMED.values() if (value := getattr(line, name)) and (name, value) not in named
    }
    others |= _made_up(line, named)
    together = line._replace(**others) if others else line
    return None if together == line else together


def _made_up(line: Line, named: NamedValues) -> dict[str, str]:
    """What a line says by the name of a deployment that nobody knows, so that it has no price; folded."""
    deployment = _known(line.deployment, named)
    others = {"deployment": deployment}
    if deployment == OTHERS:
        others = {name: OTHERS for name in _OF_DEPLOYMENT if getattr(line, name)}
    if line.variant.startswith(DRAWN_BY):  # what drew the pictures prices them, whatever was asked for them
        others["variant"] = DRAWN_BY + _known(line.variant.removeprefix(DRAWN_BY), named)
    return others


def _known(deployment: str, named: NamedValues) -> str:
    """The name of a deployment, in lower case where it is spelled in no way that is known: Azure reads it the same."""
    for name in (deployment, deployment.casefold()):
        if not name or ("deployment", name) in named:
            return name
    return OTHERS


def caller_of(line: Line) -> str:
    """Whose room of a day a line takes: the subscription, else the Entra application, else the user or principal.

    All of it is verified. No subscription's id has a slash, so none can be taken for an application.
    """
    if line.subscription:
        return line.subscription
    principal = line.app or line.user_object_id
    return f"entra/{line.tenant}/{principal}" if principal else ""


@lru_cache(maxsize=65_536)
def folded_names_id(line: Line, others: Line) -> str:
    """What identifies within its day what is folded of a line into that of `others`, 16 hexadecimal digits."""
    made_up = [(name, said) for name in _OF_DEPLOYMENT if (said := getattr(line, name)) != getattr(others, name)]
    claims = (caller_of(line), line.user, line.company, line.billing_code, *made_up)
    return blake2b(msgspec.json.encode(claims), digest_size=8).hexdigest()
