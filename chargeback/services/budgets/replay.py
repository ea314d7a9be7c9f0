"""What budgets would have done in a past month, from the ledger alone: the days are recounted as by the audit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from chargeback.domain.budgets.budget import Budget, Override, Scope
from chargeback.domain.budgets.replaying import BudgetReplay, HourUsed
from chargeback.domain.budgets.scopes import WatchedScopes
from chargeback.domain.budgets.state import BooksClock
from chargeback.domain.budgets.windows import Window, window_of
from chargeback.domain.money.exact import EXACT
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import BookDate, UtcDay, start_of, utc_day
from chargeback.domain.time.effective import Effective
from chargeback.domain.time.months import Month, dates_of, month_of
from chargeback.domain.usage.meters import Meter
from chargeback.services.budgets.forecasts import ForecastBasis, Forecasts, history_dates, is_forecast
from chargeback.services.budgets.states import books_clock, expected_of
from chargeback.services.forecasting.spend_history import whole_days
from chargeback.services.ports.counter import CountedLine
from chargeback.services.ports.ledger import Ledger
from chargeback.services.running.progress import Progress, ignore_progress
from chargeback.services.usage.recount import recount

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

HourlyUse = dict[Scope, dict[datetime, HourUsed]]


@dataclass(frozen=True, slots=True)
class ReplayedMonth:
    """What budgets would have done.

    Attributes:
        read: the dates of the books that were read: the month, and what its windows and forecasts need before it.
        replays: one for each budget, in their order.
        lost: events of these dates that the ledger lost or that cannot be read any more.
    """

    period: Month
    read: Window
    replays: Sequence[BudgetReplay]
    lost: int = 0


class BudgetReplayer:
    """Replays budgets over the ledger."""

    def __init__(self, ledger: Ledger, in_force: EffectiveCatalogues, terms: Terms, *, workers: int = 0) -> None:
        """Rate usage by the catalogues in force, and convert it by the rates of these terms."""
        self._ledger = ledger
        self._in_force = in_force
        self._terms = terms
        self._workers = workers

    async def days(self, budgets: Sequence[Budget], period: Month) -> list[UtcDay]:
        """The UTC days of the ledger that a replay reads."""
        read = _dates_read(budgets, period)
        clock = books_clock(self._in_force.current.calendar, start_of(UtcDay(f"{period}-01")))
        first, last = utc_day(clock.midnight(read.first)), utc_day(clock.midnight(read.after) - _HOUR)
        return sorted(day for day in await self._ledger.days() if first <= day <= last)

    async def replay(
        self,
        budgets: Sequence[Budget],
        period: Month,
        overrides: Sequence[Override] = (),
        progress: Progress = ignore_progress,
    ) -> ReplayedMonth:
        """What the budgets would have done in a month, as if each began with the window in which the month begins.

        Nothing is carried into that window.
        """
        read = _dates_read(budgets, period)
        months = [self._begun(budget, period, overrides) for budget in budgets]
        watched, lost = WatchedScopes(budgets), 0
        for number, day in enumerate(await self.days(budgets, period), 1):
            used: HourlyUse = {}
            async with recount(self._ledger, day, workers=self._workers, named=self._in_force.named) as recounted:
                lost += recounted.missing + sum(recounted.unreadable.values())
                async for lines in recounted.pages():
                    for line in lines:
                        self._add(used, day, line, watched)
            for each in months:
                await each.take(used, read)
            progress("replaying", number)
        return ReplayedMonth(period, read, [each.replay for each in months], lost)

    def _begun(self, budget: Budget, period: Month, overrides: Sequence[Override]) -> "_BudgetMonth":
        first = _first_date(budget, period)
        calendar = self._in_force.current.calendar
        begun = replace(budget, effective=Effective(calendar.midnight(BookDate(first.isoformat()))))
        return _BudgetMonth(BudgetReplay(begun, overrides), first, self._in_force, self._terms)

    def _add(self, used: HourlyUse, day: UtcDay, counted: CountedLine, watched: WatchedScopes) -> None:
        """Add a line to what the scopes of budgets used, by the hour of its calls."""
        for hour, quantities in counted.hours.items():
            _, rules = self._in_force.hours(day)[hour]
            scopes = watched.of(counted.line, rules.cost_centre(counted.line)[0])
            if not scopes:
                continue
            record = rate(day, counted.line, {hour: quantities}, self._in_force)
            calls = quantities.get(Meter.REQUESTS, 0)
            is_known = not any(part.without_cost for part in record.parts)
            of_line = HourUsed(record.cost, calls, 0 if is_known else calls)
            for scope in {above for each in scopes for above in watched.above(each)}:
                used.setdefault(scope, {}).setdefault(start_of(day) + hour * _HOUR, HourUsed()).add(of_line)


class _BudgetMonth:
    """One budget under replay."""

    def __init__(self, replay: BudgetReplay, first: date, in_force: EffectiveCatalogues, terms: Terms) -> None:
        self.replay = replay
        self._first = first
        self._in_force = in_force
        self._terms = terms
        self._forecasts = Forecasts(seconds=math.inf) if is_forecast(replay.budget) else None
        self._used: dict[date, HourUsed] = {}
        """What was used so far on each date, in the currency of the rate card."""

    async def take(self, used: HourlyUse, read: Window) -> None:
        """Take what was used in the hours of a day."""
        for hour, each in sorted(used.get(self.replay.budget.scope, {}).items()):
            clock = books_clock(self._in_force.current.calendar, hour)
            if clock.today in read:
                self._used.setdefault(clock.today, HourUsed()).add(each)
                converted = self._converted(each, clock.today)
                self.replay.add(clock.today, converted)
                if clock.today >= self._first:
                    self.replay.take(clock, converted, await self._expected(clock))

    async def _expected(self, clock: BooksClock) -> Decimal | None:
        if self._forecasts is None:
            return None
        costs = {day: self._converted(used, clock.today).cost for day, used in self._used.items()}
        unknown = {day for day, used in self._used.items() if used.unknown}
        whole = whole_days(history_dates(clock.today), costs, unknown)
        found = await self._forecasts.of([ForecastBasis(self.replay.budget, self.replay.spend, whole)], clock)
        return expected_of(found, self.replay.budget)

    def _converted(self, used: HourUsed, day: date) -> HourUsed:
        currency = self._in_force.current.currency
        month = month_of(BookDate(day.isoformat()))
        into = self._terms.rate_for(month, currency, self.replay.budget.currency).rate
        return HourUsed(EXACT.multiply(used.cost, into), used.calls, used.unknown)


def _first_date(budget: Budget, period: Month) -> date:
    """The date on which the window begins that the month begins in."""
    return window_of(budget.every, date.fromisoformat(dates_of(period)[0])).first


def _dates_read(budgets: Sequence[Budget], period: Month) -> Window:
    """The month, and what came before it as far as a window or a forecast needs it."""
    first, last = (date.fromisoformat(dates_of(period)[index]) for index in (0, -1))
    needed = [_first_date(each, period) for each in budgets]
    if any(map(is_forecast, budgets)):
        needed.append(history_dates(first)[0])
    return Window(min([first, *needed]), last + _DAY)
