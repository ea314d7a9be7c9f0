"""The routes /api/v1/alerts: what people were told, as far as it is about what somebody may see."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Response

from chargeback.api.conventions.answering import json_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.moments import moment_in_utc
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, not_found
from chargeback.api.outlook.alert_answers import AlertAnswer, AlertAnswers, told_of
from chargeback.api.people import Asking, require
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester
from chargeback.domain.alerts.alert import Alert
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.domain.alerts.telling import Telling, TellingState
from chargeback.domain.cost_centres.tree import is_within

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

_LOOKS_BACK = timedelta(days=30)
_LONGEST_SPAN = timedelta(days=366)
_MOST = 1_000
_LONGEST_ID = 200


def router(container: "Container") -> APIRouter:
    """What people were told."""
    routes = people_routes("outlook")

    @routes.get("/alerts", operation_id="listAlerts", responses=answers(AlertAnswers), summary="List alerts")
    async def listed(
        who: Asking,
        since: Annotated[datetime | None, Query(description="A time with its zone. Default: 30 days ago.")] = None,
        kind: Annotated[AlertKind | None, Query(description="Only those of this kind.")] = None,
        cost_centre: Annotated[str | None, Query(alias="costCentre", description="With everything below it.")] = None,
        standing: Annotated[bool, Query(description="Also what stands now and was raised before that time.")] = False,
    ) -> Response:
        """The matters that were raised since a time and that concern what you may see."""
        require(who, Permission.READ_COSTS)
        now = datetime.now(UTC)
        start = _start(since, now)
        found: dict[str, Alert] = {}
        async for alerts in _pages(container, start, now, kind if standing else None, standing=standing):
            found |= {each.id: each for each in alerts if _is_asked(who, each, kind, cost_centre)}
            if len(found) > _MOST:
                message = f"there are more than {_MOST}: ask for those since a later time"
                raise ApiError(400, "TooManyRows", message, target="since")
        latest = sorted(found.values(), key=lambda each: each.raised.at, reverse=True)
        return json_answer(AlertAnswers(start, tuple(await _told(container, who, latest))))

    @routes.get("/alerts/{alert}", operation_id="getAlert", responses=answers(AlertAnswer), summary="Read an alert")
    async def read(who: Asking, alert: str) -> Response:
        """What was told of one matter."""
        require(who, Permission.READ_COSTS)
        if len(alert) > _LONGEST_ID or not alert.isprintable():
            raise not_found()
        kept = await container.outbox.get(alert)
        if kept is None or not _may_see(who, kept.alert):
            raise not_found()
        (told,) = await _told(container, who, [kept.alert])
        return json_answer(told)

    return routes


async def _pages(
    container: "Container", start: datetime, now: datetime, kind: AlertKind | None, *, standing: bool
) -> AsyncIterator[Sequence[Alert]]:
    if standing:
        yield [kept.alert for kept in await container.outbox.standing(kind)]
    async for page in container.outbox.between(start, now):
        yield page


async def _told(container: "Container", who: Requester, alerts: Sequence[Alert]) -> list[AlertAnswer]:
    """Channels are about everybody, so that only whoever sees everything is told of them."""
    if not who.scope.everything:
        return [told_of(each, None) for each in alerts]
    tellings = (each for alert in alerts for turn in alert.turns.values() for each in turn.tellings.values())
    names = sorted({each.digest for each in tellings if each.state is TellingState.IN_DIGEST})
    digests: dict[str, Telling] = {}
    for name in names:
        if kept := await container.digests.get(name):
            digests[name] = kept.digest.telling
    return [told_of(each, digests) for each in alerts]


def _start(since: datetime | None, now: datetime) -> datetime:
    if since is None:
        return now - _LOOKS_BACK
    start = moment_in_utc(since, "since")
    if not now - _LONGEST_SPAN <= start <= now:
        raise ApiError(400, "InvalidParameter", f"is not within the last {_LONGEST_SPAN.days} days", target="since")
    return start


def _is_asked(who: Requester, alert: Alert, kind: AlertKind | None, cost_centre: str | None) -> bool:
    if not _may_see(who, alert) or (kind is not None and alert.matter.kind is not kind):
        return False
    return not cost_centre or (bool(alert.cost_centre) and is_within(alert.cost_centre, cost_centre))


def _may_see(who: Requester, alert: Alert) -> bool:
    """A matter of no cost centre is about the whole of the books."""
    return who.scope.everything or (bool(alert.cost_centre) and who.scope.has_cost_centre(alert.cost_centre))
