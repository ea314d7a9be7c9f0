"""A product with budgets to which anything happens, and the few lines that say how its budgets stand then."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from chargeback.adapters.memory.stores import MemoryCatalogues, MemoryControl, MemoryLedger
from chargeback.adapters.memory.stores import MemoryQuarantine as Quarantine
from chargeback.domain.budgets.budget import Override, Scope, ScopeKind
from chargeback.domain.budgets.scopes import EVERYTHING
from chargeback.domain.budgets.spend_fields import read_scope
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.services.budgets.forecasts import Forecasts
from chargeback.services.budgets.spend import BudgetSpend
from chargeback.services.budgets.states import BudgetStates
from chargeback.services.ports.books import Books
from chargeback.services.ports.counter import Counter
from chargeback.services.usage.audit import Auditor
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest, is_open, open_days
from chargeback.services.usage.post import Poster
from tests.support.budgets import limited
from tests.support.builders import tokens, usage_event
from tests.support.catalogues import START, catalogue, dated

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
"""In Auckland it is the second of April already, and the first began at eleven on the last of March."""

LIMITS = ("all", "subscription:search", "cost-centre:product", "model:gpt-4o")
OTHER_LIMITS = ("all", "cost-centre:product/search", "cost-centre:product")
EVENTS = ("recorded", "pending", "settled")
ASKED = 2


@dataclass(frozen=True)
class Call:
    """A call: who made it, when, and what it used in millions of tokens."""

    number: int
    subscription: str
    hours_before: int
    millions: int

    def event(self, kind: str, now: datetime) -> bytes:
        """What is said of it: a stream is pending, then settled; its answer is as long as it may be at least."""
        given: dict[str, Any] = {"id": f"call-{self.number}", "type": kind, "subscriptionId": self.subscription}
        given["time"] = f"{self.moment(now):%Y-%m-%dT%H}:00:00Z"
        if kind == "pending":
            return usage_event(**given, requestCharacters=4, maxOutputTokens=ASKED * 10**6 - 1)
        if kind == "settled":
            given["id"] += "/settled"
        return usage_event(**given, usage=tokens(0, self.millions * 10**6))

    def moment(self, now: datetime) -> datetime:
        return now - timedelta(hours=self.hours_before)


CALLS = [
    Call(number, ("search", "support")[number % 2], (1, 13, 20, 26, 34)[number % 5], ASKED + number)
    for number in range(10)
]


def priced(price: int, zone: str) -> Catalogue:
    rules = (Rule("of search", {"subscription": "search"}, "product/search"),)
    return catalogue(
        dated(Meter.INPUT, (START, str(price))),
        dated(Meter.OUTPUT, (START, str(price))),
        account="oai-swedencentral",
        rules=rules,
        calendar=Calendar((BooksSetting(Month("2020-01"), zone, "USD"),)),
    )


@dataclass
class LimitedProduct:
    """The product over some stores, and the few lines that say what it has to say."""

    counter: Counter
    books: Books
    zone: str = "Pacific/Auckland"
    began: datetime = NOW
    said: dict[Call, set[str]] = field(default_factory=dict)
    price: int = 1
    limits: tuple[str, ...] = LIMITS
    is_changed: bool = False
    """Whether prices or budgets were changed: estimates stay as they were made."""
    is_whole: bool = True
    """Whether nothing was lost or changed since the last posting, so that whatever was taken is counted."""

    is_written: bool = True
    """Whether the last posting did not die: what it wrote at other prices is known to budgets."""

    def __post_init__(self) -> None:
        self.now = self.began
        self.catalogues = MemoryCatalogues(priced(1, self.zone), settled_by=limited(*self.limits))
        self.ledger, control = MemoryLedger(), MemoryControl()
        self.poster = Poster(self.ledger, self.counter, self.books, control, self.catalogues)
        self.auditor = Auditor(self.ledger, self.counter, self.books, control, self.catalogues, self.poster)
        estimator = EffectiveSpendEstimator(self.catalogues, self.catalogues.catalogue)
        self.door = Ingest(self.ledger, self.counter, Quarantine(), estimator)
        self.spend = BudgetSpend(self.books, self.counter, self.post_day, open_seconds=0, closed_seconds=0)

    async def post_day(self, day: str) -> None:
        await self.poster.post_day(day, await self.catalogues.in_force(), self.now)

    async def post_without_documents(self) -> None:
        """A posting of all days that dies between their records and their documents."""

        async def die(*_given: object, **_named: object) -> None:
            raise _DiedError

        with patch("chargeback.services.usage.post.summarise_or_set_aside", die):
            for day in open_days(self.now):
                with suppress(_DiedError):
                    await self.post_day(day)

    async def take(self, call: Call, kind: str) -> None:
        await self.door.ingest([call.event(kind, self.began)], self.now)
        self.said.setdefault(call, set()).add(kind)
        self.is_whole &= is_open(f"{call.moment(self.began):%Y-%m-%d}", self.now)

    async def do(self, action: Any) -> None:
        if isinstance(action, tuple):
            await self.take(*action)
        elif action in ("post", "die"):
            self.is_written = action == "post"
            await (self.poster.post(self.now) if self.is_written else self.post_without_documents())
        elif action == "audit":
            await self.auditor.audit(self.now)
            self.is_whole = False
        elif action == "flush":
            for hours in (0, 24, 48):
                await self.counter.forget(f"{self.began - timedelta(hours=hours):%Y-%m-%d}")
            self.is_whole = False
        elif action == "price":
            self.price += 1
            self.catalogues.catalogue = priced(self.price, self.zone)
            for day in await self.ledger.days():
                await self.ledger.mark(day)
            self.is_whole, self.is_changed = False, True
        elif action == "budgets":
            self.limits = OTHER_LIMITS if self.limits == LIMITS else LIMITS
            self.catalogues.settled_by = limited(*self.limits)
            self.is_whole, self.is_changed = False, True
        elif action == "later":
            self.now += timedelta(days=1)
            self.is_whole = False
        await self.compare(is_posted=False)

    async def settle(self) -> None:
        """What timers do in time: post, audit, and post again what an audit had counted again."""
        await self.poster.post(self.now)
        await self.auditor.audit(self.now)
        await self.poster.post(self.now)
        self.is_whole = self.is_written = True
        await self.compare(is_posted=True)

    def is_used(self, call: Call) -> bool:
        return bool(self.said[call] - {"pending"})

    def date_of(self, call: Call) -> date:
        return date.fromisoformat(self.catalogues.catalogue.calendar.date_of(call.moment(self.began)))

    def expected(self, *, used: bool) -> dict[Scope, dict[date, Decimal]]:
        """The oracle: each call once, at the price in force, for everybody who is limited."""
        sums: dict[Scope, dict[date, Decimal]] = {}
        for call in self.said:
            if self.is_used(call) is used and (used or is_open(f"{call.moment(self.began):%Y-%m-%d}", self.now)):
                for scope in map(str, _scopes(call)):
                    if scope in self.limits:
                        by_date = sums.setdefault(read_scope(scope), {})
                        amount = Decimal(call.millions if used else ASKED) * self.price
                        by_date[self.date_of(call)] = by_date.get(self.date_of(call), Decimal(0)) + amount
        return sums

    async def posted(self) -> Decimal:
        """What the usage charges of the books come to: what publishing reads."""
        amount = Decimal(0)
        for hours in (0, 24, 48):
            async for page in self.books.records(f"{self.began - timedelta(hours=hours):%Y-%m-%d}"):
                amount += sum((record.cost for record in page), Decimal(0))
        return amount

    async def compare(self, *, is_posted: bool) -> None:
        first = BookDate((self.began.date() - timedelta(days=3)).isoformat())
        in_books = await self.posted()
        found = (await self.spend.by_date(limited(*self.limits).watched, first, self.now, "USD")).by_scope
        known = _amounts(found, "known")
        due = self.expected(used=True)
        if self.is_written:
            assert sum(known.get(EVERYTHING, {}).values()) >= in_books
        if self.is_whole:
            assert known == due
        if is_posted:
            assert known == due
            assert sum(known.get(EVERYTHING, {}).values()) == in_books
            if not self.is_changed:
                assert _amounts(found, "estimated") == self.expected(used=False)
            await self.compare_states(due)

    async def compare_states(self, due: Mapping[Scope, Mapping[date, Decimal]]) -> None:
        raised = Override("all", Decimal(7), self.began, self.began + timedelta(days=2), "ada", "launch")
        states = BudgetStates(self.catalogues, self.spend, _Kept(raised), Forecasts())
        month = f"{date.fromisoformat(self.catalogues.catalogue.calendar.date_of(self.now)):%Y-%m}"
        for state in (await states.evaluate(self.now)).states:
            dates = due.get(state.budget.scope, {})
            assert state.spend.known == sum(amount for day, amount in dates.items() if f"{day:%Y-%m}" == month)
            assert state.limit == 100 + 7 * (state.budget.id == "all" and self.now < raised.until)


class _DiedError(BaseException):
    """The process ended."""


class _Kept:
    def __init__(self, *overrides: Override) -> None:
        self._overrides = overrides

    async def all(self) -> Sequence[Override]:
        return self._overrides


def _scopes(call: Call) -> list[Scope]:
    found = [EVERYTHING, Scope(ScopeKind.SUBSCRIPTION, call.subscription), Scope(ScopeKind.MODEL, "gpt-4o")]
    if call.subscription == "search":
        found += [Scope(ScopeKind.COST_CENTRE, path) for path in ("product", "product/search")]
    return found


def _amounts(found: Mapping[Scope, Mapping[date, Any]], name: str) -> dict[Scope, dict[date, Decimal]]:
    sums = {
        scope: {day: getattr(spent, name) for day, spent in dates.items() if getattr(spent, name)}
        for scope, dates in found.items()
    }
    return {scope: dates for scope, dates in sums.items() if dates}


SAID = [(call, kind) for call in CALLS for kind in EVENTS if (call.number % 2 == 0) == (kind != "recorded")]
"""Calls with an even number are streams, and the others say all at once."""

ACTIONS = ("flush", "price", "budgets", "later", "audit", "settle")


def histories(actions: Sequence[str], most: int) -> st.SearchStrategy[list[Any]]:
    """Mostly events; each of them may come again."""
    return st.lists(
        st.one_of(
            st.sampled_from(SAID), st.sampled_from(SAID), st.sampled_from(("post", "die")), st.sampled_from(actions)
        ),
        min_size=3,
        max_size=most,
    )


async def live(limited: LimitedProduct, actions: Sequence[Any]) -> None:
    for action in actions:
        await (limited.settle() if action == "settle" else limited.do(action))
    await limited.settle()
