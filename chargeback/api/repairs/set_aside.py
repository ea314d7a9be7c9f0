"""The routes /api/v1/set-aside and /quarantine: what could not be handled, and having it tried again."""

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.api.acting.operations import accepted, begin
from chargeback.api.acting.repeatable import once, posting
from chargeback.api.bodies import bounded, decoded, require_printable_reason
from chargeback.api.conventions.answering import tagged_answer
from chargeback.api.conventions.documents import answers, body
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import not_found
from chargeback.api.people import Asking, require
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester
from chargeback.services.operations.operation import OperationKind

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

_LARGEST_BODY = 16 * 1024
SHOWN_EVENTS = 100


class SetAsidePart(msgspec.Struct, frozen=True):
    """What one stage left out of a day; `parts`: name → reason, the first ones of `count`."""

    stage: str
    day: str
    count: int
    parts: dict[str, str]


class SetAsideAnswer(msgspec.Struct, frozen=True):
    """What is set aside now."""

    value: tuple[SetAsidePart, ...]


class QuarantineAnswer(msgspec.Struct, frozen=True):
    """The batches of events in quarantine, the oldest first."""

    value: tuple[str, ...]


class QuarantinedEvent(msgspec.Struct, frozen=True):
    """Why an event cannot be used; what it says is not shown."""

    reason: str
    detail: str


class QuarantinedBatch(msgspec.Struct, frozen=True):
    """A batch in quarantine; `value` has its first events."""

    batch: str
    count: int
    value: tuple[QuarantinedEvent, ...]


class RepairBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is tried again."""

    reason: str = ""


def router(container: "Container") -> APIRouter:
    """What could not be handled."""
    routes = people_routes("repairs")

    @routes.get(
        "/set-aside", operation_id="listSetAside", responses=answers(SetAsideAnswer), summary="What is set aside"
    )
    async def set_aside(request: Request, who: Asking) -> Response:
        """What could not be handled, by stage and day, and why. It keeps its month from closing."""
        require(who, Permission.READ_SET_ASIDE)
        left = await container.set_aside.all()
        found = SetAsideAnswer(
            tuple(SetAsidePart(each.stage.value, each.day, each.count, {**each.parts}) for each in left)
        )
        return tagged_answer(request, found)

    @routes.post(
        "/set-aside/retry",
        status_code=202,
        operation_id="retrySetAside",
        responses=accepted((413,)),
        openapi_extra=posting(body(RepairBody, example={"reason": "the price is there"})),
        summary="Try what is set aside again",
    )
    async def retry(request: Request, who: Asking) -> Response:
        """Try again, after a repair, all that is set aside."""
        return await _repair(container, request, who, OperationKind.RETRY)

    @routes.get(
        "/quarantine",
        operation_id="listQuarantine",
        responses=answers(QuarantineAnswer),
        summary="What is in quarantine",
    )
    async def quarantine(request: Request, who: Asking) -> Response:
        """The batches of events that cannot be used."""
        require(who, Permission.READ_SET_ASIDE)
        found = QuarantineAnswer(tuple(await container.quarantine.batches()))
        return tagged_answer(request, found)

    @routes.get(
        "/usage/quarantined",
        operation_id="listQuarantinedUsage",
        responses=answers(QuarantineAnswer),
        summary="Usage in quarantine",
    )
    async def quarantined(request: Request, who: Asking) -> Response:
        """What /quarantine says, beside the other usage that has no final cost."""
        return await quarantine(request, who)

    @routes.get(
        "/quarantine/{batch:path}",
        operation_id="getQuarantinedBatch",
        responses=answers(QuarantinedBatch),
        summary="Why events are in quarantine",
    )
    async def batch(request: Request, who: Asking, batch: str) -> Response:
        """Why the events of a batch cannot be used."""
        require(who, Permission.READ_SET_ASIDE)
        if batch not in await container.quarantine.batches():
            raise not_found()
        events = await container.quarantine.get(batch)
        shown = tuple(QuarantinedEvent(each.reason, each.detail) for each in events[:SHOWN_EVENTS])
        found = QuarantinedBatch(batch, len(events), shown)
        return tagged_answer(request, found)

    @routes.post(
        "/quarantine/replay",
        status_code=202,
        operation_id="replayQuarantine",
        responses=accepted((413,)),
        openapi_extra=posting(body(RepairBody, example={"reason": "the deployment is known now"})),
        summary="Take quarantined events in again",
    )
    async def replay(request: Request, who: Asking) -> Response:
        """Take the events of the quarantine in again; those that are still unusable stay there."""
        return await _repair(container, request, who, OperationKind.REPLAY)

    return routes


async def _repair(container: "Container", request: Request, who: Requester, kind: OperationKind) -> Response:
    require(who, Permission.REPAIR)
    content = await bounded(request, _LARGEST_BODY)
    asked = decoded(RepairBody, content or b"{}")
    require_printable_reason(asked.reason)

    async def do(now: datetime, key: str) -> Response:
        return await begin(container, request, who, key, now, kind, reason=asked.reason)

    return await once(container, request, who, content, do)
