"""The routes /api/v1/operations: how far the long work is that people asked for."""

import re
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.api.acting.operations import ASK_AGAIN_AFTER, OperationAnswer, told
from chargeback.api.conventions.answering import json_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import not_found
from chargeback.api.people import Asking
from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.access.requester import Requester
from chargeback.services.operations.operation import OperationKind, OperationRecord

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

_ID = re.compile(r"[0-9a-f]{32}")
_REPAIRS = frozenset({OperationKind.REPLAY, OperationKind.RETRY})


class OperationAnswers(msgspec.Struct, frozen=True):
    """The operations that are to be done, and those that ended last, the newest first."""

    value: tuple[OperationAnswer, ...]


def router(container: "Container") -> APIRouter:
    """How far operations are."""
    routes = people_routes("operations")

    @routes.get(
        "/operations", operation_id="listOperations", responses=answers(OperationAnswers), summary="List operations"
    )
    async def listed(who: Asking) -> Response:
        """What is to be done, and what ended last, as far as you may know of it."""
        found = [told(each) for each in await container.operations.latest() if _may_know(who, each)]
        return json_answer(OperationAnswers(tuple(found)))

    @routes.get(
        "/operations/{operation}",
        operation_id="getOperation",
        responses=answers(OperationAnswer),
        summary="How far an operation is",
    )
    async def read(request: Request, who: Asking, operation: str) -> Response:  # noqa: ARG001 as all routes
        """Ask again after the seconds of `Retry-After`, until the status is `Succeeded` or `Failed`."""
        if not _ID.fullmatch(operation):
            raise not_found()
        found, _ = await container.operations.get(operation)
        if not _may_know(who, found):
            raise not_found()
        return json_answer(told(found), headers={} if found.state.is_over else {"Retry-After": ASK_AGAIN_AFTER})

    return routes


def _may_know(who: Requester, operation: OperationRecord) -> bool:
    """Whoever asked for it knows of it, and whoever may ask for the like or audits it."""
    order = operation.order
    if order.actor.id == who.identity.actor:
        return True
    if order.kind in _REPAIRS:
        return refusal(who, Permission.READ_SET_ASIDE) is None
    return who.scope.everything and refusal(who, Permission.READ_COSTS) is None
