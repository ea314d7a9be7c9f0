from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.terms.retention import RetentionRule
from chargeback.domain.time.months import Month, dates_of


@pytest.mark.parametrize(
    ("period", "ends", "years", "until"),
    [
        ("2026-03", 12, 10, date(2036, 12, 31)),
        ("2026-12", 12, 10, date(2036, 12, 31)),
        ("2026-06", 6, 10, date(2036, 6, 30)),
        ("2026-07", 6, 10, date(2037, 6, 30)),
        ("2026-03", 2, 1, date(2028, 2, 29)),
    ],
)
def test_a_period_is_kept_for_years_after_the_end_of_its_fiscal_year(
    period: str, ends: int, years: int, until: date
) -> None:
    assert RetentionRule(ends, years).kept_until(Month(period)) == until


@given(st.integers(2000, 2090), st.integers(1, 12), st.integers(1, 12), st.integers(1, 100))
def test_no_period_is_kept_for_less_than_the_years_or_more_than_the_longest_time(
    year: int, number: int, ends: int, years: int
) -> None:
    rule, period = RetentionRule(ends, years), Month(f"{year}-{number:02}")
    closed = date.fromisoformat(dates_of(period)[-1])

    kept = (rule.kept_until(period) - closed).days

    assert 365 * years <= kept <= rule.longest_days + 1
    assert (rule.kept_until(period) + timedelta(days=1)).day == 1
