"""Reads the exact spend of each cost centre on each date of the books, from the summaries of the days."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from chargeback.domain.cost_centres.tree import is_within
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import BookDate, days_between, shifted, utc_namesake
from chargeback.domain.time.months import Month, dates_of, month_of
from chargeback.services.ports.books import Books
from chargeback.services.ports.control import Document
from chargeback.services.running.together import together
from chargeback.services.usage.day_summary import charges_without_cost, lacks_unknown

HISTORY_DAYS = 70
"""How far back a pattern is looked for: older habits say little about the coming weeks."""

_READ_AT_ONCE = 8

_Date = TypeVar("_Date")


def whole_days(
    dates: Sequence[_Date], spent: Mapping[_Date, Decimal], unknown: Container[_Date]
) -> list[Decimal | None]:
    """What forecasts rest on: the spend of these dates, which are over, from the first one with any on.

    A date without any is zero. One of which not every cost is known is None: nobody can tell what it came to.
    """
    first = next((number for number, day in enumerate(dates) if spent.get(day)), len(dates))
    return [None if day in unknown else spent.get(day, ZERO) for day in dates[first:]]


@dataclass(frozen=True, slots=True)
class CentreSpend:
    """The spend of a cost centre, alone or with everything below it.

    Attributes:
        by_date: date of the books → exact cost; dates on which nothing was spent may be absent.
        currencies: the costs'; with more than one, or one made of several, their sum means nothing.
        unknown: date of the books → charges whose cost is not known (unpriced, unsettled): what was spent then is more.
            A date with 0 may have some of those that are counted on the date after it, where a summary by an older
            version does not say on which of the two they are.
    """

    by_date: Mapping[BookDate, Decimal]
    currencies: frozenset[str]
    unknown: Mapping[BookDate, int] = field(default_factory=dict)

    @property
    def currency(self) -> str:
        """The currency; several are joined by a plus sign."""
        return "+".join(sorted(self.currencies))

    @property
    def is_mixed(self) -> bool:
        """Whether costs of several currencies were added up."""
        return "+" in self.currency

    def since_first(self, last: BookDate) -> list[Decimal]:
        """What was spent on each date from the first spend to `last`; a date without any is zero."""
        first = min((day for day, cost in self.by_date.items() if cost), default=last)
        return [self.by_date.get(day, ZERO) for day in days_between(first, last)]

    def whole_days(self, today: BookDate) -> list[Decimal | None]:
        """What a forecast of today rests on."""
        dates = days_between(shifted(today, -HISTORY_DAYS), shifted(today, -1))
        return whole_days(dates, self.by_date, self.unknown)

    def unknown_of(self, period: Month) -> int:
        """Charges of a period whose cost is not known."""
        return sum(count for day, count in self.unknown.items() if day.startswith(f"{period}-"))

    def of(self, period: Month) -> dict[BookDate, Decimal]:
        """The dates of a period."""
        return {day: cost for day, cost in self.by_date.items() if day.startswith(f"{period}-")}


@dataclass(frozen=True, slots=True)
class Into:
    """A currency to say costs in: what one unit of each of the others is worth in it."""

    currency: str
    rates: Mapping[str, Decimal]


class History:
    """The spend of every cost centre alone on the dates from `first` to `last`."""

    def __init__(self, first: BookDate, last: BookDate) -> None:
        self.first = first
        self.last = last
        self._costs: dict[str, dict[str, dict[BookDate, Decimal]]] = {}
        self._unknown: dict[str, Counter[BookDate]] = {}

    def add(self, summary: Document) -> None:
        """Add the summary of a UTC day, which may touch two dates of the books.

        A day on which the rate card changed its currency has sums of several, which are of no currency any more.
        """
        currency = "+".join(summary["currencies"])
        for centre, sums in summary["costCentres"].items():
            for day, charges in _unknown_by_date(sums).items():
                if self.first <= day <= self.last:
                    self._unknown.setdefault(centre, Counter())[day] += charges
            for day, cost in sums["dates"].items():
                if self.first <= day <= self.last:
                    by_date = self._costs.setdefault(centre, {}).setdefault(currency, {})
                    by_date[day] = EXACT.add(by_date.get(day, ZERO), Decimal(cost))

    @property
    def centres(self) -> list[str]:
        """The cost centres that spent anything, ascending."""
        return sorted(self._costs)

    def alone(self, centre: str, into: Into | None = None) -> CentreSpend:
        """What a cost centre spent itself; without a wanted currency, in that of the rate card."""
        return self._sum([centre] if centre in self._costs else [], into)

    def below(self, centre: str, into: Into | None = None) -> CentreSpend:
        """What a cost centre spent with everything below it; WHOLE_TREE is all of them.

        An amount without a rate to the wanted currency stays in its own.
        """
        return self._sum([each for each in self._costs if is_within(each, centre)], into)

    def only(self, centre: str) -> "History":
        """The history of one cost centre, without those below it."""
        found = History(self.first, self.last)
        if centre in self._costs:
            found._costs[centre] = self._costs[centre]
        if centre in self._unknown:
            found._unknown[centre] = self._unknown[centre]
        return found

    def into(self, currency: str, terms: Terms, period: Month) -> Into:
        """The rates of a period from the currencies of this history into one of them or another one."""
        rates = {}
        for each in {each for costs in self._costs.values() for each in costs}:
            with suppress(InvalidConfig):
                rates[each] = terms.rate_for(period, each, currency).rate
        return Into(currency, rates)

    def _sum(self, centres: Iterable[str], into: Into | None) -> CentreSpend:
        by_date: dict[BookDate, Decimal] = {}
        currencies: set[str] = set()
        unknown: Counter[BookDate] = Counter()
        for centre in centres:
            unknown.update(self._unknown.get(centre, {}))
            for currency, costs in self._costs[centre].items():
                rate = into.rates.get(currency) if into else None
                currencies.add(currency if rate is None or into is None else into.currency)
                for day, cost in costs.items():
                    amount = cost if rate is None else EXACT.multiply(cost, rate)
                    by_date[day] = EXACT.add(by_date.get(day, ZERO), amount)
        return CentreSpend(by_date, frozenset(currencies), unknown)


def _unknown_by_date(sums: Document) -> Mapping[BookDate, int]:
    """On which dates how many charges of a cost centre have no known cost; neither is whole where nobody says which."""
    if not lacks_unknown(sums):
        found: Mapping[BookDate, int] = sums.get("unknown", {})
        return found
    dates = sorted(sums["dates"])
    return {day: charges_without_cost(sums) if day == dates[-1] else 0 for day in dates}


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """Which month is looked at, and from when.

    Attributes:
        period: YYYY-MM.
        today: the date that is under way; after the period's end, the month is complete.
        last: the last date whose spend is known: today, or the date before, to forecast as if today had just begun.
    """

    period: Month
    today: BookDate
    last: BookDate

    @property
    def dates(self) -> list[BookDate]:
        """The dates of the period that are still coming, the one under way included."""
        end = dates_of(self.period)[-1]
        return days_between(self.today, end) if self.today <= end else []


def viewpoint(today: BookDate, *, period: Month | None = None, as_of: BookDate | None = None) -> Viewpoint:
    """The month under way as it is known today; or another period, or what was known when a past date began.

    Raises `InvalidConfig` for what lies in the future.
    """
    if as_of is not None and as_of > today:
        raise InvalidConfig([f"{as_of} is yet to come: today is {today} in the books"])
    seen = as_of or today
    named = period or month_of(seen)
    if dates_of(named)[0] > seen:
        raise InvalidConfig([f"the period {named} has not begun on {seen}"])
    return Viewpoint(named, seen, seen if as_of is None else shifted(seen, -1))


async def read_until(books: Books, view: Viewpoint) -> History:
    """The history that a forecast rests on: the period so far and the weeks before today; for a past period, itself."""
    if not view.dates:
        days = dates_of(view.period)
        return await read_history(books, days[0], min(days[-1], view.last))
    return await read_history(books, min(dates_of(view.period)[0], shifted(view.today, -HISTORY_DAYS)), view.last)


async def read_history(books: Books, first: BookDate, last: BookDate) -> History:
    """The spend on the dates of the books from `first` to `last`.

    The books' dates lie across the UTC days that summaries are of, so a day more is read on either side.
    """
    days = days_between(shifted(utc_namesake(first), -1), shifted(utc_namesake(last), 1))
    history = History(first, last)
    for index in range(0, len(days), _READ_AT_ONCE):
        found = await together(*(books.summary(day) for day in days[index : index + _READ_AT_ONCE]))
        for known in found:
            if known is not None:
                history.add(known[0])
    return history
