"""When a caller sends too many names a day, the further ones are counted together: nobody fills a store for others.

Only what a client merely claims is ever folded, and nothing that a rule names: what verified callers used stays apart,
and who pays stays the same. Which names came first is decided in the ledger's order of the day.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

import msgspec

from chargeback.domain.allocation import CLAIMED, Rule
from chargeback.domain.lines import Line

MOST_NAMES = 2_000
"""Combinations of user, company and billing code that one caller may have on one day, beside those of rules."""

OTHERS = "(others)"
"""Stands for every further name."""

NamedValues = frozenset[tuple[str, str]]
"""Fields of a line, each with a value of it that a rule names."""


def named_values(rules: Iterable[Rule]) -> NamedValues:
    """What rules name of what clients claim."""
    return frozenset((CLAIMED[name], value) for rule in rules for name, value in rule.when.items() if name in CLAIMED)


def folded(line: Line, named: NamedValues) -> Line | None:
    """The line of calls with further names; None where this one has no name that could be folded."""
    others = {
        name: OTHERS for name in CLAIMED.values() if (value := getattr(line, name)) and (name, value) not in named
    }
    together = line._replace(**others) if others else line
    return None if together == line else together


def caller_of(line: Line) -> str:
    """Whose room of a day a line takes: the subscription, else the Entra application, else the user or principal.

    All of it is verified. No subscription's id has a slash, so none can be taken for an application.
    """
    if line.subscription:
        return line.subscription
    principal = line.app or line.user_object_id
    return f"entra/{line.tenant}/{principal}" if principal else ""


@lru_cache(maxsize=65_536)
def name_of(line: Line) -> str:
    """What identifies the claims of a line within its day, 16 hexadecimal digits."""
    claims = (caller_of(line), line.user, line.company, line.billing_code)
    return blake2b(msgspec.json.encode(claims), digest_size=8).hexdigest()
