"""The routes /api/v1/alerts: what people were told, as far as it is about what somebody may see."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from chargeback.api.conventions.answering import json_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, not_found
from chargeback.api.people import Asking, require
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester
from chargeback.domain.alerts.alert import Alert

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

_LOOKS_BACK = timedelta(days=30)
_LONGEST_SPAN = timedelta(days=366)
_MOST = 1_000
_LONGEST_ID = 200


class AlertTurn(msgspec.Struct, frozen=True):
    """Something that was told of a matter: that it was raised, became more urgent, or is over."""

    turn: str
    at: datetime
    headline: str
    cause: str
    advice: str


class AlertAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A matter that people were told of.

    Attributes:
        state: `stands`, `cleared`, `ended` with its period, or `happened` once.
    """

    id: str
    kind: str
    severity: str
    cost_centre: str
    raised_at: datetime
    state: str
    headline: str
    turns: tuple[AlertTurn, ...]


class AlertAnswers(msgspec.Struct, frozen=True):
    """What people were told of, the latest first."""

    since: datetime
    value: tuple[AlertAnswer, ...]


def router(container: "Container") -> APIRouter:
    """What people were told."""
    routes = people_routes("outlook")

    @routes.get("/alerts", operation_id="listAlerts", responses=answers(AlertAnswers), summary="List alerts")
    async def listed(
        who: Asking,
        since: Annotated[datetime | None, Query(description="A time with its zone. Default: 30 days ago.")] = None,
    ) -> Response:
        """The matters that were raised since a time and that concern what you may see."""
        require(who, Permission.READ_COSTS)
        now = datetime.now(UTC)
        start = _start(since, now)
        found: list[AlertAnswer] = []
        async for page in container.outbox.between(start, now):
            found += [_told(each) for each in page if _may_see(who, each)]
            if len(found) > _MOST:
                message = f"there are more than {_MOST}: ask for those since a later time"
                raise ApiError(400, "TooManyRows", message, target="since")
        return json_answer(AlertAnswers(start, tuple(found)))

    @routes.get("/alerts/{alert}", operation_id="getAlert", responses=answers(AlertAnswer), summary="Read an alert")
    async def read(who: Asking, alert: str) -> Response:
        """What was told of one matter."""
        require(who, Permission.READ_COSTS)
        if len(alert) > _LONGEST_ID or not alert.isprintable():
            raise not_found()
        kept = await container.outbox.get(alert)
        if kept is None or not _may_see(who, kept.alert):
            raise not_found()
        return json_answer(_told(kept.alert))

    return routes


def _start(since: datetime | None, now: datetime) -> datetime:
    if since is None:
        return now - _LOOKS_BACK
    if since.tzinfo is None:
        raise ApiError(400, "InvalidParameter", "say the time zone, such as 2026-11-01T00:00:00Z", target="since")
    if not now - _LONGEST_SPAN <= since.astimezone(UTC) <= now:
        raise ApiError(400, "InvalidParameter", f"is not within the last {_LONGEST_SPAN.days} days", target="since")
    return since.astimezone(UTC)


def _may_see(who: Requester, alert: Alert) -> bool:
    """A matter of no cost centre is about the whole of the books."""
    return who.scope.everything or (bool(alert.cost_centre) and who.scope.has_cost_centre(alert.cost_centre))


def _told(alert: Alert) -> AlertAnswer:
    turns = [
        AlertTurn(kind.value, turn.at, turn.facts.headline, turn.facts.cause, turn.facts.advice)
        for kind, turn in alert.turns.items()
    ]
    state = "happened" if alert.is_event else "stands" if alert.stands else "cleared" if alert.cleared else "ended"
    return AlertAnswer(
        alert.id,
        alert.matter.kind.value,
        alert.severity.value,
        alert.cost_centre,
        alert.raised.at,
        state,
        alert.raised.facts.headline,
        tuple(turns),
    )
