"""Books in EUR with prices in USD: a rate is of the month, and a wrong one is corrected after closing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from chargeback.domain.errors import ClosingRefused
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodChange
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.terms.terms import ClosingRules, ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.services.closing.correct_period import CorrectionResult, correct_period
from chargeback.services.closing.find_obstacles import ClosingOutlook
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct, priced, published_for_real

pytestmark = pytest.mark.anyio

EUROS = Calendar((BooksSetting("2026-01", "UTC", "EUR"),))
APRIL_4 = datetime(2026, 4, 4, 1, tzinfo=UTC)
APRIL_6 = datetime(2026, 4, 6, tzinfo=UTC)


def rate(date: str, amount: str) -> ExchangeRate:
    return ExchangeRate("USD", "EUR", Decimal(amount), date, "the bank")


FEBRUARY, MARCH = rate("2026-02-28", "0.90"), rate("2026-03-31", "0.80")


async def march(*rates: ExchangeRate, **rules: int) -> ClosingProduct:
    """100 000 USD of usage: 40 000 million tokens at 2.50."""
    closing = ClosingRules(**{name: timedelta(days=days) for name, days in rules.items()})
    in_memory = published_for_real(ClosingProduct(priced("2.5", EUROS), Terms(exchange_rates=rates, closing=closing)))
    large = tokens(8_000_000_000, 0)
    await in_memory.ingest(
        [usage_event(id=f"{n}", time="2026-03-05T09:00:00Z", usage=large) for n in range(5)], APRIL_4
    )
    return in_memory


def costs(in_memory: ClosingProduct) -> dict[str, Decimal]:
    """What is charged for March, by the month that charges it."""
    sums: dict[str, Decimal] = {}
    for period, files in (("2026-03", in_memory.closed.files), ("2026-04", in_memory.reports.files)):
        for line in files.get(f"{period}/summary-{period}.csv", b"").decode().splitlines()[1:]:
            sums[period] = sums.get(period, Decimal(0)) + Decimal(line.split(",")[3])
    return sums


async def test_a_month_does_not_close_by_itself_at_the_rate_of_the_month_before() -> None:
    in_memory = await march(FEBRUARY)

    (refused,) = await in_memory.closer.close_due(APRIL_4)

    assert isinstance(refused, ClosingRefused)
    assert refused.reasons == [
        "the exchange rate from USD to EUR is from 2026-02-28, 31 days before the month's end; allowed are 7;"
        " add the month's rate to books.yaml, then `chargeback config apply`"
    ]
    closed = await in_memory.close("2026-03", APRIL_4)
    assert closed.history[-1].overridden[0].startswith("the exchange rate from USD to EUR is from 2026-02-28")


async def test_a_month_to_which_no_rate_leads_is_refused_and_no_override_helps() -> None:
    in_memory = await march(rate("2026-04-30", "0.85"))
    fault = (
        "exchangeRates: none from USD to EUR that is dated 2026-03-31 or before, so 2026-03 cannot be settled in EUR;"
        " add the month's rate to books.yaml, then `chargeback config apply`"
    )

    for closer in (None, "ann"):
        found = await ClosingOutlook(in_memory.closing_books, in_memory.reports).of("2026-03", APRIL_4, closer)
        assert (ObstacleKind.RATE, fault, True) in [(each.kind, each.fact, each.is_firm) for each in found]
    (refused,) = await in_memory.closer.close_due(APRIL_4)
    assert isinstance(refused, ClosingRefused)
    assert refused.reasons == [fault]
    with pytest.raises(ClosingRefused, match="cannot be settled in EUR"):
        await in_memory.close("2026-03", APRIL_4, override="the bank is late")


async def test_the_greatest_age_is_a_rule_of_closing() -> None:
    in_memory = await march(FEBRUARY, rate_age=31)

    (closed,) = await in_memory.closer.close_due(APRIL_4)

    assert isinstance(closed, BillingPeriod)


async def correct(in_memory: ClosingProduct, *rates: ExchangeRate) -> CorrectionResult:
    in_memory.catalogues.settled_by = Terms(exchange_rates=rates)
    change = PeriodChange("rated anew", APRIL_6, "ann", "the rate of March came on the 5th")
    return await correct_period("2026-03", in_memory.closing_books, in_memory.ledger, change)


async def test_a_wrong_rate_is_corrected_after_closing_once_and_linked() -> None:
    # 90 000 EUR at 0.90 were billed; at 0.80 it is 80 000.
    in_memory = await march(FEBRUARY)
    await in_memory.close("2026-03", APRIL_4, override="the bank is late")
    before = dict(in_memory.closed.files)

    done = await correct(in_memory, FEBRUARY, MARCH)
    await in_memory.publish_drafts(APRIL_6)
    drafted = costs(in_memory)
    await in_memory.publish_drafts(APRIL_6)

    assert done.rates == (MARCH,)
    assert in_memory.closed.files == before
    assert drafted == costs(in_memory) == {"2026-03": 90_000, "2026-04": -10_000}
    (line,) = [
        each
        for each in in_memory.reports.files["2026-04/chargeback-2026-04.csv"].decode().splitlines()
        if "corr" in each
    ][1:]
    assert ",2026-03," in line
    assert ",0.8,2026-03-31,the bank" in line


async def test_a_rate_is_corrected_again_and_once_billed_the_difference_is_zero() -> None:
    in_memory = await march(FEBRUARY)
    await in_memory.close("2026-03", APRIL_4, override="the bank is late")
    await correct(in_memory, FEBRUARY, MARCH)
    may = datetime(2026, 5, 6, tzinfo=UTC)
    await in_memory.close("2026-04", may, override="none of April yet")

    await correct(in_memory, FEBRUARY, rate("2026-03-31", "0.85"))
    await in_memory.publish_drafts(may)

    charged = [cost for _, cost in in_memory.charged().values() if cost]
    assert charged == [85_000]


async def test_a_rate_is_corrected_though_the_ledger_is_no_longer_kept() -> None:
    in_memory = await march(FEBRUARY)
    await in_memory.close("2026-03", APRIL_4, override="the bank is late")
    in_memory.ledger.events.clear()

    await correct(in_memory, FEBRUARY, MARCH)
    await in_memory.publish_drafts(APRIL_6)

    assert costs(in_memory)["2026-04"] == -10_000
