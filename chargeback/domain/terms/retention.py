"""Until when the files of a closed period have to be kept: some years from the end of its fiscal year."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from chargeback.domain.time.calendar import next_period
from chargeback.domain.time.months import Month, dates_of

MOST_YEARS = 100
_LEAP_CYCLE = 48
"""Months after which the lengths of months and years come again."""


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long closed periods are kept.

    Attributes:
        fiscal_year_end: the last month of the fiscal year, 1 to 12.
        years: full years after the end of the fiscal year that a period belongs to, 1 to 100.
    """

    fiscal_year_end: int
    years: int

    def kept_until(self, period: Month) -> date:
        """The last day on which the files of a period have to be there."""
        year, number = map(int, period.split("-"))
        ends = year + (number > self.fiscal_year_end) + self.years
        return date(ends, self.fiscal_year_end, monthrange(ends, self.fiscal_year_end)[1])

    @property
    def longest_days(self) -> int:
        """The most days that pass from the end of a period until its files may go."""
        period, longest = Month("2024-01"), 0
        for _ in range(_LEAP_CYCLE):
            longest = max(longest, (self.kept_until(period) - date.fromisoformat(dates_of(period)[-1])).days)
            period = next_period(period)
        return longest
