"""Finds who moved the spend of budgets: the cost centres, applications, models and users that spent most of it.

The records of the books are read, with what the counter has beyond them, the latest day first: what was spent lately is
what led to a step. A window with more records than can be read in time is looked at as far back as that goes.
"""

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from chargeback.domain.alerts.facts import MOVERS_TOLD, AlertMover
from chargeback.domain.budgets.budget import Budget, Scope, ScopeKind
from chargeback.domain.budgets.scopes import WatchedScopes
from chargeback.domain.budgets.state import BooksClock, BudgetState, begun_on
from chargeback.domain.errors import CountLost, InvalidConfig
from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.usage_record import RecordPart, UsageRecord
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import BookDate, UtcDay, days_between, start_of, utc_day
from chargeback.domain.time.months import month_of
from chargeback.services.ports.counter import Counter
from chargeback.services.settled.settled_days import SettledDays
from chargeback.services.usage.ingest import is_open
from chargeback.services.usage.post_shards import rate_lines

SECONDS = 8.0
"""How long records are read: people are to be told within a minute."""

_LINES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Movers:
    """Who spent most of what a budget's scope spent.

    Attributes:
        movers: the largest first; each kind of name has at most one, because each alone makes up the whole.
        since: from when on usage was read, where that is not the whole window (UTC).
    """

    movers: tuple[AlertMover, ...] = ()
    since: datetime | None = None


Name = tuple[str, str]
"""What kind of name it is, such as `model`, and the name."""


@dataclass(slots=True)
class _Sums:
    """What the names of one budget spent, in its currency.

    Attributes:
        first: the first date that counts.
        of_day: on the UTC day that is being read.
        whole: on the days that were read completely.
    """

    state: BudgetState
    first: date
    of_day: dict[Name, Decimal] = field(default_factory=dict)
    whole: dict[Name, Decimal] = field(default_factory=dict)

    def add(self, name: Name, amount: Decimal) -> None:
        """Add to the day that is being read."""
        self.of_day[name] = EXACT.add(self.of_day.get(name, ZERO), amount)

    def end_day(self) -> None:
        """The day was read completely."""
        for name, amount in self.of_day.items():
            self.whole[name] = EXACT.add(self.whole.get(name, ZERO), amount)
        self.of_day = {}


class SpendMovers:
    """Reads the usage of budgets' windows."""

    def __init__(self, days: SettledDays, counter: Counter, *, seconds: float = SECONDS) -> None:
        self._days = days
        self._counter = counter
        self._seconds = seconds

    async def of(
        self, states: Sequence[BudgetState], clock: BooksClock, in_force: EffectiveCatalogues, terms: Terms
    ) -> Mapping[str, Movers]:
        """Budget → who moved it. `terms`: those whose exchange rates lead to the budgets' currencies."""
        until = time.monotonic() + self._seconds
        sums = {each.budget.id: _Sums(each, max(each.window.first, begun_on(each.budget, clock))) for each in states}
        watched = WatchedScopes(each.budget for each in states)
        by_scope: dict[Scope, list[_Sums]] = {}
        for each in sums.values():
            by_scope.setdefault(each.state.budget.scope, []).append(each)
        first = min(each.first for each in sums.values())
        read = clock.now
        for day in reversed(days_between(utc_day(clock.midnight(first)), utc_day(clock.now))):
            async for record in self._records(day, in_force, is_counted=is_open(day, clock.now)):
                _add(record, watched, by_scope, terms)
                if time.monotonic() >= until:
                    return {name: _movers(each, read, clock) for name, each in sums.items()}
            for of_budget in sums.values():
                of_budget.end_day()
            read = start_of(day)
        return {name: _movers(each, read, clock) for name, each in sums.items()}

    async def _records(
        self, day: UtcDay, in_force: EffectiveCatalogues, *, is_counted: bool
    ) -> AsyncIterator[UsageRecord]:
        """The records of a day as the next posting will set them."""
        newer = await self._counted(day, in_force) if is_counted else {}
        for record in newer.values():
            yield record
        async for page in self._days.records(day):
            for record in page:
                if record.record_id not in newer:
                    yield record

    async def _counted(self, day: UtcDay, in_force: EffectiveCatalogues) -> dict[str, UsageRecord]:
        """The lines that changed since they were posted, rated; none where the counter lost them meanwhile."""
        changed = await self._counter.changed_lines(day)
        names = list(changed.lines) if changed else []
        found: dict[str, UsageRecord] = {}
        for start in range(0, len(names), _LINES_AT_ONCE):
            assert changed is not None
            try:
                lines = await self._counter.lines(day, changed.epoch, names[start : start + _LINES_AT_ONCE])
            except CountLost:
                return {}
            records, _ = rate_lines(day, lines, in_force)
            found |= {record.record_id: record for record in records}
        return found


def _add(record: UsageRecord, watched: WatchedScopes, by_scope: Mapping[Scope, Iterable[_Sums]], terms: Terms) -> None:
    for part in record.parts:
        scopes = {above for each in watched.of(record.line, part.cost_centre) for above in watched.above(each)}
        day = date.fromisoformat(part.date) if scopes else date.min
        for sums in (each for scope in scopes for each in by_scope[scope]):
            if sums.first <= day < sums.state.window.after and (cost := part.cost):
                rate = _rate(sums.state.budget, terms, part.date, record.currency)
                for name in _names(record, part, sums.state.budget.scope):
                    sums.add(name, EXACT.multiply(cost, rate))


def _rate(budget: Budget, terms: Terms, day: BookDate, currency: str) -> Decimal:
    try:
        return terms.rate_for(month_of(day), currency, budget.currency).rate
    except InvalidConfig:
        return ZERO  # its state is unknown, too


def _names(record: UsageRecord, part: RecordPart, scope: Scope) -> Iterator[Name]:
    """What people call the usage, except by what the budget is about itself."""
    line = record.line
    if scope.kind is not ScopeKind.COST_CENTRE or part.cost_centre != scope.value:
        yield "cost centre", part.cost_centre
    if scope.kind not in (ScopeKind.APP, ScopeKind.SUBSCRIPTION):
        yield ("application", line.app) if line.app else ("subscription", line.subscription)
    if scope.kind is not ScopeKind.MODEL:
        yield "model", line.model or line.deployment
    if scope.kind is not ScopeKind.USER and (user := line.user or line.user_object_id):
        yield "user", user


def _movers(sums: _Sums, read: datetime, clock: BooksClock) -> Movers:
    """The largest of what was read; `read`: from when on that was."""
    largest: dict[str, tuple[Decimal, str]] = {}
    for (kind, name), amount in sums.whole.items():
        group = "application" if kind == "subscription" else kind
        if amount > 0:
            largest[group] = max(largest.get(group, (ZERO, "")), (amount, f"{kind} {name}"))
    ranked = sorted(largest.values(), key=lambda each: (-each[0], each[1]))
    movers = tuple(AlertMover(what, amount) for amount, what in ranked[:MOVERS_TOLD])
    return Movers(movers, read if read > clock.midnight(sums.first) else None)
