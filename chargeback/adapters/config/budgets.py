"""Reads budgets.yaml: whose usage, how much, how often, and what happens on the way there.

Stored versions of the configuration may have the older form: a cost centre, an amount and thresholds.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain
from typing import Any

import msgspec

from chargeback.adapters.config.decimals import is_decimal
from chargeback.adapters.config.entries import Record, Sections, each, one, sections
from chargeback.adapters.config.times import effective
from chargeback.domain.budgets.budget import (
    NO_ROLLOVER,
    Action,
    Budget,
    Measure,
    Rollover,
    Scope,
    ScopeKind,
    Step,
    plain_budget,
)
from chargeback.domain.budgets.windows import Every
from chargeback.domain.time.calendar import Calendar

FILE = "budgets.yaml"
_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*")
_ID_LENGTH = 200
_TAKEN = "decisions"
"""/budgets/decisions/… is the gateway's question: how such a budget stands could not be asked for."""
_OWNER_LENGTH = 200
_DIGITS = 12
_BOUND = 1_000_000_000_000
_MOST_TOKENS = 2_147_483_647
"""A gateway reads the tokens of a throttle as a number of 32 bits, and no store keeps much larger ones as they are."""
_MOST_WINDOWS = 1_000
_EARLIEST = "2020"
"""Before that year nobody used what budgets limit. How such a budget stands is worked out from every day since."""
_SCOPES = {
    "costCentre": (ScopeKind.COST_CENTRE, "cost_centre"),
    "subscription": (ScopeKind.SUBSCRIPTION, "subscription"),
    "app": (ScopeKind.APP, "app"),
    "product": (ScopeKind.PRODUCT, "product"),
    "user": (ScopeKind.USER, "user"),
    "model": (ScopeKind.MODEL, "model"),
}
"""How a document names a scope."""


class _Step(Record, frozen=True):
    percent: Any
    do: Action
    of: Measure = Measure.ACTUAL
    swap: dict[str, str] = msgspec.field(default_factory=dict)
    tokens_per_minute: int | None = None


class _Rollover(Record, frozen=True):
    unspent: bool = False
    overage: bool = False
    cap: Any = None
    expires_after: int | None = None


class _Entry(Record, frozen=True):
    id: str
    amount: Any
    steps: tuple[_Step, ...]
    cost_centre: str | None = None
    subscription: str | None = None
    app: str | None = None
    product: str | None = None
    user: str | None = None
    model: str | None = None
    everything: bool = False
    currency: str | None = None
    every: Every = Every.MONTH
    owner: str = ""
    shadow: bool = False
    rollover: _Rollover | None = None
    effective_from: str | None = None
    effective_to: str | None = None


class _Plain(Record, frozen=True):
    """A budget in the older form."""

    cost_centre: str
    amount: int
    currency: str
    thresholds: tuple[int, ...]


SECTIONS = Sections({"budgets": list[_Entry]})


def budgets(
    document: object, calendar: Calendar, faults: list[str], *, thorough: bool = False
) -> list[tuple[str, Budget]]:
    """The budgets by their order, with their places; without a document there are none.

    `thorough` refuses the older form, and what is too large or too long ago, which only stored versions may have.
    """
    if document is None:
        return []
    found = sections(document, SECTIONS, faults)["budgets"]
    if isinstance(found, list) and any(map(_is_plain, found)) and not thorough:
        return [(place, _of_before(entry)) for place, entry in each(found, _Plain, "budgets", faults)]
    entries = [
        (place, entry)
        for place, entry in _entries(found, faults)
        if not _note(chain(_faults(entry), _too_far(entry) if thorough else ()), place, faults)
    ]
    return [(place, _budget(entry, calendar, place, faults)) for place, entry in entries]


def _is_plain(item: object) -> bool:
    return isinstance(item, dict) and "thresholds" in item


def _of_before(entry: _Plain) -> Budget:
    return plain_budget(entry.cost_centre, Decimal(entry.amount), entry.currency, map(Decimal, entry.thresholds))


def _entries(found: object, faults: list[str]) -> Iterator[tuple[str, _Entry]]:
    if not isinstance(found, list):
        faults.append("budgets: expected a list")
        return
    for index, item in enumerate(found):
        place = f"budgets[{index}]"
        if _is_plain(item):
            faults.append(f"{place}.thresholds: is now written `{_steps_of(item)}`, beside an `id`")
        elif entry := one(item, _Entry, place, faults):
            yield place, entry


def _steps_of(item: Mapping[str, object]) -> str:
    percents = item["thresholds"] if isinstance(item["thresholds"], list) else []
    steps = ", ".join(f"{{percent: {percent}, do: notify}}" for percent in percents)
    return f"steps: [{steps}]"


def _note(found: Iterable[str], place: str, faults: list[str]) -> bool:
    """Append the faults of an entry; whether there are any."""
    known = len(faults)
    faults.extend(f"{place}.{fault}" for fault in found)
    return len(faults) > known


def _faults(entry: _Entry) -> Iterator[str]:
    """What cannot be read."""
    if not _ID.fullmatch(entry.id) or len(entry.id) > _ID_LENGTH:
        yield f"id: {entry.id!r} is not made of letters, digits, `_`, `.`, `-` and `/`, {_ID_LENGTH} at most"
    if entry.id == _TAKEN:
        yield f"id: {entry.id!r} is the name of another route of the API"
    if not entry.owner.isprintable() or len(entry.owner) > _OWNER_LENGTH:
        yield f"owner: has a character that cannot be printed, or more than {_OWNER_LENGTH}"
    if len(_scopes(entry)) != 1:
        yield f"costCentre: name exactly one of {', '.join(_SCOPES)} and `everything: true`"
    for place, number in _numbers(entry):
        if not _is_number(number):
            yield f"{place}: {number!r} is neither a whole number nor a quoted decimal with two places at most"
    rollover = entry.rollover
    if rollover and not rollover.unspent:
        for name, value in (("cap", rollover.cap), ("expiresAfter", rollover.expires_after)):
            if value is not None:
                yield f"rollover.{name}: belongs to `unspent: true`"


def _too_far(entry: _Entry) -> Iterator[str]:
    """What no budget needs, and would take everybody's: a store's, a gateway's, or the time to read every day since."""
    for number, step in enumerate(entry.steps):
        if (step.tokens_per_minute or 0) > _MOST_TOKENS:
            yield f"steps[{number}].tokensPerMinute: is more than {_MOST_TOKENS}"
    if entry.rollover and (entry.rollover.expires_after or 0) > _MOST_WINDOWS:
        yield f"rollover.expiresAfter: is more than {_MOST_WINDOWS} windows"
    if entry.rollover and (entry.effective_from or _EARLIEST) < _EARLIEST:
        yield f"effectiveFrom: is before {_EARLIEST}, and money is carried from each window since then"


def _numbers(entry: _Entry) -> Iterator[tuple[str, object]]:
    yield "amount", entry.amount
    yield from ((f"steps[{number}].percent", step.percent) for number, step in enumerate(entry.steps))
    if entry.rollover and entry.rollover.cap is not None:
        yield "rollover.cap", entry.rollover.cap


def _scopes(entry: _Entry) -> list[Scope]:
    named = ((kind, getattr(entry, field)) for kind, field in _SCOPES.values())
    found = [Scope(kind, value) for kind, value in named if value]
    return [*found, Scope(ScopeKind.ALL)] if entry.everything else found


def _is_number(value: object) -> bool:
    """Whether a value is exact: a whole number or a quoted decimal, not below zero."""
    if isinstance(value, int) and not isinstance(value, bool):
        return 0 <= value < _BOUND
    return is_decimal(value, digits=_DIGITS, places=2)


def _budget(entry: _Entry, calendar: Calendar, place: str, faults: list[str]) -> Budget:
    (scope,) = _scopes(entry)
    return Budget(
        id=entry.id,
        scope=scope,
        amount=Decimal(entry.amount),
        currency=_currency(entry, calendar, place, faults),
        every=entry.every,
        steps=tuple(
            Step(Decimal(each_one.percent), each_one.do, each_one.of, each_one.swap, each_one.tokens_per_minute)
            for each_one in entry.steps
        ),
        owner=entry.owner,
        shadow=entry.shadow,
        rollover=_rollover(entry.rollover) if entry.rollover else NO_ROLLOVER,
        effective=effective(entry, calendar, place, faults),
    )


def _currency(entry: _Entry, calendar: Calendar, place: str, faults: list[str]) -> str:
    """The currency of the amount; that of the books where none is named and they never had another one."""
    if entry.currency is not None:
        return entry.currency
    known = sorted({setting.currency for setting in calendar.settings})
    if len(known) > 1:
        faults.append(f"{place}.currency: is missing; the books are kept in {' and '.join(known)} over time")
    return known[0]


def _rollover(stated: _Rollover) -> Rollover:
    return Rollover(
        stated.unspent,
        stated.overage,
        NO_ROLLOVER.cap if stated.cap is None else Decimal(stated.cap),
        NO_ROLLOVER.expires_after if stated.expires_after is None else stated.expires_after,
    )
