"""The calendar of the books: which billing period and which date an hour of usage belongs to.

Usage is counted by the UTC hour, so every period begins at a whole UTC hour, and a period ends where the next one
begins: however the clocks or the settings change, no hour is in two periods or in none.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.currencies import currency_fault
from chargeback.domain.time.days import BookDate, UtcDay, days_between, start_of, utc_day
from chargeback.domain.time.effective import Effective
from chargeback.domain.time.months import Month, dates_of, month, month_of

_CHECKED_YEARS = (2020, 2040)
_HOUR = timedelta(hours=1)
_OF_THE_MACHINE = ("localtime", "posixrules", "Factory")
"""Names that mean another zone on each machine."""


@dataclass(frozen=True, slots=True)
class BooksSetting:
    """How the books are kept from a period on, until the next setting.

    Attributes:
        first_period: YYYY-MM.
        time_zone: IANA name; its days are the days of the books.
        currency: ISO 4217 code of every cost.
    """

    first_period: Month
    time_zone: str
    currency: str


DEFAULT = (BooksSetting(Month("1970-01"), "UTC", "USD"),)


class Calendar:
    """The settings of the books over time; the first one also holds for every period before it.

    Raises `InvalidConfig` with every fault at once, each beginning with its place.
    """

    def __init__(self, settings: tuple[BooksSetting, ...] = DEFAULT) -> None:
        faults = list(_faults(settings))
        if faults:
            raise InvalidConfig(faults)
        self.settings = settings
        self.dates: Callable[[UtcDay], tuple[BookDate, ...]] = lru_cache(maxsize=1024)(self._find_dates)
        """UTC day (YYYY-MM-DD) → the date in the books of each of its 24 hours."""
        self._start = lru_cache(maxsize=1024)(lambda period: self.midnight(BookDate(f"{period}-01")))

    def time_zone(self, period: Month) -> str:
        """The IANA name of the zone whose days are the days of a period (YYYY-MM)."""
        return self._setting(period).time_zone

    def currency(self, period: Month) -> str:
        """What a period is billed in."""
        return self._setting(period).currency

    def currencies(self, time: Effective) -> tuple[str, ...]:
        """What the periods of some time are billed in, in the order of the periods."""
        starts = [None, *(self._start(setting.first_period) for setting in self.settings[1:])]
        held = zip(self.settings, starts, [*starts[1:], None], strict=True)
        return tuple(dict.fromkeys(one.currency for one, start, end in held if time.overlaps(Effective(start, end))))

    def bounds(self, period: Month) -> tuple[datetime, datetime]:
        """Start (inclusive) and end (exclusive) in UTC. Raises `InvalidConfig` unless the period is a month."""
        month(period)
        return self._start(period), self._start(next_period(period))

    def time_of(self, period: Month) -> Effective:
        """The time of a period. Raises `InvalidConfig` unless the period is a month."""
        return Effective(*self.bounds(period))

    def period_of(self, moment: datetime) -> Month:
        """The period that a moment belongs to."""
        local = Month(f"{moment.astimezone(UTC):%Y-%m}")
        if moment < self._start(local):
            return previous_period(local)
        after = next_period(local)
        return after if moment >= self._start(after) else local

    def date_of(self, moment: datetime) -> BookDate:
        """The date in the books (YYYY-MM-DD): the zone's own, kept within the period where the zone changes."""
        period = self.period_of(moment)
        date = BookDate(f"{moment.astimezone(ZoneInfo(self.time_zone(period))):%Y-%m-%d}")
        days = dates_of(period)
        return min(max(date, days[0]), days[-1])

    def midnight(self, date: BookDate) -> datetime:
        """When a date of the books (YYYY-MM-DD) begins; where clocks skip its midnight, the first moment after it."""
        zone = ZoneInfo(self.time_zone(month_of(date)))
        return datetime.fromisoformat(date).replace(tzinfo=zone).astimezone(UTC)

    def utc_days(self, period: Month) -> list[UtcDay]:
        """The UTC days that a period touches, ascending."""
        start, end = self.bounds(period)
        return days_between(utc_day(start), utc_day(end - _HOUR))

    def rows(self) -> list[tuple[str, ...]]:
        """The settings as plain values, for digests."""
        return [astuple(setting) for setting in self.settings]

    def _setting(self, period: Month) -> BooksSetting:
        index = bisect_right(self.settings, period, key=lambda setting: setting.first_period) - 1
        return self.settings[max(index, 0)]

    def _find_dates(self, day: UtcDay) -> tuple[BookDate, ...]:
        return tuple(self.date_of(start_of(day) + hour * _HOUR) for hour in range(24))


def next_period(period: Month) -> Month:
    """The month after."""
    year, number = map(int, period.split("-"))
    return Month(f"{year + number // 12:04}-{number % 12 + 1:02}")


def previous_period(period: Month) -> Month:
    """The month before."""
    year, number = map(int, period.split("-"))
    return Month(f"{year:04}-{number - 1:02}" if number > 1 else f"{year - 1:04}-12")


def _faults(settings: tuple[BooksSetting, ...]) -> Iterator[str]:
    if not settings:
        yield "books: names no time zone and currency"
    for index, setting in enumerate(settings):
        place = f"books[{index}]"
        try:
            month(setting.first_period)
        except InvalidConfig as error:
            yield f"{place}.from: {error}"
        if fault := _zone_fault(setting.time_zone):
            yield f"{place}.timeZone: {fault}"
        if fault := currency_fault(setting.currency):
            yield f"{place}.currency: {fault}"
    for index, (earlier, later) in enumerate(pairwise(settings), 1):
        if later.first_period <= earlier.first_period:
            yield f"books[{index}].from: {later.first_period!r} is not after {earlier.first_period!r}"


@lru_cache(maxsize=64)
def _zone_fault(name: str) -> str:
    """What keeps a zone from being that of the books; empty where nothing does."""
    try:
        zone = None if name in _OF_THE_MACHINE else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
    if zone is None:
        return f"there is no time zone {name!r}; use an IANA name such as Europe/Berlin"
    offset = _broken_offset(zone)
    if offset is None:
        return ""
    return (
        f"{name} is {offset:%z} from UTC at {offset:%Y-%m-%d %H:%M}, and usage is counted by the whole UTC hour; "
        "choose a zone whose clocks differ from UTC by whole hours"
    )


def _broken_offset(zone: ZoneInfo) -> datetime | None:
    """A moment at which the zone is not whole hours from UTC or changes within an hour, in the years that matter."""
    first, last = _CHECKED_YEARS
    moment, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
    before = moment.astimezone(zone).utcoffset()
    while moment < end:
        local = moment.astimezone(zone)
        offset = local.utcoffset()
        if offset is None or offset % _HOUR or (offset != before and _changes_within_an_hour(zone, moment)):
            return local
        moment, before = moment + timedelta(days=1), offset
    return None


def _changes_within_an_hour(zone: ZoneInfo, until: datetime) -> bool:
    hours = (until - number * _HOUR for number in range(1, 25))
    last = timedelta(minutes=59, seconds=59)
    return any(hour.astimezone(zone).utcoffset() != (hour + last).astimezone(zone).utcoffset() for hour in hours)
