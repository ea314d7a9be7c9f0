"""Closing a period: what it waits for, what it holds fast, and what a kill between any two steps leaves to be done."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.payers import Payers
from chargeback.domain.errors import ClosingRefused, PeriodClosed, Superseded
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.terms.terms import ClosingRules, Terms
from chargeback.domain.usage.meters import Meter
from chargeback.services.closing.finish_days import ClosingRequest
from tests.support.builders import tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.closing_march import AFTER_GRACE, APRIL, march
from tests.support.closing_product import ClosingProduct, priced

pytestmark = pytest.mark.anyio


FILES = ["2026-03/bill-2026-03.json", "2026-03/hub/manifest.json", "2026-03/manifest.json"]


async def test_a_closed_period_has_its_files_once_and_no_draft() -> None:
    in_memory = await march()
    await in_memory.publish_drafts(APRIL)

    closed = await in_memory.close("2026-03", AFTER_GRACE)

    assert (closed.state, closed.is_filed) == (PeriodState.CLOSED, True)
    assert sorted(in_memory.closed.files) == FILES
    assert [path for path in in_memory.reports.files if path.startswith("2026-03")] == []
    assert sum(cost for _, cost in (await in_memory.billed()).values()) == Decimal("15.0")  # 6 x 2.50


async def test_the_history_says_who_closed_when_and_with_what() -> None:
    in_memory = await march()

    closed = await in_memory.close("2026-03", AFTER_GRACE, by="ann")

    version = (await in_memory.catalogues.version()).name
    assert [(change.what, change.by, change.at) for change in closed.history] == [
        ("closing", "ann", AFTER_GRACE),
        ("closed", "ann", AFTER_GRACE),
    ]
    assert closed.history[-1].version == closed.version == closed.closed_with == version


async def test_closing_twice_changes_nothing() -> None:
    in_memory = await march()
    first = await in_memory.close("2026-03", AFTER_GRACE)
    files = dict(in_memory.closed.files)

    second = await in_memory.close("2026-03", AFTER_GRACE + timedelta(days=9), by="bob")

    assert second == first
    assert in_memory.closed.files == files


async def test_a_day_that_was_never_audited_or_posted_is_final_when_the_period_closes() -> None:
    in_memory = await march()
    await in_memory.ledger.append(
        "2026-03-05", [usage_event(id="lost", time="2026-03-05T10:00:00Z", usage=tokens(5, 0))]
    )
    await in_memory.ledger.mark("2026-03-20")

    await in_memory.close("2026-03", AFTER_GRACE)

    assert (
        sum(quantity for (*_, meter), (quantity, _) in (await in_memory.billed()).items() if meter == "requests") == 7
    )
    assert await in_memory.ledger.marks() == {}


async def test_a_period_that_has_not_ended_stays_open() -> None:
    in_memory = await march()

    with pytest.raises(ClosingRefused, match="it ends at 2026-04-01 00:00 UTC; until then it is open"):
        await in_memory.close("2026-03", APRIL - timedelta(microseconds=1))

    assert await in_memory.control.get("period", "2026-03") is None


async def test_a_person_may_close_within_the_grace_period_and_the_timer_may_not() -> None:
    in_memory = await march()

    by_timer = await in_memory.closer.close_due(AFTER_GRACE - timedelta(microseconds=1))
    with pytest.raises(ClosingRefused, match="its grace period ends at 2026-04-04 00:00 UTC"):
        await in_memory.closer.close("2026-03", ClosingRequest("timer", APRIL, by_timer=True))
    closed = await in_memory.close("2026-03", APRIL)

    assert by_timer == []
    assert closed.state is PeriodState.CLOSED


async def test_the_timer_closes_what_is_due_in_order_with_empty_months_between() -> None:
    in_memory = await march()
    await in_memory.ingest([usage_event(time="2026-01-31T23:59:59Z")], APRIL)
    in_memory.catalogues.settled_by = Terms(closing=ClosingRules(unpriced_percent=Decimal(100)))

    outcomes = await in_memory.closer.close_due(AFTER_GRACE)

    assert [each.month for each in outcomes] == ["2026-01", "2026-02", "2026-03"]
    assert in_memory.closed.files["2026-02/bill-2026-02.json"] == b"[]"


async def test_periods_close_in_order() -> None:
    in_memory = await march()
    await in_memory.ingest([usage_event(time="2026-02-01T00:00:00Z")], APRIL)

    with pytest.raises(ClosingRefused, match="2026-02 is not closed yet, and periods close in order"):
        await in_memory.close("2026-03", AFTER_GRACE)


UNPRICED = [usage_event(id=f"u{n}", time=f"2026-03-07T0{n}:00:00Z", usage=tokens(0, 10)) for n in range(2)]
PENDING = usage_event(id="p", type="pending", time="2026-03-08T08:00:00Z")


async def test_what_cannot_be_billed_exactly_keeps_a_period_open_and_every_reason_is_named() -> None:
    in_memory = await march()
    await in_memory.ingest([*UNPRICED, PENDING], APRIL)

    with pytest.raises(ClosingRefused) as refused:
        await in_memory.close("2026-03", AFTER_GRACE)

    assert refused.value.reasons == [
        "1 of 9 requests (11.111 %) is unsettled: calls whose usage is not known; allowed are 0 %;"
        " run `chargeback settle`, and see why the gateway's log has no counts",
        "2 of 9 requests (22.222 %) are unpriced: gpt-4o (gpt-4o-2024-11-20): 1 rows; allowed are 0 %;"
        " add the prices or deployments to config/, then `chargeback config apply`",
    ]
    assert "--override --reason TEXT" in str(refused.value)
    assert (await in_memory.periods.get("2026-03"))[0].state is PeriodState.OPEN


async def test_a_tolerance_is_of_the_requests_and_its_bound_is_allowed() -> None:
    in_memory = await march()
    await in_memory.ingest(UNPRICED, APRIL)  # 2 of 8 requests

    in_memory.catalogues.settled_by = Terms(closing=ClosingRules(unpriced_percent=Decimal("24.999")))
    with pytest.raises(ClosingRefused, match=r"25\.000 %"):
        await in_memory.close("2026-03", AFTER_GRACE)
    in_memory.catalogues.settled_by = Terms(closing=ClosingRules(unpriced_percent=Decimal(25)))
    closed = await in_memory.close("2026-03", AFTER_GRACE)

    assert closed.state is PeriodState.CLOSED


async def test_one_large_batch_without_a_price_does_not_pass_among_a_thousand_calls() -> None:
    # 0.1 % of 1 000 requests may be unpriced; its 4 000 million output tokens are worth 10 000 at 2.50 a million.
    in_memory = await march()
    in_memory.catalogues.catalogue = catalogue(
        dated(Meter.INPUT, (START, "2.5")),
        dated(Meter.OUTPUT, (START, "2.5"), model="other"),
        account="oai-swedencentral",
    )
    calls = [usage_event(id=f"n{n}", time="2026-03-09T09:00:00Z", usage=tokens(1, 0)) for n in range(993)]
    batch = usage_event(id="b", time="2026-03-10T10:00:00Z", usage=tokens(0, 4_000_000_000))
    await in_memory.ingest([*calls, batch], APRIL)
    tolerant = ClosingRules(unpriced_percent=Decimal("0.1"), unpriced_amount=Decimal(10))
    in_memory.catalogues.settled_by = Terms(closing=tolerant)

    with pytest.raises(ClosingRefused) as refused:
        await in_memory.close("2026-03", AFTER_GRACE)

    assert refused.value.reasons == [
        "what is unpriced is worth about 10\u202f000.00 USD; allowed are 10 USD;"
        " add the prices or deployments to config/, then `chargeback config apply`"
    ]
    in_memory.catalogues.settled_by = Terms(closing=replace(tolerant, unpriced_amount=Decimal(10_000)))
    assert (await in_memory.close("2026-03", AFTER_GRACE)).state is PeriodState.CLOSED


async def test_the_dearest_price_may_be_that_of_a_payer_with_a_markup() -> None:
    # A million tokens of output that nobody has priced: 2.50 for most, 5 for research.
    output = dated(Meter.OUTPUT, (START, "2.5"), model="other")
    card = catalogue(dated(Meter.INPUT, (START, "2.5")), output, account="oai-swedencentral")
    marked_up = Payers({"research": dated(Meter.OUTPUT, (START, "5"), model="other")})
    in_memory = ClosingProduct(
        Catalogue(card.currency, card.prices, card.deployments, card.allocation, payers=marked_up),
        Terms(closing=ClosingRules(unpriced_percent=Decimal(100), unpriced_amount=Decimal("2.5"))),
    )
    await in_memory.ingest([usage_event(id="b", time="2026-03-10T10:00:00Z", usage=tokens(0, 1_000_000))], APRIL)

    with pytest.raises(ClosingRefused, match=r"what is unpriced is worth about 5\.00 USD; allowed are 2\.5 USD"):
        await in_memory.close("2026-03", AFTER_GRACE)


async def test_what_no_price_can_value_passes_no_amount() -> None:
    in_memory = await march()
    await in_memory.ingest(UNPRICED, APRIL)
    in_memory.catalogues.settled_by = Terms(
        closing=ClosingRules(unpriced_percent=Decimal(25), unpriced_amount=Decimal(10**9))
    )

    with pytest.raises(ClosingRefused, match="what is unpriced is worth nobody can say how much"):
        await in_memory.close("2026-03", AFTER_GRACE)


async def test_streams_without_counts_are_worth_what_calls_cost_on_average() -> None:
    # Six calls of 2.50; one pending.
    in_memory = await march()
    await in_memory.ingest([PENDING], APRIL)
    rules = ClosingRules(unsettled_percent=Decimal(100), unsettled_amount=Decimal("2.49"))
    in_memory.catalogues.settled_by = Terms(closing=rules)

    with pytest.raises(ClosingRefused, match=r"what is unsettled is worth about 2\.50 USD; allowed are 2\.49 USD"):
        await in_memory.close("2026-03", AFTER_GRACE)
    in_memory.catalogues.settled_by = Terms(closing=replace(rules, unsettled_amount=Decimal("2.50")))
    assert (await in_memory.close("2026-03", AFTER_GRACE)).state is PeriodState.CLOSED


async def test_estimated_cost_has_a_limit_of_its_own_as_share_and_amount() -> None:
    # 15 exact and 125 estimated: 89 % of 140.
    in_memory = await march()
    estimated = {"usageSource": "estimated", "usage": tokens(50_000_000, 0)}
    await in_memory.ingest([usage_event(id="e", type="settled", time="2026-03-09T10:00:00Z", **estimated)], APRIL)

    with pytest.raises(ClosingRefused, match=r"125\.00 USD of 140\.00 rest on estimates; allowed are 1 % or 100 USD"):
        await in_memory.close("2026-03", AFTER_GRACE)
    in_memory.catalogues.settled_by = Terms(closing=ClosingRules(estimated_amount=Decimal(125)))
    assert (await in_memory.close("2026-03", AFTER_GRACE)).state is PeriodState.CLOSED


async def test_an_override_closes_on_the_record() -> None:
    in_memory = await march()
    await in_memory.ingest([PENDING], APRIL)

    closed = await in_memory.close("2026-03", AFTER_GRACE, override="agreed with finance")

    assert closed.history[-1].reason == "agreed with finance"
    assert closed.history[-1].overridden[0].startswith("1 of 7 requests (14.286 %) is unsettled")


async def test_an_override_does_not_close_what_has_not_ended() -> None:
    in_memory = await march()
    await in_memory.ingest([PENDING], APRIL - timedelta(hours=1))
    await in_memory.auditor.audit_day("2026-03-08", APRIL - timedelta(hours=1))

    with pytest.raises(ClosingRefused) as refused:
        await in_memory.close("2026-03", APRIL - timedelta(hours=1), override="hurry")

    assert len(refused.value.reasons) == 2
    assert "--override" not in str(refused.value)


async def test_books_that_change_while_they_are_published_are_published_again() -> None:
    in_memory = await march()
    late = [usage_event(id="late", time="2026-03-31T23:59:59Z", usage=tokens(1_000_000, 0))]

    async def once() -> None:
        if late:
            await in_memory.ingest([late.pop()], AFTER_GRACE)

    in_memory.bill.after = once
    await in_memory.close("2026-03", AFTER_GRACE)

    assert sum(cost for _, cost in (await in_memory.billed()).values()) == Decimal("17.5")


async def test_a_catalogue_applied_while_a_period_is_published_is_what_it_closes_with() -> None:
    in_memory = await march()

    async def apply() -> None:
        in_memory.catalogues.catalogue = priced("5")

    in_memory.bill.after = apply
    closed = await in_memory.close("2026-03", AFTER_GRACE)

    assert closed.version == (await in_memory.catalogues.version()).name
    assert sum(cost for _, cost in (await in_memory.billed()).values()) == Decimal(30)


async def test_books_that_never_rest_are_not_closed() -> None:
    in_memory = await march()
    numbers = iter(range(100))

    async def again() -> None:
        await in_memory.ingest([usage_event(id=f"l{next(numbers)}", time="2026-03-31T23:00:00Z")], AFTER_GRACE)

    in_memory.bill.after = again
    in_memory.catalogues.settled_by = Terms(closing=ClosingRules(unpriced_percent=Decimal(100)))

    with pytest.raises(Superseded, match="the books of 2026-03 changed each time"):
        await in_memory.close("2026-03", AFTER_GRACE)

    assert in_memory.closed.files == {}


async def test_of_two_that_close_at_once_one_wins_and_both_agree() -> None:
    in_memory = await march()

    outcomes = await asyncio.gather(
        in_memory.close("2026-03", AFTER_GRACE, by="ann"),
        in_memory.close("2026-03", AFTER_GRACE, by="bob"),
        return_exceptions=True,
    )

    closed, _ = await in_memory.periods.get("2026-03")
    assert any(isinstance(each, Superseded) for each in outcomes)
    assert closed.state is PeriodState.CLOSED
    assert [change.what for change in closed.history].count("closed") == 1
    assert sorted(in_memory.closed.files) == FILES
    assert in_memory.reports.files == {}


async def test_a_closed_file_that_was_tampered_with_is_found() -> None:
    in_memory = await march()
    await in_memory.close("2026-03", AFTER_GRACE)
    before = await in_memory.closer.verified("2026-03")
    in_memory.closed.files["2026-03/bill-2026-03.json"] += b" "

    with pytest.raises(PeriodClosed, match=r"bill-2026-03\.json holds other bytes than it was closed with"):
        await in_memory.closer.verified("2026-03")

    assert [file.path for file in before.files] == FILES[:2]
