"""What must be true in the end, from the month alone: every call once, everything billed once, nothing left lying."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.simulation.month import Month
from tests.simulation.world import World

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


async def booked(world: World) -> Sums:
    """What the books hold in fact."""
    sums: Sums = Counter()
    for day in await world.house.ledger.days():
        async for page in world.house.books.records(day):
            for record in page:
                for quantities in record.hours.values():
                    for meter, quantity in quantities.items():
                        sums[day, record.line.user, record.line.state, meter.value] += quantity
    return +sums


async def due(world: World) -> dict[Any, Any]:
    """What the books say of every period, as the bills have it."""
    rows: dict[Any, Any] = {}
    calendar = world.house.catalogues.now.calendar
    for day in await world.house.ledger.days():
        midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
        for period in {calendar.period_of(midnight + timedelta(hours=hour)) for hour in (0, 23)}:
            rows |= await world.house.bill.charges(period, [day])
    return {key: value for key, value in rows.items() if any(value)}


async def check(world: World) -> None:
    """Raise AssertionError where anything is not as it must be."""
    house = world.house
    right, found = expected(world.month), await booked(world)
    assert found == right, f"the books lack {right - found} and have {found - right} too much"
    assert await house.billed() == await due(world), "what is billed is not what the books say"
    left = await world.set_aside.all()
    assert left == [], f"something is set aside although nothing is wrong any more: {left}"
    assert await world.quarantine.batches() == [], "a usable event is in quarantine"
    closed = [period.period for period in await house.periods.closed()]
    assert closed == ["2026-03"], f"closed are {closed}"
    assert await house.reports.paths("2026-03/") == [], "drafts lie beside the closed files"
    hub = world.hub.files["Costs/2026/03/chargeback/manifest.json"]
    assert hub == b"1", "the hub has other figures than the final ones"
