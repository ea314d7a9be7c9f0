"""The routes that say how budgets stand: status, history, and the temporary changes of their limits."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.adapters.config.budget_entries import budget_entry
from chargeback.api.acting.repeatable import once, posting
from chargeback.api.bodies import bounded, decoded
from chargeback.api.budgets.bodies import BudgetStatus
from chargeback.api.budgets.definitions import LARGEST_BUDGET
from chargeback.api.budgets.seen import changing_limit, seen_budget, statuses
from chargeback.api.conventions.answering import json_answer, tagged_answer, version_but_for_moment
from chargeback.api.conventions.documents import answers, body
from chargeback.api.conventions.moments import moment_in_utc
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, not_found
from chargeback.api.people import Asking, require
from chargeback.domain.access.permissions import Permission
from chargeback.domain.money.exact import to_text
from chargeback.services.budgets.overrides import MadeOverride, OverrideRequest

if TYPE_CHECKING:
    from chargeback.bootstrap import Container


class BudgetStatuses(msgspec.Struct, frozen=True, rename="camel"):
    """How budgets stand."""

    as_of: datetime
    value: tuple[BudgetStatus, ...]


class BudgetChangeAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A change of a budget; `definition` is null where it was deleted."""

    at: datetime
    by: str
    reason: str
    definition: dict[str, Any] | None


class BudgetChanges(msgspec.Struct, frozen=True):
    """The changes of a budget that was made beside budgets.yaml, the first one first."""

    value: tuple[BudgetChangeAnswer, ...]


class OverrideBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A temporary change of a limit.

    Attributes:
        amount: added to the limit, in the budget's currency; below 0 lowers it, 0 ends the one in force.
        until: when it ends.
        reason: why; goes on the record.
    """

    amount: str
    until: datetime
    reason: str


class OverrideAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A temporary change of a limit; `ends`: when it ends, which a later one makes earlier than `until`."""

    amount: str
    currency: str
    start: datetime
    until: datetime
    ends: datetime
    by: str
    reason: str


class OverrideAnswers(msgspec.Struct, frozen=True):
    """The temporary changes of a limit, the first one first."""

    value: tuple[OverrideAnswer, ...]


def router(container: "Container") -> APIRouter:
    """How budgets stand."""
    routes = people_routes("budgets")

    @routes.get(
        "/budgets/{budget}/status",
        operation_id="getBudgetStatus",
        responses=answers(BudgetStatus),
        summary="How a budget stands",
    )
    async def status(request: Request, who: Asking, budget: str) -> Response:
        """How a budget stands that is in force now."""
        seen = await seen_budget(container, who, budget)
        found, _ = await statuses(container, who, datetime.now(UTC))
        one = next((each for each in found if each.id == seen.budget.id), None)
        if one is None:
            raise not_found()
        return tagged_answer(request, one, version_but_for_moment(one))

    @routes.get(
        "/budgets/{budget}/history",
        operation_id="listBudgetChanges",
        responses=answers(BudgetChanges),
        summary="Changes of a budget",
    )
    async def history(request: Request, who: Asking, budget: str) -> Response:
        """Who changed a budget, when, why and to what. The history of budgets.yaml is in its repository."""
        seen = await seen_budget(container, who, budget)
        changes = seen.record.changes if seen.record else ()
        found = BudgetChanges(
            tuple(
                BudgetChangeAnswer(each.at, each.by, each.reason, budget_entry(each.budget) if each.budget else None)
                for each in changes
            )
        )
        return tagged_answer(request, found)

    @routes.get(
        "/budgets/{budget}/overrides",
        operation_id="listBudgetOverrides",
        responses=answers(OverrideAnswers),
        summary="Overrides of a budget",
    )
    async def overrides(request: Request, who: Asking, budget: str) -> Response:
        """Every temporary change of a limit that was ever made."""
        seen = (await seen_budget(container, who, budget)).budget
        histories = await container.budget_overrides.histories()
        made = next((each.with_ends() for each in histories if each.budget == seen.id), [])
        found = OverrideAnswers(tuple(_shown(one, ends, seen.currency) for one, ends in made))
        return tagged_answer(request, found)

    @routes.post(
        "/budgets/{budget}/overrides",
        status_code=201,
        operation_id="overrideBudget",
        responses=answers(OverrideAnswer, status=201, errors=(403, 409, 413)),
        openapi_extra=posting(
            body(OverrideBody, example={"amount": "500", "until": "2026-12-15T00:00:00Z", "reason": "the launch"})
        ),
        summary="Change a limit for some time",
    )
    async def override(request: Request, who: Asking, budget: str) -> Response:
        """Change the limit of a budget from now on for some time. It ends the override that is in force."""
        require(who, Permission.CHANGE_BUDGETS)
        seen = (await seen_budget(container, who, budget)).budget
        changing_limit(who, seen)
        content = await bounded(request, LARGEST_BUDGET)
        asked = decoded(OverrideBody, content)
        until = moment_in_utc(asked.until, "$.until", "InvalidBody")
        wanted = OverrideRequest(seen.id, _amount(asked.amount), until, who.by, asked.reason)

        async def make(now: datetime, _: str) -> Response:
            made = await container.budget_overrides.make(wanted, now)
            container.nudge_budgets()
            return json_answer(_shown(made, made.until, seen.currency), 201)

        return await once(container, request, who, content, make)

    return routes


def _shown(made: MadeOverride, ends: datetime, currency: str) -> OverrideAnswer:
    return OverrideAnswer(to_text(made.amount), currency, made.start, made.until, ends, made.by, made.reason)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ApiError(400, "InvalidBody", f"{text[:40]!r} is not an amount of money", target="$.amount")
    return amount
