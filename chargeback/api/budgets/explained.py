"""The route that says how the figure of a budget comes about."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.api.budgets.bodies import BudgetStatus, status_of
from chargeback.api.budgets.seen import seen_budget
from chargeback.api.conventions.answering import tagged_answer, version_but_for_moment
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import not_found
from chargeback.api.people import Asking
from chargeback.domain.budgets.budget import Action, Measure
from chargeback.domain.money.exact import to_text, total
from chargeback.services.budgets.explain_budget import ExplainedBudget, ExplainedStep, ExplainedWindow, SpendOfDate

if TYPE_CHECKING:
    from chargeback.bootstrap import Container


class BudgetDateAnswer(msgspec.Struct, frozen=True):
    """What was spent on a date of the books.

    Attributes:
        posted: in the books.
        counted: counted since, and not in the books yet.
        estimated: calls whose usage is not known yet, by an estimate.
    """

    date: str
    posted: str
    counted: str
    estimated: str


class BudgetStepAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A step with the amount at which it is reached now.

    Attributes:
        swap: the model that is asked for → what is called in its place.
        reached_on: the date at whose end that much was spent; null: not yet, or it looks at the forecast.
    """

    percent: str
    do: Action
    of: Measure
    amount: str
    is_reached: bool
    reached_on: str | None
    swap: dict[str, str]
    tokens_per_minute: int | None


class PastWindowAnswer(msgspec.Struct, frozen=True):
    """A window that is over.

    Attributes:
        carried: into it.
        added: by overrides.
    """

    first: str
    last: str
    carried: str
    added: str
    spent: str


class ExplainedBudgetAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """How the figure of a budget comes about.

    Attributes:
        as_of: the moment at which that was; `final`: always false.
        posted, counted, estimated: what is spent in the window: in the books, counted since, and by an estimate.
        dates: those of the window on which something was spent.
        windows: earlier ones that decide what is carried; none where the budget carries nothing.
    """

    as_of: datetime
    final: bool
    status: BudgetStatus
    posted: str
    counted: str
    estimated: str
    steps: tuple[BudgetStepAnswer, ...]
    dates: tuple[BudgetDateAnswer, ...]
    windows: tuple[PastWindowAnswer, ...]


def router(container: "Container") -> APIRouter:
    """Why a budget stands as it does."""
    routes = people_routes("budgets")

    @routes.get(
        "/budgets/{budget}/explanation",
        operation_id="explainBudget",
        responses=answers(ExplainedBudgetAnswer),
        summary="How the figure of a budget comes about",
    )
    async def explanation(request: Request, who: Asking, budget: str) -> Response:
        """What is spent by date, what is carried and from where, and when each step was reached."""
        seen, now = (await seen_budget(container, who, budget)).budget, datetime.now(UTC)
        if not seen.effective.holds(now):
            raise not_found()
        content = _told(await container.budget_explainer.explain(seen, now), now)
        steady = msgspec.structs.replace(content, status=msgspec.structs.replace(content.status, as_of=_NO_MOMENT))
        return tagged_answer(request, content, version_but_for_moment(steady))

    return routes


_NO_MOMENT = datetime.min.replace(tzinfo=UTC)


def _told(found: ExplainedBudget, now: datetime) -> ExplainedBudgetAnswer:
    return ExplainedBudgetAnswer(
        now,
        final=False,
        status=status_of(found.state, now),
        posted=to_text(total(each.posted for each in found.dates)),
        counted=to_text(total(each.counted for each in found.dates)),
        estimated=to_text(total(each.estimated for each in found.dates)),
        steps=tuple(map(_step, found.steps)),
        dates=tuple(map(_date, found.dates)),
        windows=tuple(map(_window, found.windows)),
    )


def _step(found: ExplainedStep) -> BudgetStepAnswer:
    step = found.step
    return BudgetStepAnswer(
        to_text(step.percent),
        step.action,
        step.of,
        to_text(found.amount),
        found.is_reached,
        _iso(found.reached_on),
        {**step.fallback},
        step.tokens_per_minute,
    )


def _date(found: SpendOfDate) -> BudgetDateAnswer:
    return BudgetDateAnswer(found.date.isoformat(), *map(to_text, (found.posted, found.counted, found.estimated)))


def _window(found: ExplainedWindow) -> PastWindowAnswer:
    *_, last = found.past.window.dates()
    amounts: tuple[Decimal, ...] = (found.carried, found.past.added, found.past.spent)
    return PastWindowAnswer(found.past.window.first.isoformat(), last.isoformat(), *map(to_text, amounts))


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
