"""Which names that a caller makes up are counted together, once they are too many in a day: nobody can fill a store.

Only names that a client merely claims are folded, and none that a rule or the deployment map has. So usage of verified
callers stays apart, and neither the payer nor the cost changes. The ledger's order decides which names of the day came
first.
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
"""How many unknown combinations of user, company, billing code and deployment a caller may have on a day."""

OTHERS = "(others)"
"""Stands for every further name."""

_OF_DEPLOYMENT = ("deployment", "model", "service_tier", "variant")
"""Fields that say where a call went; all may be made up together with the name of the deployment."""

NamedValues = frozenset[tuple[str, str]]
"""Fields of a line, each with a value of it that a rule names; deployments of the map, also in lower case."""


def named_values(rules: Iterable[Rule], deployments: Iterable[str]) -> NamedValues:
    """The claimed values that are known: those that rules name, and the names of deployments."""
    claimed = {(CLAIMED[name], value) for rule in rules for name, value in rule.when.items() if name in CLAIMED}
    return frozenset(claimed | {("deployment", each) for name in deployments for each in (name, name.casefold())})


def folded(line: Line, named: NamedValues) -> Line | None:
    """The line under which further names are counted; None where this line has no name that could be folded."""
    others: dict[str, Any] = {
        name: OTHERS for name in CLAIMED.values() if (value := getattr(line, name)) and (name, value) not in named
    }
    others |= _made_up(line, named)
    together = line._replace(**others) if others else line
    return None if together == line else together


def _made_up(line: Line, named: NamedValues) -> dict[str, str]:
    """The fields of a line with an unknown deployment, which has no price, after folding."""
    deployment = _known(line.deployment, named)
    others = {"deployment": deployment}
    if deployment == OTHERS:
        others = {name: OTHERS for name in _OF_DEPLOYMENT if getattr(line, name)}
    if line.variant.startswith(DRAWN_BY):  # what drew the pictures prices them, whatever was asked for them
        others["variant"] = DRAWN_BY + _known(line.variant.removeprefix(DRAWN_BY), named)
    return others


def _known(deployment: str, named: NamedValues) -> str:
    """The name of a deployment as it is known; in lower case for any other spelling, because Azure ignores the case."""
    for name in (deployment, deployment.casefold()):
        if not name or ("deployment", name) in named:
            return name
    return OTHERS


def caller_of(line: Line) -> str:
    """The caller whose names are counted: the subscription, else the Entra application, else the user or principal.

    All of it is verified. No subscription's id has a slash, so none can look like an application.
    """
    if line.subscription:
        return line.subscription
    principal = line.app or line.user_object_id
    return f"entra/{line.tenant}/{principal}" if principal else ""


@lru_cache(maxsize=65_536)
def folded_names_id(line: Line, others: Line) -> str:
    """Identifies, within its day, the names folded from a line into that of `others`: 16 hexadecimal digits."""
    made_up = [(name, said) for name in _OF_DEPLOYMENT if (said := getattr(line, name)) != getattr(others, name)]
    claims = (caller_of(line), line.user, line.company, line.billing_code, *made_up)
    return blake2b(msgspec.json.encode(claims), digest_size=8).hexdigest()
