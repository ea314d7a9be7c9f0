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
from tests.support.closing_product import ClosingProduct, Killed, published_for_real
from tests.support.shared_fees import fee
from tests.support.trued_up_product import ANYTHING, TruedUp, call, charge, teams

pytestmark = pytest.mark.anyio

APRIL = datetime(2026, 4, 5, 12, tzinfo=UTC)
MISSING = Terms(closing=ANYTHING, shared_costs=[fee("500", per=Per.PERIOD, period="2026-03")])


async def apply(in_memory: ClosingProduct, now: datetime, terms: Terms = MISSING) -> bool:
    done = await apply_config(
        in_memory.control, in_memory.catalogues, in_memory.catalogue, terms, {}, by="ann", now=now
    )
    in_memory.catalogues.settled_by = terms
    return done.changed


async def state(in_memory: ClosingProduct) -> tuple[PeriodState, list[str]]:
    known, _ = await in_memory.periods.get("2026-03")
    return known.state, [change.what for change in known.history]


async def test_a_cost_whose_absence_the_invoice_shows_is_applied_after_the_refusal(tmp_path: Path) -> None:
    in_memory = published_for_real(ClosingProduct(teams(), Terms(closing=ANYTHING)))
    books = TruedUp(in_memory, tmp_path)
    await in_memory.ingest([call("search", "2026-03-05", "40")], APRIL)
    books.invoices["2026-03"] = [charge("2026-03-05", "100", "40000")]
    await books.publish(APRIL)
    await books.reconcile("2026-03", APRIL)
    await in_memory.ingest([call("search", "2026-03-06", "40")], APRIL)

    with pytest.raises(ClosingRefused, match="below the chargeback"):
        await in_memory.close("2026-03", APRIL)

    assert await state(in_memory) == (PeriodState.OPEN, ["closing", "given up"])
    assert [path for path in in_memory.reports.files if "/closing-" in path] == []
    assert await apply(in_memory, APRIL)


async def killed() -> ClosingProduct:
    """A closing of March that began after the grace period and died while it published."""
    in_memory = await march()

    async def die() -> None:
        raise Killed

    in_memory.bill.after = die
    with pytest.raises(Killed):
        await in_memory.close("2026-03", AFTER_GRACE)
    in_memory.bill.after = None
    return in_memory


async def test_while_a_month_is_being_closed_whoever_applies_waits() -> None:
    in_memory = await killed()

    with pytest.raises(InvalidConfig) as refused:
        await apply(in_memory, AFTER_GRACE + timedelta(minutes=50))

    assert refused.value.faults == [
        "shared-costs.yaml: gateway: is charged in 2026-03, which is being closed without it at this moment; apply"
        " again when that has ended, in an hour at the latest"
    ]
    assert (await state(in_memory))[0] is PeriodState.CLOSING


async def test_a_closing_that_has_died_keeps_nothing_from_being_applied() -> None:
    in_memory = await killed()
    later = AFTER_GRACE + timedelta(minutes=61)

    assert await apply(in_memory, later)

    assert await state(in_memory) == (PeriodState.OPEN, ["closing", "given up"])
    closed = await in_memory.close("2026-03", later)
    assert closed.version == (await in_memory.catalogues.version()).name


async def test_a_closing_that_was_treated_as_dead_does_not_succeed() -> None:
    in_memory = await march()

    async def late() -> None:
        await apply(in_memory, AFTER_GRACE + timedelta(minutes=61), Terms(closing=ANYTHING))
        in_memory.catalogues.settled_by = Terms()

    in_memory.bill.after = late

    with pytest.raises(Superseded):
        await in_memory.close("2026-03", AFTER_GRACE)

    assert await state(in_memory) == (PeriodState.OPEN, ["closing", "given up"])
    assert in_memory.closed.files == {}
    assert [path for path in in_memory.reports.files if "/closing-" in path] == []


async def test_a_refusal_of_one_attempt_leaves_another_one_alone() -> None:
    in_memory = await march()
    waiting = [Decimal(1)]

    async def other() -> None:
        if waiting:
            waiting.clear()
            await in_memory.close("2026-03", AFTER_GRACE, by="bob")

    in_memory.bill.after = other

    with pytest.raises(Superseded):
        await in_memory.close("2026-03", AFTER_GRACE, by="ann")

    assert await state(in_memory) == (PeriodState.CLOSED, ["closing", "closing", "closed"])
