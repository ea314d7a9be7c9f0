"""The forecast of a month's cost and of when a budget is used up: estimates, kept apart from the exact money spent.

A forecast is not money in the books. Spend is exact; everything estimated is rounded to cents, once, here.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from enum import StrEnum

import msgspec

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.budgets.monthly import percentages
from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month

_CENT = Decimal("0.01")
_WHOLE = Decimal(100)
_ROUNDING = Context(prec=60, traps=[InvalidOperation])


class Method(StrEnum):
    """The basis of a forecast, from the most history to the least."""

    SMOOTHING = "smoothing"
    """Exponential smoothing with a weekly season: 16 days or more."""
    WEEKDAYS = "weekdays"
    """The mean of each weekday: two weeks of days, or days that repeat exactly."""
    WORKING_DAYS = "working-days"
    """The mean of working days and that of weekends: one week of days."""
    NOT_ENOUGH_DATA = "not-enough-data"
    """Less than a week of days: there is no number."""
    SEVERAL_CURRENCIES = "several-currencies"
    """Costs in several currencies have no sum: there is no number."""
    COMPLETE = "complete"
    """The period is over: what is spent is the total."""


class Interval(msgspec.Struct, frozen=True, rename="camel"):
    """Bounds that the value lies between with the probability that the name of the field says."""

    low: Decimal
    high: Decimal


class Estimate(msgspec.Struct, frozen=True, rename="camel"):
    """An estimated amount: as likely above `expected` as below."""

    expected: Decimal
    within_80: Interval
    within_95: Interval


class Forecast(msgspec.Struct, frozen=True, rename="camel"):
    """The month of a cost centre with everything below it.

    Attributes:
        period: YYYY-MM.
        cost_centre: its path; WHOLE_TREE for all of them.
        currency: every amount's; several are joined by a plus sign, and then there is no estimate.
        as_of: the day of the forecast, of which a part may be spent already.
        spent: in the period until now, exact.
        method: what the estimate rests on, or why there is none.
        days: whole days of history that it rests on.
        total: the cost of the period at its end; None where there is no number.
        unknown: charges of the period so far whose cost is not known, so that what is spent is more.
    """

    period: Month
    cost_centre: str
    currency: str
    as_of: str
    spent: Decimal
    method: Method
    days: int
    total: Estimate | None
    unknown: int = 0


class Reach(msgspec.Struct, frozen=True, rename="camel"):
    """When a part of a budget is used up.

    Attributes:
        percent: the part of the budget's amount.
        amount: that is to be reached.
        reached: the day on which it was, by what is spent; None = not yet.
        expected: the day on which it probably will be; None = not this month, or not known.
        earliest, latest: the days that it lies between in eight of ten cases; None = not this month, or not known.
    """

    percent: Decimal
    amount: Decimal
    reached: str | None
    expected: str | None = None
    earliest: str | None = None
    latest: str | None = None


class BudgetOutlook(msgspec.Struct, frozen=True, rename="camel"):
    """A budget and where the month is taking it.

    Attributes:
        cost_centre, amount, currency: the budget's; a budget of all usage has an empty cost centre.
        forecast: its cost centre's.
        reaches: the percentages of its steps and 100 %, ascending; empty where the money spent is not in the budget's
            currency.
    """

    cost_centre: str
    amount: Decimal
    currency: str
    forecast: Forecast
    reaches: tuple[Reach, ...]

    @property
    def run_out(self) -> Reach | None:
        """When the whole amount is used up; None where the currencies differ."""
        return next((reach for reach in self.reaches if reach.percent == _WHOLE), None)

    @property
    def is_overrun(self) -> bool:
        """Whether the month is expected to end above the amount, or is above it already."""
        total = self.forecast.total
        expected = total.expected if total else self.forecast.spent
        return self.forecast.currency == self.currency and expected > self.amount


def to_estimate(quantiles: Sequence[float], least: Decimal | None) -> Estimate:
    """An estimate in cents from the quantiles 2.5, 10, 50, 90 and 97.5 %, in the currency's unit.

    No quantile is below `least`, the exact amount that is already spent; rounding alone could put it there.
    """
    low_95, low, expected, high, high_95 = (_cents(value, least) for value in quantiles)
    return Estimate(expected, Interval(low, high), Interval(low_95, high_95))


def certain(amount: Decimal) -> Estimate:
    """The outcome of a period that is over, with no estimate in it."""
    return Estimate(amount, Interval(amount, amount), Interval(amount, amount))


def _cents(value: float, least: Decimal | None) -> Decimal:
    cents = Decimal(value).quantize(_CENT, ROUND_HALF_EVEN, _ROUNDING)
    return cents if least is None else max(cents, least)


def marks(budget: Budget) -> list[tuple[Decimal, Decimal]]:
    """The percentages of a budget's steps and 100 %, each with its exact amount, ascending."""
    percents = sorted({*percentages(budget), _WHOLE})
    return [(percent, EXACT.multiply(budget.amount, percent.scaleb(-2))) for percent in percents]


def reached_on(amount: Decimal, by_date: Mapping[BookDate, Decimal]) -> BookDate | None:
    """The first day at whose end this much was spent, by the exact spend of each day; None = not yet."""
    spent = ZERO
    for date in sorted(by_date):
        spent = EXACT.add(spent, by_date[date])
        if spent >= amount:
            return date
    return None
