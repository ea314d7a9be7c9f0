"""What must be true in the end, from the month and the operator: each call once, at the accepted price, billed once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chargeback.domain.usage.meters import Meter
from chargeback.services.configuring.versions import ConfigVersions
from chargeback.services.reconciling.true_up_documents import TrueUps
from tests.simulation.month import Month
from tests.simulation.product import SimulatedProduct

Sums = Counter[tuple[str, str, str, str]]
"""(UTC day, user, state, meter) → quantity."""


def expected(month: Month) -> Sums:
    """What the books hold."""
    sums: Sums = Counter()
    for call in month.calls:
        state = "exact" if not call.is_stream else "settled" if call.logged is not None else "unsettled"
        used = {} if state == "unsettled" else {"input_tokens": call.prompt, "output_tokens": call.completion}
        for meter, quantity in (used | {"requests": 1}).items():
            sums[f"{call.time:%Y-%m-%d}", call.user, state, meter] += quantity
    return +sums


async def booked(simulated: SimulatedProduct) -> Sums:
    """What the books hold in fact."""
    sums: Sums = Counter()
    for day in await simulated.in_memory.ledger.days():
        async for page in simulated.in_memory.books.records(day):
            for record in page:
                for quantities in record.hours.values():
                    for meter, quantity in quantities.items():
                        sums[day, record.line.user, record.line.state, meter.value] += quantity
    return +sums


async def due(simulated: SimulatedProduct) -> dict[Any, Any]:
    """What the books say of every period, as the bills have it."""
    rows: dict[Any, Any] = {}
    calendar = (await simulated.in_memory.catalogues.current()).calendar
    for day in await simulated.in_memory.ledger.days():
        midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
        for period in {calendar.period_of(midnight + timedelta(hours=hour)) for hour in (0, 23)}:
            rows |= await simulated.bill.charges(period, [day])
    for period in ("2026-03", "2026-04"):
        rows |= await simulated.bill.true_up(period, calendar.utc_days(period))
    return {key: value for key, value in rows.items() if any(value)}


async def check_money(simulated: SimulatedProduct) -> None:
    """Raise AssertionError where a price or a true-up is not what the answers to the operator's commands say."""
    in_memory, told = simulated.in_memory, simulated.operator
    assert told.waiting == [], f"the operator still waits for {told.waiting}"
    (closed,) = await in_memory.periods.closed()
    true_up, _ = await TrueUps(in_memory.control).get("2026-03")
    amount = true_up.amount if true_up else None
    assert amount in {str(int(each) - 100) if each else None for each in told.true_up.possible}, (
        f"the true-up is {amount}, and the operator was told {told.true_up.possible}"
    )
    assert len(told.price.possible) == 1, "everything that was applied was answered"
    march = {await _price(simulated, closed.version)}
    assert march <= told.corrected_to, f"March is rated with {march}, and was corrected to {told.corrected_to}"
    prices = {"2026-03": march, "2026-04": told.price.possible}
    for day in await in_memory.ledger.days():
        async for page in in_memory.books.records(day):
            for record in page:
                for part in record.parts:
                    (price,) = prices[part.date[:7]]
                    for charge in part.charges:
                        is_priced = charge.meter is Meter.INPUT
                        right = Decimal(price) * charge.quantity / 1_000_000 if is_priced else Decimal(0)
                        cost = charge.cost or Decimal(0)
                        assert cost == right, f"{part.date} {charge.meter}: costs {cost}, not {right}"


async def _price(simulated: SimulatedProduct, version: str) -> str:
    stored = await ConfigVersions(simulated.in_memory.control).get(version)
    assert stored is not None
    return str(stored.documents["price"])


async def check(simulated: SimulatedProduct) -> None:
    """Raise AssertionError where anything is not as it must be."""
    in_memory = simulated.in_memory
    right, found = expected(simulated.month), await booked(simulated)
    assert found == right, f"the books lack {right - found} and have {found - right} too much"
    assert await in_memory.billed() == await due(simulated), "what is billed is not what the books say"
    left = await simulated.set_aside.all()
    assert left == [], f"something is set aside although nothing is wrong any more: {left}"
    assert await simulated.quarantine.batches() == [], "a usable event is in quarantine"
    assert await simulated.letters.batches() == [], "a usable event is among the dead letters"
    await check_money(simulated)
    closed = [period.month for period in await in_memory.periods.closed()]
    assert closed == ["2026-03"], f"closed are {closed}"
    assert await in_memory.reports.paths("2026-03/") == [], "drafts lie beside the closed files"
    hub = simulated.hub.files["Costs/2026/03/chargeback/manifest.json"]
    assert hub == b"1", "the hub has other figures than the final ones"
