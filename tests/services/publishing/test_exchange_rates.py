"""Books in EUR with prices in USD: a rate is of the month, and a wrong one is corrected after closing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from chargeback.domain.errors import ClosingRefused
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodChange
from chargeback.domain.terms.terms import ClosingRules, ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.services.closing.correct_period import CorrectionResult, correct_period
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingHouse, priced, published_for_real

pytestmark = pytest.mark.anyio

EUROS = Calendar((BooksSetting("2026-01", "UTC", "EUR"),))
APRIL_4 = datetime(2026, 4, 4, 1, tzinfo=UTC)
APRIL_6 = datetime(2026, 4, 6, tzinfo=UTC)


def rate(date: str, amount: str) -> ExchangeRate:
    return ExchangeRate("USD", "EUR", Decimal(amount), date, "the bank")


FEBRUARY, MARCH = rate("2026-02-28", "0.90"), rate("2026-03-31", "0.80")


async def march(*rates: ExchangeRate, **rules: int) -> ClosingHouse:
    """100 000 USD of usage: 40 000 million tokens at 2.50."""
    closing = ClosingRules(**{name: timedelta(days=days) for name, days in rules.items()})
    house = published_for_real(ClosingHouse(priced("2.5", EUROS), Terms(exchange_rates=rates, closing=closing)))
    large = tokens(8_000_000_000, 0)
    await house.ingest([usage_event(id=f"{n}", time="2026-03-05T09:00:00Z", usage=large) for n in range(5)], APRIL_4)
    return house


def costs(house: ClosingHouse) -> dict[str, Decimal]:
    """What is charged for March, by the month that charges it."""
    sums: dict[str, Decimal] = {}
    for period, files in (("2026-03", house.closed.files), ("2026-04", house.reports.files)):
        for line in files.get(f"{period}/summary-{period}.csv", b"").decode().splitlines()[1:]:
            sums[period] = sums.get(period, Decimal(0)) + Decimal(line.split(",")[3])
    return sums


async def test_a_month_does_not_close_by_itself_at_the_rate_of_the_month_before() -> None:
    house = await march(FEBRUARY)

    (refused,) = await house.closer.close_due(APRIL_4)

    assert isinstance(refused, ClosingRefused)
    assert refused.reasons == [
        "the exchange rate from USD to EUR is from 2026-02-28, 31 days before the month's end; allowed are 7;"
        " add the month's rate to books.yaml, then `config apply`"
    ]
    closed = await house.close("2026-03", APRIL_4)
    assert closed.history[-1].overridden[0].startswith("the exchange rate from USD to EUR is from 2026-02-28")


async def test_the_greatest_age_is_a_rule_of_closing() -> None:
    house = await march(FEBRUARY, rate_age=31)

    (closed,) = await house.closer.close_due(APRIL_4)

    assert isinstance(closed, BillingPeriod)


async def correct(house: ClosingHouse, *rates: ExchangeRate) -> CorrectionResult:
    house.catalogues.settled_by = Terms(exchange_rates=rates)
    change = PeriodChange("rated anew", APRIL_6, "ann", "the rate of March came on the 5th")
    return await correct_period("2026-03", house.closing_books, house.ledger, change)


async def test_a_wrong_rate_is_corrected_after_closing_once_and_linked() -> None:
    # 90 000 EUR at 0.90 were billed; at 0.80 it is 80 000.
    house = await march(FEBRUARY)
    await house.close("2026-03", APRIL_4, override="the bank is late")
    before = dict(house.closed.files)

    done = await correct(house, FEBRUARY, MARCH)
    await house.publish_drafts(APRIL_6)
    drafted = costs(house)
    await house.publish_drafts(APRIL_6)

    assert done.rates == (MARCH,)
    assert house.closed.files == before
    assert drafted == costs(house) == {"2026-03": 90_000, "2026-04": -10_000}
    (line,) = [
        each for each in house.reports.files["2026-04/chargeback-2026-04.csv"].decode().splitlines() if "corr" in each
    ][1:]
    assert ",2026-03," in line
    assert ",0.8,2026-03-31,the bank" in line


async def test_a_rate_is_corrected_again_and_once_billed_the_difference_is_zero() -> None:
    house = await march(FEBRUARY)
    await house.close("2026-03", APRIL_4, override="the bank is late")
    await correct(house, FEBRUARY, MARCH)
    may = datetime(2026, 5, 6, tzinfo=UTC)
    await house.close("2026-04", may, override="none of April yet")

    await correct(house, FEBRUARY, rate("2026-03-31", "0.85"))
    await house.publish_drafts(may)

    charged = [cost for _, cost in house.charged().values() if cost]
    assert charged == [85_000]


async def test_a_rate_is_corrected_though_the_ledger_is_no_longer_kept() -> None:
    house = await march(FEBRUARY)
    await house.close("2026-03", APRIL_4, override="the bank is late")
    house.ledger.events.clear()

    await correct(house, FEBRUARY, MARCH)
    await house.publish_drafts(APRIL_6)

    assert costs(house)["2026-04"] == -10_000
