"""How the counter names what it adds up for budgets: `2026-11-29|subscription:search`, `~2026-11-29|…` for estimates.

Versions before budgets were counted by date wrote fields such as `subscription:search`; these are no fields any more.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from chargeback.domain.budgets.budget import Scope, ScopeKind
from chargeback.domain.time.days import BookDate

_ESTIMATE = "~"
_KINDS = {kind.value: kind for kind in ScopeKind}


class SpendField(NamedTuple):
    """What one number of the counter is of.

    Attributes:
        date: the date of the books.
        scope: whose spend; for a cost centre, its own spend only.
        estimated: whether it is of calls whose usage is not known yet.
    """

    date: BookDate
    scope: Scope
    estimated: bool


def spend_fields(date: BookDate, scopes: Iterable[Scope]) -> tuple[str, ...]:
    """The fields of what usage of a date adds to, by scope."""
    return tuple(f"{date}|{scope}" for scope in scopes)


def estimate_fields(fields: Iterable[str]) -> tuple[str, ...]:
    """The fields for estimates that go with these."""
    return tuple(f"{_ESTIMATE}{field}" for field in fields)


@lru_cache(maxsize=65_536)
def read_spend_field(field: str) -> SpendField | None:
    """What a field stands for; None for a field of an older version."""
    date, separator, scope = field.removeprefix(_ESTIMATE).partition("|")
    if not separator:
        return None
    return SpendField(BookDate(date), read_scope(scope), field.startswith(_ESTIMATE))


def read_scope(text: str) -> Scope:
    """The inverse of `str` of a scope."""
    kind, _, value = text.partition(":")
    return Scope(_KINDS[kind], value)
