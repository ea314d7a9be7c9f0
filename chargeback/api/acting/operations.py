"""Begins long work and says how far it is: 202 with `Operation-Location`, which tells when it is done."""

import secrets
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from fastapi import Request, Response

from chargeback.api.conventions.answering import json_answer
from chargeback.api.conventions.documents import Responses, answers
from chargeback.api.conventions.pages import base_url
from chargeback.api.request_source import actor_of
from chargeback.domain.access.requester import Requester
from chargeback.domain.budgets.budget import Budget
from chargeback.services.operations.operation import OperationKind, OperationOrder, OperationRecord

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

ASK_AGAIN_AFTER = "15"


class OperationFault(msgspec.Struct, frozen=True):
    """Why an operation failed."""

    code: str
    message: str


class OperationAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Long work that somebody asked for.

    Attributes:
        status: `NotStarted`, `Running`, `Succeeded` or `Failed`.
        by: who asked for it; `reason`: why; `override`: in spite of what speaks against it.
        tries: how often it was begun; more than once where a run was killed.
        result: what came of it, once it succeeded.
        error: why it failed.
    """

    id: str
    kind: OperationKind
    period: str
    by: str
    reason: str
    override: bool
    status: str
    tries: int
    created_at: datetime
    changed_at: datetime
    result: dict[str, str]
    error: OperationFault | None


def told(operation: OperationRecord) -> OperationAnswer:
    """How far an operation is."""
    order = operation.order
    return OperationAnswer(
        operation.id,
        order.kind,
        order.period,
        order.by,
        order.reason,
        order.override,
        operation.state.value,
        operation.tries,
        operation.asked_at,
        operation.changed_at,
        operation.result,
        OperationFault(*operation.error) if operation.error else None,
    )


def accepted(errors: tuple[int, ...] = ()) -> Responses:
    """The `responses` of a route that begins long work."""
    return answers(OperationAnswer, status=202, errors=(403, 409, *errors))


async def begin(
    container: "Container",
    request: Request,
    who: Requester,
    name: str,
    now: datetime,
    kind: OperationKind,
    *,
    period: str = "",
    reason: str = "",
    override: bool = False,
    budget: Budget | None = None,
    is_trial: bool = False,
) -> Response:
    """Ask for long work; `name` identifies the request where it may be repeated."""
    order = OperationOrder(
        kind=kind,
        actor=actor_of(request, who),
        by=who.by,
        period=period,
        reason=reason,
        override=override,
        budget=budget,
        is_trial=is_trial,
    )
    asked = await container.operations.ask(name or secrets.token_hex(16), order, now)
    where = f"{base_url(request)}/api/v1/operations/{asked.id}"
    return json_answer(
        told(asked), 202, {"Operation-Location": where, "Location": where, "Retry-After": ASK_AGAIN_AFTER}
    )
