"""The routes /api/v1/periods: how far each month is, and what is done to it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.api.acting.operations import accepted, begin
from chargeback.api.acting.repeatable import once, posting
from chargeback.api.bodies import bounded, decoded, require_printable_reason
from chargeback.api.conventions.answering import json_answer, tagged_answer
from chargeback.api.conventions.documents import answers, body
from chargeback.api.conventions.entity_tags import VARY, require_match, tag_of, unchanged
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, not_found
from chargeback.api.people import Asking, require
from chargeback.api.periods.month_answers import MonthTelling, PeriodAnswer
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester
from chargeback.domain.errors import InvalidConfig, NotThere, Superseded
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodChange, PeriodState
from chargeback.domain.time.months import Month, month
from chargeback.services.operations.operation import OperationKind
from chargeback.services.reconciling.true_up import true_up_digest

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

_LARGEST_BODY = 16 * 1024


class PeriodAnswers(msgspec.Struct, frozen=True):
    """The months of the books, the first one first."""

    value: tuple[PeriodAnswer, ...]


class ActBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why something is done.

    Attributes:
        override: do it although something speaks against it that the message of the refusal names; needs a reason.
    """

    reason: str = ""
    override: bool = False


class ApprovalBody(ActBody, frozen=True, forbid_unknown_fields=True):
    """Which draft is approved.

    Attributes:
        charges: the SHA-256 of the file `charges-….parquet` that you looked at, as the list of files has it: where the
            draft was written again with other charges since, nothing is approved. Without it, whatever is there is.
    """

    charges: str | None = None


A = TypeVar("A", bound=ActBody)

_EXAMPLE = {"reason": "all is checked", "override": False}


def router(container: "Container") -> APIRouter:
    """Months, and what is done to them."""
    routes = people_routes("periods")

    @routes.get("/periods", operation_id="listPeriods", responses=answers(PeriodAnswers), summary="List the months")
    async def listed(request: Request, who: Asking) -> Response:
        """The months that are closed, and those that are open."""
        require(who, Permission.READ_COSTS)
        closed = await container.periods.closed()
        names = await container.drafts.open_periods(datetime.now(UTC))
        found = [*closed, *[(await container.periods.get(each))[0] for each in names]]
        telling = await MonthTelling.of(container, who)
        content = PeriodAnswers(tuple(telling.tell(each) for each in found))
        return tagged_answer(request, content)

    @routes.get("/periods/{period}", operation_id="getPeriod", responses=answers(PeriodAnswer), summary="Read a month")
    async def read(request: Request, who: Asking, period: str) -> Response:
        """How far a month is. Whoever does something to it names this answer's ETag with If-Match."""
        require(who, Permission.READ_COSTS)
        known = (await container.periods.get(month_in_path(period)))[0]
        telling = await MonthTelling.of(container, who)
        tag = await _tag(container, known, telling)
        return unchanged(request, tag) or json_answer(telling.tell(known), headers={"ETag": tag, **VARY})

    @routes.post(
        "/periods/{period}/approve",
        operation_id="approvePeriod",
        responses=answers(PeriodAnswer, errors=(403, 409, 412, 413, 428)),
        openapi_extra=posting(body(ApprovalBody, example={"reason": "all is checked"})),
        summary="Approve the draft of a month",
    )
    async def approve(request: Request, who: Asking, period: str) -> Response:
        """Approve the published draft, so that another person or the timer may close the month."""
        name, content, asked = await _asked(request, who, period, ApprovalBody)

        async def do(now: datetime, _: str) -> Response:
            known = (await container.periods.get(name))[0]
            is_done = known.approval is not None and (known.approval.by, known.approval.at) == (who.by, now)
            if not is_done:
                await _require_read(container, request, who, known)
                known = await container.approver.approve(name, who.by, now, asked.reason, seen=asked.charges)
            return await _answer(container, who, known)

        return await once(container, request, who, content, do)

    @routes.post(
        "/periods/{period}/withdraw-approval",
        operation_id="withdrawApproval",
        responses=answers(PeriodAnswer, errors=(403, 409, 412, 413, 428)),
        openapi_extra=posting(body(ActBody, example=_EXAMPLE)),
        summary="Take the approval of a month back",
    )
    async def withdraw(request: Request, who: Asking, period: str) -> Response:
        """Take the approval of a month back that is not closed yet."""
        name, content, asked = await _asked(request, who, period, ActBody)

        async def do(now: datetime, _: str) -> Response:
            known = (await container.periods.get(name))[0]
            change = PeriodChange("approval withdrawn", now, who.by, asked.reason)
            if change not in known.history:
                await _require_read(container, request, who, known)
                known = await container.approver.withdraw(name, change)
            return await _answer(container, who, known)

        return await once(container, request, who, content, do)

    for path, kind, summary in _LONG:
        _add_long(routes, container, path, kind, summary)
    return routes


_LONG = (
    ("close", OperationKind.CLOSE, "Close a month"),
    ("correct", OperationKind.CORRECT, "Rate a closed month again"),
    ("true-up", OperationKind.TRUE_UP, "Set a month's true-up to its invoice"),
    ("remove-true-up", OperationKind.REMOVE_TRUE_UP, "Take a month's true-up back"),
    ("publish", OperationKind.PUBLISH, "Write the draft of a month again"),
    ("reconcile", OperationKind.RECONCILE, "Compare a month with its invoice"),
)
_TEXTS = {
    OperationKind.CLOSE: "Close a month, so that its files are final. What comes later is a correction.",
    OperationKind.CORRECT: "Rate a closed month with what is in force; what differs becomes corrections. Say why.",
    OperationKind.TRUE_UP: "Charge what the provider's invoice has beyond the books of a month.",
    OperationKind.REMOVE_TRUE_UP: "Charge nothing beyond the books of a month any more.",
    OperationKind.PUBLISH: "Write the files of an open month as its books are now. A timer does it each day.",
    OperationKind.RECONCILE: "Compare a month with the newest export of its invoice. A timer does it each day.",
}


def _add_long(routes: APIRouter, container: "Container", path: str, kind: OperationKind, summary: str) -> None:
    """A route that begins long work on a month."""

    async def long(request: Request, who: Asking, period: str) -> Response:
        name, content, asked = await _asked(request, who, period, ActBody)

        async def do(now: datetime, key: str) -> Response:
            if not (key and await _is_known(container, key)):
                known = (await container.periods.get(name))[0]
                await _require_read(container, request, who, known)
                _require_possible(kind, known)
            return await begin(
                container,
                request,
                who,
                key,
                now,
                kind,
                period=name,
                reason=asked.reason,
                override=asked.override,
            )

        return await once(container, request, who, content, do)

    long.__doc__ = _TEXTS[kind]
    routes.post(
        f"/periods/{{period}}/{path}",
        status_code=202,
        operation_id=kind.value,
        responses=accepted((412, 413, 428)),
        openapi_extra=posting(body(ActBody, example=_EXAMPLE)),
        summary=summary,
    )(long)


async def _is_known(container: "Container", operation: str) -> bool:
    """Whether a request that was killed before it was answered has begun this already."""
    try:
        await container.operations.get(operation)
    except NotThere:
        return False
    return True


def _require_possible(kind: OperationKind, known: BillingPeriod) -> None:
    """Refuse at once what can never succeed."""
    if kind is OperationKind.CLOSE and known.state is PeriodState.CLOSED and known.is_filed:
        message = f"{known.month} is closed: what comes later is a correction in the oldest open month"
        raise ApiError(409, "PeriodClosed", message)
    if kind is OperationKind.PUBLISH and known.state is PeriodState.CLOSED:
        raise ApiError(409, "PeriodClosed", f"{known.month} is closed: its files stay as they are")
    if kind is OperationKind.CORRECT and known.state is not PeriodState.CLOSED:
        raise ApiError(409, "PeriodOpen", f"{known.month} is {known.state}: it is rated again by itself")


async def _asked(request: Request, who: Requester, period: str, kind: type[A]) -> tuple[Month, bytes, A]:
    """The month and the body of somebody who may change months."""
    require(who, Permission.CHANGE_PERIODS)
    name = month_in_path(period)
    content = await bounded(request, _LARGEST_BODY)
    asked = decoded(kind, content or b"{}")
    require_printable_reason(asked.reason)
    needs_reason = asked.override or request.url.path.endswith("/correct")
    if needs_reason and not asked.reason.strip():
        raise ApiError(400, "InvalidBody", "say why: this goes on the record with its reason", target="$.reason")
    return name, content, asked


def month_in_path(text: str) -> Month:
    """The month that a path names; 404 for anything else."""
    try:
        return month(text)
    except (InvalidConfig, Superseded):
        raise not_found() from None


async def _tag(container: "Container", known: BillingPeriod, telling: MonthTelling) -> str:
    """Names a month as it was told; it changes with its record, its true-up, its invoice and the configuration."""
    true_up = await true_up_digest(container.control, known.month)
    return tag_of(["period", msgspec.json.encode(known).decode(), true_up, telling.basis_of(known)])


async def _require_read(container: "Container", request: Request, who: Requester, known: BillingPeriod) -> None:
    """Refuse whoever has not read the month as it is."""
    require_match(request, await _tag(container, known, await MonthTelling.of(container, who)))


async def _answer(container: "Container", who: Requester, known: BillingPeriod) -> Response:
    telling = await MonthTelling.of(container, who)
    return json_answer(telling.tell(known), headers={"ETag": await _tag(container, known, telling)})
