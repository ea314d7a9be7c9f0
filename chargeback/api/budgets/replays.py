"""The routes that say what a budget would have done in a month: asking for it, and what was found out."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.adapters.config.budget_entries import budget_entry
from chargeback.api.acting.operations import accepted, begin
from chargeback.api.acting.repeatable import once, posting
from chargeback.api.bodies import bounded, decoded
from chargeback.api.budgets.bodies import Number, StepBody
from chargeback.api.budgets.definitions import LARGEST_BUDGET
from chargeback.api.budgets.seen import seen_budget
from chargeback.api.conventions.answering import tagged_answer
from chargeback.api.conventions.documents import answers, body
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError
from chargeback.api.people import Asking, require
from chargeback.domain.access.permissions import Permission
from chargeback.domain.budgets.budget import Action, Budget, Measure
from chargeback.domain.errors import InvalidConfig, Superseded
from chargeback.domain.money.exact import to_text
from chargeback.domain.time.months import Month, month
from chargeback.services.budgets.asked_replays import KeptReplay, KeptWindow
from chargeback.services.operations.operation import OperationKind

if TYPE_CHECKING:
    from chargeback.bootstrap import Container


class ReplayBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A month, and what is to be tried in it.

    Attributes:
        month: YYYY-MM.
        amount: tried instead of the budget's own.
        steps: tried instead of the budget's own.
    """

    month: str
    amount: Number | None = None
    steps: tuple[StepBody, ...] | None = None


class ReplayedStepAnswer(msgspec.Struct, frozen=True):
    """A step that would have been reached in the hour from `at` on, and what came while it was the most severe one."""

    percent: str
    do: Action
    of: Measure
    at: datetime
    calls: int
    cost: str


class ReplayedWindowAnswer(msgspec.Struct, frozen=True):
    """One window of a replayed budget.

    Attributes:
        limit: with what is carried and with overrides.
        spent: as if nothing had been refused or swapped.
        overrun: what of it is beyond the limit.
        unknown: calls whose cost is not known; they count as nothing.
        steps: those that were reached, the first one first.
    """

    first: str
    last: str
    carried: str
    limit: str
    spent: str
    overrun: str
    calls: int
    unknown: int
    steps: tuple[ReplayedStepAnswer, ...]


class ReplayAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """What a budget would have done in a month, as if it acted on calls.

    Attributes:
        operation: the long work that found it out.
        at: when somebody asked for it.
        is_trial: whether another amount or other steps were tried than the budget's own.
        definition: the budget that was replayed.
        is_whole: whether the ledger has all events of these dates; what it lost is in no figure.
    """

    operation: str
    month: str
    at: datetime
    by: str
    is_trial: bool
    definition: dict[str, Any]
    is_whole: bool
    windows: tuple[ReplayedWindowAnswer, ...]


class ReplayAnswers(msgspec.Struct, frozen=True):
    """What was found out of a budget, the newest first."""

    value: tuple[ReplayAnswer, ...]


def router(container: "Container") -> APIRouter:
    """What budgets would have done."""
    routes = people_routes("budgets")

    @routes.get(
        "/budgets/{budget}/replays",
        operation_id="listBudgetReplays",
        responses=answers(ReplayAnswers),
        summary="What a budget would have done",
    )
    async def listed(request: Request, who: Asking, budget: str) -> Response:
        """What was found out of a budget: when each step would have been reached, and how many calls came then."""
        seen = (await seen_budget(container, who, budget)).budget
        history = await container.asked_replays.latest(seen.id)
        found = [each for each in history.kept if each.budget.scope == seen.scope]
        return tagged_answer(request, ReplayAnswers(tuple(map(_told, found))))

    @routes.post(
        "/budgets/{budget}/replays",
        status_code=202,
        operation_id="replayBudget",
        responses=accepted((413,)),
        openapi_extra=posting(body(ReplayBody, example={"month": "2026-10", "amount": "1500"})),
        summary="Find out what a budget would have done",
    )
    async def replay(request: Request, who: Asking, budget: str) -> Response:
        """Replay the usage of a month, also of the one under way, as if the budget acted on calls.

        With an amount or steps, as if it had these. Nothing is changed, and nothing is carried into the window in
        which the month begins.
        """
        require(who, Permission.CHANGE_BUDGETS)
        seen = (await seen_budget(container, who, budget)).budget
        content = await bounded(request, LARGEST_BUDGET)
        asked = decoded(ReplayBody, content)
        wanted = await _wanted(container, seen, asked)

        async def work(now: datetime, name: str) -> Response:
            return await begin(
                container,
                request,
                who,
                name,
                now,
                OperationKind.REPLAY_BUDGET,
                period=_month(asked.month),
                budget=wanted,
                is_trial=wanted != seen,
            )

        return await once(container, request, who, content, work)

    return routes


async def _wanted(container: "Container", seen: Budget, asked: ReplayBody) -> Budget:
    """The budget as it is to be replayed. Raises `InvalidConfig` where that makes no sense."""
    tried: dict[str, Any] = {"amount": asked.amount, "steps": asked.steps}
    tried = {name: msgspec.to_builtins(value) for name, value in tried.items() if value is not None}
    if not tried:
        return seen
    version = await container.catalogues.version()
    entry = {**budget_entry(seen), **tried}
    return container.change_budgets.read(entry, version.catalogue, version.terms, datetime.now(UTC))


def _month(text: str) -> Month:
    try:
        return month(text)
    except (InvalidConfig, Superseded):
        raise ApiError(400, "InvalidBody", f"{text[:20]!r} is no month such as 2026-10", target="$.month") from None


def _told(kept: KeptReplay) -> ReplayAnswer:
    return ReplayAnswer(
        kept.operation,
        kept.month,
        kept.at,
        kept.by,
        kept.is_trial,
        budget_entry(kept.budget),
        not kept.lost,
        tuple(map(_window, kept.windows)),
    )


def _window(kept: KeptWindow) -> ReplayedWindowAnswer:
    steps = tuple(
        ReplayedStepAnswer(to_text(each.percent), each.action, each.of, each.at, each.calls, to_text(each.cost))
        for each in kept.steps
    )
    return ReplayedWindowAnswer(
        kept.first,
        kept.last,
        to_text(kept.carried),
        to_text(kept.limit),
        to_text(kept.spent),
        to_text(kept.overrun),
        kept.calls,
        kept.unknown,
        steps,
    )
