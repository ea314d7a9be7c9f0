"""Whatever happens to a budget, and wherever a run dies, each step is told once for as long as it is reached."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.outbox import MemoryOutbox
from chargeback.domain.alerts.alert import Alert
from chargeback.domain.budgets.budget import Override
from chargeback.domain.budgets.windows import Every, window_of
from chargeback.domain.errors import StoreUnavailable
from tests.support.budgets import budget
from tests.support.examples import few
from tests.support.spending import Spent
from tests.support.watched_budgets import QUARTER, WatchedBudgets, notify

PERCENTS = (50, 100)
LIMIT = replace(budget("cost-centre:research"), every=Every.WEEK, steps=tuple(map(notify, PERCENTS)))

UNTIL_SETTLED = 5
"""Quarters of an hour: an override ends after 40 minutes, then a step has to stay away for a quarter."""

ACTIONS = st.one_of(
    st.tuples(st.just("spend"), st.integers(0, 1), st.integers(0, 130)),
    st.tuples(st.just("amount"), st.sampled_from((40, 100, 250)), st.just(0)),
    st.tuples(st.just("override"), st.sampled_from((-50, 60)), st.integers(1, 40)),
    st.tuples(st.just("later"), st.sampled_from((1, 15, 60, 1_440, 10_080)), st.just(0)),
    st.tuples(st.just("die"), st.integers(1, 3), st.just(0)),
)


class DyingOutbox(MemoryOutbox):
    """An outbox that is away from its n-th write on, after or before it happened."""

    def __init__(self) -> None:
        super().__init__()
        self.left = -1

    async def create(self, alert: Alert) -> Any:
        return await self._write(super().create(alert))

    async def swap(self, alert: Alert, after: str) -> Any:
        return await self._write(super().swap(alert, after))

    async def _write(self, work: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            self.left = 1
            work.close()
            raise StoreUnavailable("away")
        return await work


@dataclass
class History:
    """A watched budget, and what its spend and its limit are by plain arithmetic."""

    outbox: DyingOutbox = field(default_factory=DyingOutbox)
    spent: dict[str, int] = field(default_factory=dict)
    amount: int = 100

    def __post_init__(self) -> None:
        self.of = WatchedBudgets([LIMIT], outbox=self.outbox)

    async def act(self, action: str, first: int, second: int) -> None:
        of = self.of
        if action == "spend":
            day = f"{of.now - timedelta(days=first):%Y-%m-%d}"
            self.spent[day] = second  # a record of this caller and day is replaced: usage, or a correction
            await of.post(Spent(day, {9: str(second)}))
        elif action == "amount":
            self.amount = first
            of.change(replace(LIMIT, amount=Decimal(first)))
        elif action == "override":
            ended = [replace(each, until=min(each.until, of.now)) for each in of.overrides]
            until = of.now + timedelta(minutes=second)
            of.overrides[:] = [*ended, Override(LIMIT.id, Decimal(first), of.now, until, "Ann", "why")]
        elif action == "later":
            of.now += timedelta(minutes=first)
        else:
            self.outbox.left = first
            with suppress(StoreUnavailable):
                await of.look()
            self.outbox.left = -1
            of.restart()

    def reached(self) -> set[str]:
        """The steps that are reached now."""
        now = self.of.now
        window = window_of(Every.WEEK, now.date())
        spent = sum(amount for day, amount in self.spent.items() if day in {f"{each}" for each in window.dates()})
        held = sum(int(each.amount) for each in self.of.overrides if each.holds(now))
        limit = max(self.amount + held, 0)
        return {f"{percent} % actual" for percent in PERCENTS if spent * 100 >= limit * percent}

    def standing(self) -> list[str]:
        window = window_of(Every.WEEK, self.of.now.date()).first.isocalendar()
        name = f"{window.year}-W{window.week:02}"
        return [each.matter.step for each in self.outbox.alerts if each.stands and each.matter.period == name]


@settings(max_examples=few(6))
@given(st.lists(ACTIONS, min_size=1, max_size=12))
def test_each_step_is_told_once_for_as_long_as_it_is_reached(actions: list[tuple[str, int, int]]) -> None:
    async def live() -> None:
        history = History()
        for action in actions:
            await history.act(*action)
            await history.of.look()
            assert history.reached() <= set(history.standing())
        for _ in range(UNTIL_SETTLED):
            await history.of.look(later=QUARTER)

        assert Counter(history.standing()) == Counter(history.reached())
        for matter in {each.matter for each in history.outbox.alerts}:
            of_matter = [each for each in history.outbox.alerts if each.matter == matter]
            assert sorted(each.occurrence for each in of_matter) == list(range(1, len(of_matter) + 1))
            assert sum(each.stands for each in of_matter) <= 1
            assert all(each.cleared for each in of_matter if each.occurrence < len(of_matter))

    asyncio.run(live())
