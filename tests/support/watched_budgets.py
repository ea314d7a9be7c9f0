"""Budgets over books in memory that are watched, with everything that people are told of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from chargeback.adapters.memory.outbox import MemoryDueAlerts, MemoryOutbox
from chargeback.domain.alerts.alert import Alert
from chargeback.domain.budgets.budget import Action, Budget, Measure, Override, Step
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.terms.terms import Terms
from chargeback.services.alerts.budget_bases import BudgetBases
from chargeback.services.alerts.explain_steps import StepExplainer
from chargeback.services.alerts.raise_alerts import Alerts
from chargeback.services.alerts.spend_movers import SpendMovers
from chargeback.services.alerts.watch_budgets import BudgetWatch
from chargeback.services.budgets.forecasts import Forecasts
from chargeback.services.budgets.spend import BudgetSpend
from chargeback.services.budgets.states import BudgetStates
from chargeback.services.usage.summarise import summarise
from tests.support.alerts import TO_CHAT
from tests.support.catalogues import catalogue
from tests.support.product_in_memory import ProductInMemory, in_memory
from tests.support.spending import Spent

LINK = "https://chargeback.example.com"
QUARTER = timedelta(minutes=15)


def notify(percent: int | str, of: Measure = Measure.ACTUAL, action: Action = Action.NOTIFY) -> Step:
    """A step that only tells people, unless said otherwise."""
    return Step(Decimal(percent), action, of)


@dataclass
class WatchedBudgets:
    """A company whose budgets are watched; time passes only where a test says so.

    Attributes:
        overrides: every change of a limit that anybody made.
    """

    budgets: Sequence[Budget]
    now: datetime = datetime(2026, 3, 20, 12, tzinfo=UTC)
    overrides: list[Override] = field(default_factory=list)
    of: ProductInMemory = field(default_factory=lambda: in_memory(catalogue()))
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)

    def __post_init__(self) -> None:
        self.change(*self.budgets)
        self.restart()

    def restart(self) -> None:
        """Another process goes on with the same stores."""

        async def no_posting(_: str) -> None:
            pass

        spend = BudgetSpend(self.of.books, self.of.counter, no_posting, open_seconds=0, closed_seconds=0)
        self.states = BudgetStates(self.of.catalogues, spend, self, Forecasts(seconds=math.inf))
        bases, movers = BudgetBases(self.of.control), SpendMovers(self.of.settled_days, self.of.counter)
        explainer = StepExplainer(self.states, self.of.catalogues, bases, movers)
        alerts = Alerts(self.outbox, MemoryDueAlerts(), TO_CHAT)
        self.watch = BudgetWatch(self.states, alerts, self.of.catalogues, bases, explainer, lambda: self.now, link=LINK)

    async def all(self) -> Sequence[Override]:
        """The overrides, as their store gives them."""
        return self.overrides

    def change(self, *budgets: Budget) -> None:
        """Put other budgets in force."""
        self.of.catalogues.settled_by = Terms(budgets=budgets)

    async def post(self, *spent: Spent) -> None:
        """Set records in the books; those of the same caller and day replace each other, as a correction does."""
        days: dict[str, list[UsageRecord]] = {}
        for each in spent:
            days.setdefault(each.day, []).append(each.record())
        for day, records in days.items():
            fence = (await self.of.books.postings(day)).get(0)
            await self.of.books.write(day, 0, fence, (None, "digest"), records)
            await summarise(self.of.books, day)

    async def look(self, *, later: timedelta = timedelta(minutes=1)) -> tuple[list[Alert], list[Alert]]:
        """What the timer raises and clears."""
        self.now += later
        changes = await self.watch.watch()
        return sorted(changes.raised, key=lambda each: each.matter), list(changes.cleared)

    async def cleared(self) -> Alert:
        """The one alert that is cleared once it has stayed away."""
        assert await self.look() == ([], [])
        raised, (alert,) = await self.look(later=QUARTER)
        assert not raised
        return alert
