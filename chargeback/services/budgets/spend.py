"""How much the scopes of budgets spent by date of the books, from the documents of the days and from the counter.

Nothing here is ever reset: the books are read again and again, so whatever was lost in between does not stay lost.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime

from chargeback.domain.budgets.budget import Scope
from chargeback.domain.budgets.scopes import WatchedScopes
from chargeback.domain.budgets.state import Spend
from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.time.days import BookDate, UtcDay, days_between, shifted, utc_day, utc_namesake
from chargeback.services.budgets.day_amounts import DayAmounts, day_amounts
from chargeback.services.ports.books import Books
from chargeback.services.ports.counter import CountedSpend, Counter
from chargeback.services.running.together import together
from chargeback.services.usage.ingest import open_days
from chargeback.services.usage.watched_spend import NOTHING_COUNTED, DaySpend, Watch, refresh_spend, spend_beside

OPEN_SECONDS = 30.0
"""How old the document of an open day may be: spend posted since is in the counter, too, and is added from there."""

CLOSED_SECONDS = 600.0
"""How old the cached spend of other days may be; only late events and corrected prices change it."""

ASK_SECONDS = 30.0
"""How long nobody asks again for a posting that left a day as it was: one whose ledger lacks something stays so."""

_SLICE = 8
"""How many of the other days are read again at a time, so that nobody waits for a whole year of them."""

PostDay = Callable[[UtcDay], Awaitable[object]]
"""Posts a day at once."""


@dataclass(frozen=True, slots=True)
class SpendByDate:
    """Reads what scopes spent by date.

    Attributes:
        by_scope: by date of the books, in the currency of that date; a cost centre with everything below it.
        currencies: by date; several on one date have no sum that means anything.
        unknown: the dates of each scope on which not every cost is known: what was spent is more.
    """

    by_scope: Mapping[Scope, Mapping[date, Spend]]
    currencies: Mapping[date, frozenset[str]]
    unknown: Mapping[Scope, frozenset[date]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpendOfDay:
    """What scopes spent on a UTC day: as far as it is in the books, and with what is counted beside them."""

    posted: DayAmounts
    whole: DayAmounts


_PastDays = Mapping[UtcDay, tuple[float, DayAmounts]]
"""Day → when it was read, and what was spent on it."""

_NOTHING = SpendByDate({}, {})

_MOST_PAST = 8
"""How many sums of past days are kept: questions about budgets begin at a few dates."""


class BudgetSpend:
    """Tells what was spent; keeps what it read of each day."""

    def __init__(
        self,
        books: Books,
        counter: Counter,
        post: PostDay,
        *,
        open_seconds: float = OPEN_SECONDS,
        closed_seconds: float = CLOSED_SECONDS,
        ask_seconds: float = ASK_SECONDS,
    ) -> None:
        """`post` is asked for each day that the counter has lost."""
        self._books = books
        self._counter = counter
        self._post = post
        self._open_seconds = open_seconds
        self._closed_seconds = closed_seconds
        self._ask_seconds = ask_seconds
        self._digest = ""
        self._open: dict[UtcDay, tuple[float, DaySpend]] = {}
        self._closed: dict[UtcDay, tuple[float, DayAmounts]] = {}
        self._past: dict[BookDate, tuple[object, SpendByDate]] = {}
        self._one_reads = asyncio.Lock()
        self._posting: dict[UtcDay, asyncio.Task[None]] = {}
        self._asked: dict[UtcDay, tuple[str | None, float]] = {}
        """When the posting of a day was asked for, and under which epoch the day was counted then."""

    async def by_date(self, watched: WatchedScopes, first: BookDate, now: datetime, currency: str) -> SpendByDate:
        """What the watched scopes spent on each date of the books from `first` to `now`.

        `currency` is that of the rate card, which what is counted is in.
        """
        past, open_ones = await self._days(watched, first, now)
        whole = (day_amounts(*each, currency, watched) for each in open_ones)
        return _together(whole, date.fromisoformat(first), self._past_spend(past, first))

    async def by_day(
        self, watched: WatchedScopes, first: BookDate, now: datetime, currency: str
    ) -> Sequence[SpendOfDay]:
        """What `by_date` adds up, by UTC day, with what of it is in the books."""
        past, open_ones = await self._days(watched, first, now)
        found = [SpendOfDay(amounts, amounts) for _, amounts in past.values()]
        for posted, counted in open_ones:
            in_books = day_amounts(posted, NOTHING_COUNTED, currency, watched)
            found.append(SpendOfDay(in_books, day_amounts(posted, counted, currency, watched)))
        return found

    async def _days(
        self, watched: WatchedScopes, first: BookDate, now: datetime
    ) -> tuple[_PastDays, Sequence[tuple[DaySpend, CountedSpend]]]:
        """The days that are over, each with when it was read, and what is posted and counted of the open ones."""
        days = days_between(shifted(utc_namesake(first), -1), shifted(utc_day(now), 1))
        are_open = set(open_days(now))
        self._open = {day: known for day, known in self._open.items() if day in are_open}
        self._asked = {day: asked for day, asked in self._asked.items() if day in are_open}
        closed = [day for day in days if day not in are_open]
        async with self._one_reads:  # several questions at once want the same days
            if watched.digest != self._digest:
                self._digest = watched.digest
                self._closed, self._past = {}, {}
            await self._read_closed(closed, watched)
            past = {day: self._closed[day] for day in closed}
        return past, await together(*(self._open_day(day, watched) for day in days if day in are_open))

    def _past_spend(self, days: _PastDays, first: BookDate) -> SpendByDate:
        """The spend of days that are no longer open, added up again only where one of them was read again."""
        key = {day: read for day, (read, _) in days.items()}
        known = self._past.pop(first, None)
        if known is None or known[0] != key:
            amounts = (each for _, each in days.values())
            known = key, _together(amounts, date.fromisoformat(first), _NOTHING)
        self._past[first] = known  # the one that was asked for last is dropped last
        if len(self._past) > _MOST_PAST:
            del self._past[next(iter(self._past))]
        return known[1]

    async def _read_closed(self, days: Sequence[UtcDay], watched: WatchedScopes) -> None:
        """Read the days of which nothing is known, and some of those that were read longest ago."""
        now = time.monotonic()
        new = [day for day in days if day not in self._closed]
        old = [day for day in days if day in self._closed and now - self._closed[day][0] >= self._closed_seconds]
        due = [*new, *sorted(old, key=lambda day: self._closed[day][0])[:_SLICE]]
        for start in range(0, len(due), _SLICE):
            await together(*(self._read_one_closed(day, watched) for day in due[start : start + _SLICE]))

    async def _read_one_closed(self, day: UtcDay, watched: WatchedScopes) -> None:
        read = time.monotonic()
        posted = await refresh_spend(self._books, day, Watch(watched))
        self._closed[day] = read, day_amounts(posted, NOTHING_COUNTED, "", watched)

    async def _open_day(self, day: UtcDay, watched: WatchedScopes) -> tuple[DaySpend, CountedSpend]:
        """The document first: the counter never has less than what the document says it had."""
        read, posted = self._open.get(day, (float("-inf"), None))
        is_old = time.monotonic() - read >= self._open_seconds
        if posted is None or is_old or posted.scopes != watched.digest:
            posted = await self._read_open(day, watched)
        counted = await self._counter.spend(day)
        if posted.counted.epoch != counted.epoch:
            posted, counted = await self._read_open(day, watched), await self._counter.spend(day)
        if posted.fence and posted.counted.epoch != counted.epoch:
            self._ask_for_posting(day, counted.epoch)
        return posted, counted

    async def _read_open(self, day: UtcDay, watched: WatchedScopes) -> DaySpend:
        read = time.monotonic()
        posted = await spend_beside(self._books, self._counter, day, watched)
        self._open[day] = read, posted
        return posted

    def _ask_for_posting(self, day: UtcDay, epoch: str | None) -> None:
        """Have a day posted at once, unless that is under way or did not help a moment ago."""
        of, at = self._asked.get(day, (None, float("-inf")))
        is_recent = of == epoch and time.monotonic() - at < self._ask_seconds
        if day not in self._posting and not is_recent:
            self._asked[day] = epoch, time.monotonic()
            self._posting[day] = asyncio.create_task(self._have_posted(day))

    async def _have_posted(self, day: UtcDay) -> None:
        try:
            with suppress(Exception):  # the posting tells what is wrong, and the timer posts again
                await self._post(day)
        finally:
            del self._posting[day]

    async def asked(self) -> None:
        """Wait for the postings that were asked for."""
        await together(*self._posting.values())

    async def stop(self) -> None:
        """End the postings that are under way: without this they would open the connections of a closed store again."""
        under_way = list(self._posting.values())
        for each in under_way:
            each.cancel()
        if under_way:
            await asyncio.wait(under_way)


def _together(days: Iterable[DayAmounts], first: date, past: SpendByDate) -> SpendByDate:
    by_scope = {scope: dict(by_date) for scope, by_date in past.by_scope.items()}
    currencies, unknown = dict(past.currencies), dict(past.unknown)
    for day in days:
        for of in sorted(day.known.keys() | day.estimated.keys()):
            if of >= first:
                currencies[of] = currencies.get(of, frozenset()) | day.currencies
                _add_date(by_scope, of, day)
        for of, scopes in day.unknown.items():
            if of >= first:
                unknown |= {scope: unknown.get(scope, frozenset()) | {of} for scope in scopes}
    return SpendByDate(by_scope, currencies, unknown)


def _add_date(by_scope: dict[Scope, dict[date, Spend]], of: date, day: DayAmounts) -> None:
    known, estimated = day.known.get(of, {}), day.estimated.get(of, {})
    for scope in _all(known, estimated):
        by_date = by_scope.setdefault(scope, {})
        spend = Spend(known.get(scope, ZERO), estimated.get(scope, ZERO))
        before = by_date.get(of)
        if before is not None:
            spend = Spend(EXACT.add(before.known, spend.known), EXACT.add(before.estimated, spend.estimated))
        by_date[of] = spend


def _all(known: Collection[Scope], estimated: Collection[Scope]) -> Iterable[Scope]:
    return {*known, *estimated} if estimated else known
