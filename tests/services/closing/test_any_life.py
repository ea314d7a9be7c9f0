"""Whatever happens in whatever order: closed files never change, and all that is billed is what the books say."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from chargeback.domain.periods.lifecycle import PeriodChange
from chargeback.domain.terms.terms import ClosingRules, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.services.closing.correct_period import correct_period
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct, priced, published_for_real
from tests.support.examples import few

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati")
START = datetime(2026, 2, 20, tzinfo=UTC)
ANYTHING_GOES = Terms(closing=ClosingRules(unpriced_percent=Decimal(100), unsettled_percent=Decimal(100)))

hours_ago = st.one_of(st.integers(0, 70 * 24), st.sampled_from([0, 1, 24 * 3, 24 * 28, 24 * 31]))
happenings = st.one_of(
    st.tuples(st.just("usage"), hours_ago),
    st.tuples(st.just("usage"), hours_ago),
    st.tuples(st.just("price"), st.integers(1, 4)),
    st.tuples(st.sampled_from(["publish", "post", "audit", "close", "correct first", "correct last"]), st.just(0)),
)
months = st.tuples(st.lists(happenings, max_size=8), st.integers(1, 40)).map(
    lambda month: [*month[0], ("days pass", month[1]), ("close", 0)]
)
steps = st.lists(months, min_size=1, max_size=4).map(lambda lists: [step for month in lists for step in month])


class Life:
    """A product whose clock goes on."""

    def __init__(self, zone: str) -> None:
        self.calendar = Calendar((BooksSetting("1970-01", zone, "USD"),))
        self.in_memory = ClosingProduct(priced("2.5", self.calendar), ANYTHING_GOES)
        self.now = START
        self.calls = 0
        self.seen: dict[str, bytes] = {}

    async def step(self, what: str, number: int) -> None:
        in_memory = self.in_memory
        match what:
            case "usage":
                self.calls += 1
                time = self.now - timedelta(hours=number, minutes=number % 60, microseconds=number % 3)
                event = usage_event(id=f"c{self.calls}", time=time.isoformat(), usage=tokens(1_000_000 + number, 7))
                await in_memory.ingest([event], self.now)
            case "days pass":
                self.now += timedelta(days=number)
            case "price":
                in_memory.catalogues.catalogue = priced(f"{number}.25", self.calendar)
            case "close":
                await in_memory.closer.close_due(self.now)
            case "publish":
                await in_memory.publish_drafts(self.now)
            case "post":
                await in_memory.poster.post(self.now)
            case "audit":
                await in_memory.auditor.audit(self.now)
            case _:
                await self._correct(first=what == "correct first")

    async def _correct(self, *, first: bool) -> None:
        closed = await self.in_memory.periods.closed()
        if closed:
            change = PeriodChange("rated anew", self.now, "ann", "wrong price")
            period = closed[0 if first else -1].month
            await correct_period(period, self.in_memory.closing_books, self.in_memory.ledger, change)

    def check_closed_files(self) -> None:
        assert {path: self.in_memory.closed.files.get(path) for path in self.seen} == self.seen
        self.seen = dict(self.in_memory.closed.files)

    async def due(self) -> dict[Any, Any]:
        """What the books say of every period."""
        rows: dict[Any, Any] = {}
        for day in await self.in_memory.ledger.days():
            midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
            for period in {self.calendar.period_of(midnight + timedelta(hours=hour)) for hour in range(24)}:
                rows |= await self.in_memory.bill.charges(period, [day])
        return rows


@pytest.mark.parametrize("zone", ZONES)
@given(steps=steps)
@settings(max_examples=few(5))
def test_closed_files_never_change_and_all_that_is_billed_is_what_the_books_say(
    zone: str, steps: list[tuple[str, int]]
) -> None:
    async def run() -> tuple[dict[Any, Any], dict[Any, Any], int]:
        life = Life(zone)
        for step in steps:
            await life.step(*step)
            life.check_closed_files()
        await life.in_memory.auditor.audit(life.now)
        await life.in_memory.poster.post(life.now)
        await life.in_memory.publish_drafts(life.now)
        return await life.in_memory.billed(), await life.due(), life.calls

    billed, due, calls = asyncio.run(run())

    assert billed == due
    assert sum(quantity for (*_, meter), (quantity, _) in due.items() if meter == "requests") == calls


@given(
    moment=st.integers(0, 6 * 365 * 24 * 3600).map(
        lambda second: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(0, second)
    ),
    zone=st.sampled_from(ZONES),
)
def test_every_moment_is_in_exactly_one_period(moment: datetime, zone: str) -> None:
    calendar = Calendar((BooksSetting("1970-01", zone, "USD"),))

    period = calendar.period_of(moment)

    start, end = calendar.bounds(period)
    assert start <= moment < end
    assert calendar.period_of(end) > period
    assert calendar.period_of(start - timedelta(microseconds=1)) < period


@given(steps=steps, zone=st.sampled_from(ZONES))
@settings(max_examples=few(2), phases=[Phase.generate])
def test_so_do_the_files_that_are_really_published(zone: str, steps: list[tuple[str, int]]) -> None:
    async def run() -> tuple[dict[Any, Any], dict[Any, Any]]:
        life = Life(zone)
        in_memory = life.in_memory = published_for_real(life.in_memory)
        for step in steps:
            await life.step(*step)
            life.check_closed_files()
        await in_memory.auditor.audit(life.now)
        await in_memory.poster.post(life.now)
        await in_memory.publish_drafts(life.now)
        return in_memory.charged(), await life.due()

    charged, due = asyncio.run(run())

    assert charged == by_date(due)


def by_date(rows: dict[Any, tuple[int, Decimal]]) -> dict[Any, tuple[Decimal, Decimal]]:
    """(period it is for, date, cost centre, meter) → quantity, exact cost."""
    sums: dict[Any, tuple[Decimal, Decimal]] = {}
    for (period, _, date, _, centre, meter), (quantity, cost) in rows.items():
        known = sums.get((period, date, centre, meter), (Decimal(0), Decimal(0)))
        sums[period, date, centre, meter] = known[0] + quantity, known[1] + cost
    return {key: value for key, value in sums.items() if any(value)}
