"""From event to books: the price of the hour and of the tier that served a call; what a changed card rates again."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chargeback.domain.catalogue.adjustments import Adjustment, adjusted
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.changes import changes
from chargeback.domain.time.effective import Effective
from chargeback.domain.usage.meters import Meter
from chargeback.services.configuring.repost import Repost, plan_repost, put_in_force
from tests.support.builders import tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.product_in_memory import ProductInMemory, in_memory

pytestmark = pytest.mark.anyio

CUT = datetime(2026, 3, 20, 13, tzinfo=UTC)
NOW = datetime(2026, 3, 20, 18, tzinfo=UTC)
TODAY, LAST_WEEK, LAST_MONTH = "2026-03-20", "2026-03-12", "2026-02-12"


def card(*steps: tuple[datetime, str], **key: str) -> Catalogue:
    return catalogue(dated(Meter.INPUT, *steps), dated(Meter.OUTPUT, (START, "1")), **key)


OLD = card((START, "2"))


async def call(of: ProductInMemory, time: str, **fields: object) -> None:
    """One call of a million input tokens."""
    usage = tokens(1_000_000, 0)
    event = usage_event(time=time, backend="oai-eastus2.openai.azure.com", usage=usage, **fields)
    assert (await of.ingest.ingest([event], NOW)).accepted == 1


def costs(of: ProductInMemory, day: str) -> dict[str, Decimal | None]:
    """Price id from the tier on → cost."""
    return {
        charge.price_id.partition("GlobalStandard/")[2]: charge.cost
        for record in of.books.days.get(day, {}).values()
        for part in record.parts
        for charge in part.charges
        if charge.meter is Meter.INPUT
    }


async def apply(of: ProductInMemory, new: Catalogue) -> Repost:
    """The new catalogue in force, with the older days marked."""
    before = await of.catalogues.in_force()
    plan = await plan_repost(of.ledger, changes(before.current, new), new.calendar, before.closed, NOW)

    async def replace() -> None:
        of.catalogues.catalogue = new

    await put_in_force(replace, of.ledger, plan)
    return plan


async def test_a_microsecond_decides_which_price_holds() -> None:
    of = in_memory(card((START, "2"), (CUT, "5")))
    for time in ("12:59:59.999999", "13:00:00.000000", "13:00:00.000001"):
        await call(of, f"{TODAY}T{time}Z")

    await of.poster.post(NOW)

    assert costs(of, TODAY) == {
        "default///input_tokens@2024-01-01T00Z": Decimal(2),
        "default///input_tokens@2026-03-20T13Z": Decimal(10),
    }


async def test_a_microsecond_decides_whether_an_agreement_holds() -> None:
    agreed = Adjustment("ea", "agreement 7", Effective(CUT), discount=Decimal(50))
    of = in_memory(catalogue(adjusted(dated(Meter.INPUT, (START, "2")), [agreed]).prices))
    for time in ("12:59:59.999999", "13:00:00.000000"):
        await call(of, f"{TODAY}T{time}Z")

    await of.poster.post(NOW)

    assert list(costs(of, TODAY).values()) == [Decimal(2), Decimal(1)]


async def test_the_tier_that_served_the_call_decides_its_price() -> None:
    tiers = [dated(Meter.INPUT, (START, price), service_tier=tier) for tier, price in (("default", "2"), ("flex", "1"))]
    of = in_memory(catalogue(*tiers))
    for served in ("flex", "default", "priority"):
        await call(of, f"{TODAY}T10:00:00Z", serviceTier=served)

    await of.poster.post(NOW)

    assert costs(of, TODAY) == {
        "flex///input_tokens@2024-01-01T00Z": Decimal(1),
        "default///input_tokens@2024-01-01T00Z": Decimal(2),
        "": None,  # asked for, served and not on the card: unpriced, and not some other tier's price
    }


async def test_a_corrected_price_reaches_every_touched_day_of_the_open_periods() -> None:
    of = in_memory(OLD)
    for day in (LAST_MONTH, LAST_WEEK, TODAY):
        await call(of, f"{day}T10:00:00Z")
    await of.poster.post(NOW)
    await of.auditor.audit(NOW)
    assert [list(costs(of, day).values()) for day in (LAST_MONTH, LAST_WEEK, TODAY)] == [[Decimal(2)]] * 3

    plan = await apply(of, card((START, "3")))

    assert plan == Repost(posted=(TODAY,), audited=(LAST_MONTH, LAST_WEEK), closed=())
    assert set(await of.ledger.marks()) == {LAST_MONTH, LAST_WEEK}
    await of.poster.post(NOW)
    await of.auditor.audit(NOW)
    assert [list(costs(of, day).values()) for day in (LAST_MONTH, LAST_WEEK, TODAY)] == [[Decimal(3)]] * 3
    assert await of.ledger.marks() == {}


async def test_days_that_the_change_does_not_touch_are_left_alone() -> None:
    of = in_memory(OLD)
    for day in (LAST_MONTH, LAST_WEEK, TODAY):
        await call(of, f"{day}T10:00:00Z")
    marked = await of.ledger.marks()

    plan = await apply(of, card((START, "2"), (datetime(2026, 3, 12, 10, tzinfo=UTC), "3")))

    assert plan == Repost(posted=(TODAY,), audited=(LAST_WEEK,))
    assert (await of.ledger.marks())[LAST_MONTH] == marked[LAST_MONTH]
    assert (await apply(of, of.catalogues.catalogue)) == Repost()


async def test_a_closed_period_keeps_its_prices_and_is_named() -> None:
    of = in_memory(OLD)
    for day in (LAST_MONTH, LAST_WEEK):
        await call(of, f"{day}T10:00:00Z")
    await of.auditor.audit(NOW)
    of.catalogues.closed["2026-02"] = OLD

    plan = await apply(of, card((START, "3")))
    await of.auditor.audit(NOW)

    assert plan == Repost(audited=(LAST_WEEK,), closed=("2026-02",))
    assert list(costs(of, LAST_MONTH).values()) == [Decimal(2)]
    assert list(costs(of, LAST_WEEK).values()) == [Decimal(3)]


async def test_usage_of_a_closed_period_that_had_no_price_is_rated_when_there_is_one() -> None:
    of = in_memory(OLD)
    usage = {"backend": "oai-eastus2.openai.azure.com", "usage": tokens(1_000_000, 0)}
    priced = usage_event(time=f"{LAST_MONTH}T10:00:00Z", **usage)
    unpriced = usage_event(time=f"{LAST_MONTH}T10:00:00Z", serviceTier="flex", **usage)
    await of.ingest.ingest([priced, unpriced], NOW)
    await of.auditor.audit(NOW)
    of.catalogues.closed["2026-02"] = OLD

    flex = dated(Meter.INPUT, (START, "1"), service_tier="flex")
    plan = await apply(of, catalogue(dated(Meter.INPUT, (START, "3")), flex))
    await of.auditor.audit(NOW)

    assert plan == Repost(audited=(LAST_MONTH,), closed=("2026-02",))
    assert costs(of, LAST_MONTH) == {
        "default///input_tokens@2024-01-01T00Z": Decimal(2),
        "flex///input_tokens@2024-01-01T00Z": Decimal(1),
    }


async def test_a_day_is_marked_again_where_an_audit_came_before_the_change_was_in_force() -> None:
    of = in_memory(OLD)
    await call(of, f"{LAST_WEEK}T10:00:00Z")
    new = card((START, "3"))
    plan = await plan_repost(of.ledger, changes(OLD, new), new.calendar, (), NOW)

    async def audited_too_early() -> None:
        await of.auditor.audit(NOW)
        of.catalogues.catalogue = new

    await put_in_force(audited_too_early, of.ledger, plan)
    await of.auditor.audit(NOW)

    assert list(costs(of, LAST_WEEK).values()) == [Decimal(3)]
