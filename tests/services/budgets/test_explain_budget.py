"""Why a budget stands as it does: the shown amounts make the state, and the state is the one that decides."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from chargeback.domain.budgets.budget import Action, Budget, Override, Rollover, Step
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import BookDate, UtcDay, shifted
from chargeback.domain.time.effective import Effective
from chargeback.domain.usage.meters import Meter
from chargeback.services.budgets.explain_budget import BudgetExplainer, ExplainedBudget
from chargeback.services.budgets.forecasts import Forecasts
from chargeback.services.budgets.spend import BudgetSpend
from chargeback.services.budgets.states import BudgetStates
from tests.support.budgets import budget
from tests.support.builders import DAY, NOW, tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.product_in_memory import ProductInMemory, in_memory

pytestmark = pytest.mark.anyio

WARN, BLOCK = Step(Decimal(50), Action.WARN), Step(Decimal(100), Action.BLOCK)


class Kept:
    """Overrides as they are given."""

    def __init__(self, *overrides: Override) -> None:
        self._overrides = overrides

    async def all(self) -> Sequence[Override]:
        return self._overrides


def product(limit: Budget) -> ProductInMemory:
    """A million tokens of input cost a dollar."""
    found = in_memory(catalogue(dated(Meter.INPUT, (START, "1")), account="oai-swedencentral"))
    found.catalogues.settled_by = Terms(budgets=[limit])
    return found


def limit(**given: object) -> Budget:
    return budget("all", "10", **{"steps": (WARN, BLOCK), **given})


def used(dollars: int, day: str = DAY, **fields: object) -> bytes:
    return usage_event(**{"time": f"{day}T09:00:00Z", "usage": tokens(dollars * 1_000_000, 0)} | fields)


async def explained(of: ProductInMemory, *overrides: Override) -> ExplainedBudget:
    """The explanation; its state is the evaluated one."""
    (limited,) = of.catalogues.settled_by.budgets
    kept = Kept(*overrides)
    found = await explainer(of, kept).explain(limited, NOW)
    states = states_of(of, kept)
    assert (await states.evaluate(NOW)).states == (found.state,)
    return found


def explainer(of: ProductInMemory, kept: Kept) -> BudgetExplainer:
    return BudgetExplainer(of.catalogues, spend_of(of), kept, states_of(of, kept))


def states_of(of: ProductInMemory, kept: Kept) -> BudgetStates:
    return BudgetStates(of.catalogues, spend_of(of), kept, Forecasts(seconds=60))


def spend_of(of: ProductInMemory) -> BudgetSpend:
    async def post(_: str) -> None:
        pass

    return BudgetSpend(of.books, of.counter, post)


async def test_spend_is_told_by_date_as_posted_counted_since_and_estimated() -> None:
    of = product(limit())
    await of.ingest.ingest([used(1, "2026-03-19"), used(2)], NOW)
    await of.poster.post(NOW)
    await of.ingest.ingest([used(4), used(0, type="pending", id="s", requestCharacters=4_000_000, usage=None)], NOW)

    found = await explained(of)

    assert [(each.date, each.posted, each.counted, each.estimated) for each in found.dates] == [
        (date(2026, 3, 19), 1, 0, 0),
        (date(2026, 3, 20), 2, 4, 1),
    ]
    assert [(each.step, each.amount, each.reached_on) for each in found.steps] == [
        (WARN, 5, date(2026, 3, 20)),
        (BLOCK, 10, None),
    ]
    assert [each.is_reached for each in found.steps] == [True, False]


async def test_what_is_carried_is_told_by_window() -> None:
    began = Effective(datetime(2026, 1, 1, tzinfo=UTC))
    of = product(limit(rollover=Rollover(unspent=True, cap=Decimal(200), expires_after=2), effective=began))
    await of.ingest.ingest([used(4, "2026-01-05"), used(13, "2026-02-05")], NOW)
    await of.auditor.audit(NOW)

    found = await explained(of)

    told = [(each.past.window.first.month, each.carried, each.past.spent) for each in found.windows]
    assert told == [(1, 0, 4), (2, 6, 13)]
    assert found.state.carried == 3


async def test_an_override_in_force_is_told() -> None:
    raised = Override("all", Decimal(5), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), "a", "b")

    found = await explained(product(limit()), raised)

    assert (found.state.overrides, found.state.limit) == ((raised,), 15)


async def test_no_day_before_the_window_is_read_where_no_step_rests_on_the_forecast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of = product(limit())
    summary, read = of.books.summary, set[str]()

    async def noted(day: UtcDay, name: str) -> object:
        read.add(day)
        return await summary(day, name)

    monkeypatch.setattr(of.books, "summary", noted)
    found = await explainer(of, Kept()).explain(limit(), NOW)

    assert min(read) >= shifted(BookDate(found.state.window.first.isoformat()), -2)  # dates begin on another UTC day


async def test_a_currency_that_no_rate_leads_to_is_told() -> None:
    of = product(limit(currency="EUR"))
    await of.ingest.ingest([used(1)], NOW)

    with pytest.raises(InvalidConfig, match="none from USD to EUR"):
        await explainer(of, Kept()).explain(of.catalogues.settled_by.budgets[0], NOW)
