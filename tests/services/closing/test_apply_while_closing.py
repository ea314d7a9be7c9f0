"""A configuration that fixes what a closing was refused for, or comes while a closing is under way or has died."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.domain.errors import ClosingRefused, InvalidConfig, Superseded
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.terms.shared_costs import Per
from chargeback.domain.terms.terms import Terms
from chargeback.services.configuring.apply_config import apply_config
from tests.support.closing_march import AFTER_GRACE, march
from tests.support.closing_product import ClosingHouse, Killed, published_for_real
from tests.support.shared_fees import fee
from tests.support.trued_up_product import ANYTHING, TruedUp, call, charge, teams

pytestmark = pytest.mark.anyio

APRIL = datetime(2026, 4, 5, 12, tzinfo=UTC)
MISSING = Terms(closing=ANYTHING, shared_costs=[fee("500", per=Per.PERIOD, period="2026-03")])


async def apply(house: ClosingHouse, now: datetime, terms: Terms = MISSING) -> bool:
    done = await apply_config(house.control, house.catalogues, house.catalogue, terms, {}, by="ann", now=now)
    house.catalogues.settled_by = terms
    return done.changed


async def state(house: ClosingHouse) -> tuple[PeriodState, list[str]]:
    known, _ = await house.periods.get("2026-03")
    return known.state, [change.what for change in known.history]


async def test_a_cost_whose_absence_the_invoice_shows_is_applied_after_the_refusal(tmp_path: Path) -> None:
    house = published_for_real(ClosingHouse(teams(), Terms(closing=ANYTHING)))
    books = TruedUp(house, tmp_path)
    await house.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "100", "40000")]
    await books.publish(APRIL)
    await books.reconcile("2026-03", APRIL)
    await house.ingest([call("search", "2026-03-06", "40")], APRIL)

    with pytest.raises(ClosingRefused, match="below the chargeback"):
        await house.close("2026-03", APRIL)

    assert await state(house) == (PeriodState.OPEN, ["closing", "given up"])
    assert [path for path in house.reports.files if "/closing-" in path] == []
    assert await apply(house, APRIL)


async def killed() -> ClosingHouse:
    """A closing of March that began after the grace period and died while it published."""
    house = await march()

    async def die() -> None:
        raise Killed

    house.bill.after = die
    with pytest.raises(Killed):
        await house.close("2026-03", AFTER_GRACE)
    house.bill.after = None
    return house


async def test_while_a_month_is_being_closed_whoever_applies_waits() -> None:
    house = await killed()

    with pytest.raises(InvalidConfig) as refused:
        await apply(house, AFTER_GRACE + timedelta(minutes=50))

    assert refused.value.faults == [
        "shared-costs.yaml: gateway: is charged in 2026-03, which is being closed without it at this moment; apply"
        " again when that has ended, in an hour at the latest"
    ]
    assert (await state(house))[0] is PeriodState.CLOSING


async def test_a_closing_that_has_died_keeps_nothing_from_being_applied() -> None:
    house = await killed()
    later = AFTER_GRACE + timedelta(minutes=61)

    assert await apply(house, later)

    assert await state(house) == (PeriodState.OPEN, ["closing", "given up"])
    closed = await house.close("2026-03", later)
    assert closed.version == (await house.catalogues.version()).name


async def test_a_closing_that_was_treated_as_dead_does_not_succeed() -> None:
    house = await march()

    async def late() -> None:
        await apply(house, AFTER_GRACE + timedelta(minutes=61), Terms(closing=ANYTHING))
        house.catalogues.settled_by = Terms()

    house.bill.after = late

    with pytest.raises(Superseded):
        await house.close("2026-03", AFTER_GRACE)

    assert await state(house) == (PeriodState.OPEN, ["closing", "given up"])
    assert house.closed.files == {}
    assert [path for path in house.reports.files if "/closing-" in path] == []


async def test_a_refusal_of_one_attempt_leaves_another_one_alone() -> None:
    house = await march()
    waiting = [Decimal(1)]

    async def other() -> None:
        if waiting:
            waiting.clear()
            await house.close("2026-03", AFTER_GRACE, by="bob")

    house.bill.after = other

    with pytest.raises(Superseded):
        await house.close("2026-03", AFTER_GRACE, by="ann")

    assert await state(house) == (PeriodState.CLOSED, ["closing", "closing", "closed"])
