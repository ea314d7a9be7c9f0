"""How a closed period is corrected: for late usage, a wrong price, and usage of a time before the books."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from chargeback.domain.errors import ClosingRefused, InvalidConfig, PeriodClosed, SomeFailed
from chargeback.domain.periods.lifecycle import PeriodChange
from chargeback.domain.terms.shared_costs import Per
from chargeback.domain.terms.terms import ClosingRules, ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.services.closing.correct_period import CorrectionResult, correct_period
from chargeback.services.closing.late_changes import late_changes
from chargeback.services.closing.publish_drafts import Drafts
from chargeback.services.configuring.apply_config import apply_config, bring_into_force
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct, priced, published_for_real
from tests.support.shared_fees import fee

pytestmark = pytest.mark.anyio

MAY = datetime(2026, 5, 1, tzinfo=UTC)
LATER = MAY + timedelta(days=9)
MILLION = tokens(1_000_000, 0)


async def two_months() -> ClosingProduct:
    """A call of a million tokens on each of two days of March and one of April, at 2.50; March is closed."""
    in_memory = ClosingProduct()
    for day in ("2026-03-05", "2026-03-20", "2026-04-10"):
        await in_memory.ingest([usage_event(id=day, time=f"{day}T09:00:00Z", usage=MILLION)], MAY)
    await in_memory.auditor.audit(MAY)
    await in_memory.close("2026-03", MAY)
    return in_memory


async def correct(in_memory: ClosingProduct, period: str = "2026-03") -> CorrectionResult:
    change = PeriodChange("rated anew", LATER, "ann", "the contract says otherwise")
    return await correct_period(period, in_memory.closing_books, in_memory.ledger, change)


def totals(billed: dict[tuple[str, ...], tuple[int, Decimal]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for (period, *_), (_, cost) in billed.items():
        sums[period] = sums.get(period, Decimal(0)) + cost
    return sums


async def test_nothing_is_late_where_nothing_changed() -> None:
    in_memory = await two_months()
    await in_memory.auditor.audit_day("2026-03-05", LATER)

    assert await late_changes(in_memory.periods, in_memory.books, in_memory.catalogue.calendar) == []


async def test_late_usage_makes_its_day_one_to_compare_until_it_is_billed() -> None:
    in_memory = await two_months()
    await in_memory.ingest([usage_event(time="2026-03-20T23:59:59Z", usage=MILLION)], LATER)
    await in_memory.auditor.audit(LATER)

    (late,) = await late_changes(in_memory.periods, in_memory.books, in_memory.catalogue.calendar)
    await in_memory.close("2026-04", LATER)
    rest = await late_changes(in_memory.periods, in_memory.books, in_memory.catalogue.calendar)

    assert (late.period, list(late.days), late.billed) == ("2026-03", ["2026-03-20"], ("2026-03",))
    assert rest == []
    assert totals(await in_memory.billed()) == {"2026-03": Decimal("7.5"), "2026-04": Decimal("2.5")}


async def test_a_price_corrected_in_config_alone_changes_no_closed_period() -> None:
    in_memory = await two_months()
    in_memory.catalogues.catalogue = priced("2")

    await in_memory.auditor.audit_day("2026-03-05", LATER)
    await in_memory.auditor.audit_day("2026-04-10", LATER)
    await in_memory.publish_drafts(LATER)

    assert totals(await in_memory.billed()) == {"2026-03": Decimal("5.0"), "2026-04": Decimal("2")}


async def test_a_corrected_period_keeps_its_files_and_the_open_one_carries_the_difference() -> None:
    in_memory = await two_months()
    files = dict(in_memory.closed.files)
    in_memory.catalogues.catalogue = priced("2")

    done = await correct(in_memory)
    await in_memory.publish_drafts(LATER)

    corrections = {
        key: value
        for key, value in in_memory.read("2026-04").items()
        if key[0] == "2026-03"  # what it is for
    }
    assert (done.days, done.lines, done.cost) == (2, 2, Decimal("-1.0"))
    assert [cost for _, cost in corrections.values()] == [Decimal("-0.5"), Decimal("-0.5")]
    assert in_memory.closed.files == files
    known, _ = await in_memory.periods.get("2026-03")
    assert known.version != known.closed_with
    assert (known.history[-1].what, known.history[-1].by) == ("rated anew", "ann")
    assert known.history[-1].reason == "the contract says otherwise"


async def test_correcting_twice_corrects_once_and_back_again_takes_it_back() -> None:
    in_memory = await two_months()
    in_memory.catalogues.catalogue = priced("2")
    await correct(in_memory)
    again = await correct(in_memory)
    await in_memory.close("2026-04", LATER)

    in_memory.catalogues.catalogue = priced("2.5")
    await correct(in_memory)
    await in_memory.publish_drafts(LATER)

    assert (again.days, again.lines) == (0, 0)
    assert totals(await in_memory.billed())["2026-03"] == Decimal("5.0")
    assert totals(in_memory.read("2026-04"))["2026-03"] == Decimal("-1.0")
    assert totals(in_memory.read("2026-05"))["2026-03"] == Decimal("1.0")


async def test_a_correction_that_was_killed_is_completed_by_the_nightly_audit() -> None:
    in_memory = await two_months()
    in_memory.catalogues.catalogue = priced("2")
    audit_day = in_memory.auditor.audit_day

    async def die(day: str, now: datetime) -> None:
        raise KeyboardInterrupt

    in_memory.auditor.audit_day = die  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        await correct(in_memory)
    in_memory.auditor.audit_day = audit_day  # type: ignore[method-assign]

    await in_memory.auditor.audit(LATER)
    await in_memory.publish_drafts(LATER)

    assert totals(await in_memory.billed())["2026-03"] == Decimal(4)


async def test_a_period_whose_ledger_is_gone_is_not_recounted_from_nothing() -> None:
    in_memory = await two_months()
    del in_memory.ledger.events["2026-03-05"]
    in_memory.catalogues.catalogue = priced("2")

    with pytest.raises(PeriodClosed, match=r"the ledger of 2026-03-05 is no longer kept in whole"):
        await correct(in_memory)

    assert (await in_memory.periods.get("2026-03"))[0].history[-1].what == "closed"


async def test_a_period_of_whose_ledger_a_part_is_gone_is_not_recounted_from_the_rest() -> None:
    in_memory = await two_months()
    await in_memory.ingest([usage_event(id="2", time="2026-03-05T10:00:00Z", usage=MILLION)], LATER)
    await in_memory.auditor.audit(LATER)
    del in_memory.ledger.events["2026-03-05"][0]
    in_memory.catalogues.catalogue = priced("2")

    with pytest.raises(PeriodClosed, match=r"the ledger of 2026-03-05 is no longer kept in whole"):
        await correct(in_memory)

    assert (await in_memory.periods.get("2026-03"))[0].history[-1].what == "closed"


async def test_a_late_event_after_the_ledger_of_a_billed_day_expired_returns_nothing() -> None:
    # Five times 8 000 million tokens at 2.50 are 100 000; the late event is 1 000 tokens, 0.0025.
    in_memory = published_for_real(ClosingProduct())
    large = tokens(8_000_000_000, 0)
    await in_memory.ingest([usage_event(id=f"{n}", time="2026-03-05T09:00:00Z", usage=large) for n in range(5)], MAY)
    await in_memory.auditor.audit(MAY)
    await in_memory.close("2026-03", MAY)
    in_memory.ledger.events["2026-03-05"].clear()
    await in_memory.ingest([usage_event(id="late", time="2026-03-05T10:00:00Z", usage=tokens(1_000, 0))], LATER)

    with pytest.raises(SomeFailed, match="shorter than at the last audit"):
        await in_memory.auditor.audit(LATER)
    await in_memory.publish_drafts(LATER)

    charged = [cost for _, cost in in_memory.charged().values() if cost]
    assert charged == [Decimal(100_000)]
    assert list(await in_memory.ledger.marks()) == ["2026-03-05"]
    in_memory.catalogues.catalogue = priced("2")
    with pytest.raises(PeriodClosed, match="no longer kept in whole"):
        await correct(in_memory)


async def test_usage_of_a_time_before_the_first_closed_period_is_a_correction_in_the_open_one() -> None:
    in_memory = await two_months()
    await in_memory.ingest([usage_event(id="old", time="2026-01-07T09:00:00Z", usage=MILLION)], LATER)
    await in_memory.auditor.audit(LATER)

    await in_memory.close("2026-04", LATER)
    await in_memory.publish_drafts(LATER)

    assert totals(in_memory.read("2026-04")) == {"2026-01": Decimal("2.5"), "2026-04": Decimal("2.5")}
    assert in_memory.read("2026-05") == {}
    with pytest.raises(PeriodClosed, match="2026-01 lies before 2026-03, the first closed period"):
        await Drafts(in_memory.closing_books, in_memory.closer).publish("2026-01", LATER)
    with pytest.raises(ClosingRefused, match="it lies before 2026-05, where the open books begin"):
        await in_memory.close("2026-01", LATER)


async def test_usage_of_a_time_before_the_first_exchange_rate_is_billed_at_that_one_and_stops_no_month() -> None:
    calendar = Calendar((BooksSetting("2026-01", "UTC", "EUR"),))
    rate = ExchangeRate("USD", "EUR", Decimal("0.5"), "2026-03-02", "bank")
    rates = Terms(exchange_rates=[rate], closing=ClosingRules(rate_age=timedelta(days=60)))
    in_memory = published_for_real(ClosingProduct(catalogue=priced(calendar=calendar), terms=rates))
    for day in ("2026-03-05", "2026-04-10"):
        await in_memory.ingest([usage_event(id=day, time=f"{day}T09:00:00Z", usage=MILLION)], MAY)
    await in_memory.auditor.audit(MAY)
    await in_memory.close("2026-03", MAY)
    await in_memory.ingest([usage_event(id="old", time="2026-01-05T09:00:00Z", usage=MILLION)], MAY)
    await in_memory.auditor.audit(MAY)

    await in_memory.close("2026-04", MAY)

    costs = {key[:2]: cost for key, (_, cost) in in_memory.charged().items() if cost}
    assert costs == {
        ("2026-01", "2026-01-05"): Decimal("1.25"),
        ("2026-03", "2026-03-05"): Decimal("1.25"),
        ("2026-04", "2026-04-10"): Decimal("1.25"),
    }


async def test_a_cost_that_comes_too_late_for_its_month_is_refused_and_nothing_is_applied() -> None:
    in_memory = await two_months()
    late = Terms(shared_costs=[fee("500", per=Per.PERIOD, period="2026-03")])

    with pytest.raises(InvalidConfig, match="gateway: is charged in 2026-03, which was closed without it"):
        await apply_config(in_memory.control, in_memory.catalogues, in_memory.catalogue, late, {}, by="ann", now=LATER)

    assert await in_memory.control.all("catalogue") == []


async def test_an_exchange_rate_that_comes_after_closing_says_how_the_closed_month_gets_it() -> None:
    calendar = Calendar((BooksSetting("2026-01", "UTC", "EUR"),))
    of_february = ExchangeRate("USD", "EUR", Decimal("0.5"), "2026-02-28", "bank")
    of_march = ExchangeRate("USD", "EUR", Decimal("0.6"), "2026-03-31", "bank")
    rules = ClosingRules(rate_age=timedelta(days=60))
    in_memory = ClosingProduct(priced(calendar=calendar), Terms(exchange_rates=[of_february], closing=rules))
    await in_memory.ingest([usage_event(id="a", time="2026-03-05T09:00:00Z", usage=MILLION)], MAY)
    await in_memory.close("2026-03", MAY)
    both = Terms(exchange_rates=[of_february, of_march], closing=rules)

    brought = await bring_into_force(
        in_memory.control, in_memory.catalogues, in_memory.ledger, in_memory.catalogue, both, {}, by="ann", now=LATER
    )

    assert brought.terms[-1] == (
        "exchange rate USD/EUR of 2026-03-31: 2026-03 is closed and keeps that of 2026-02-28;"
        " `chargeback periods correct 2026-03` bills the difference"
    )
    in_memory.catalogues.settled_by = both
    assert (await correct(in_memory)).rates == (of_march,)
