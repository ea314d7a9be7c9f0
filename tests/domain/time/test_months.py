"""A billing period is named after its month."""

import pytest

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.months import dates_of


@pytest.mark.parametrize(("period", "days"), [("2026-02", 28), ("2028-02", 29), ("2026-04", 30), ("2026-12", 31)])
def test_a_month_has_its_days(period: str, days: int) -> None:
    found = dates_of(period)

    assert len(found) == days
    assert (found[0], found[-1]) == (f"{period}-01", f"{period}-{days}")


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "2026-1", "202601", "", "2026-01-01", "٢٠٢٦-01", " 2026-01"])
def test_what_is_no_month_is_named_in_the_error(text: str) -> None:
    with pytest.raises(InvalidConfig, match="is not a month such as 2026-03"):
        dates_of(text)


@pytest.mark.parametrize("text", ["0000-01", "1969-12", "2200-01"])
def test_a_month_that_no_usage_can_be_of_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfig, match="is not between 1970-01 and 2199-12"):
        dates_of(text)
