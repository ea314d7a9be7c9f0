"""GET /api/v1/periods/{period}/obstacles: what keeps a month from closing now, and what to do about each thing."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.api.conventions.answering import tagged_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import not_found
from chargeback.api.people import Asking, require
from chargeback.api.periods.months import month_in_path
from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.periods.obstacles import ObstacleKind

if TYPE_CHECKING:
    from chargeback.bootstrap import Container


class ObstacleAnswer(msgspec.Struct, frozen=True):
    """Something that keeps a month open.

    Attributes:
        fact: what is wrong, with its numbers.
        remedy: what to do about it; empty where the fact says it.
        firm: nobody can close the month in spite of it.
        parts: what it is about and how much there is of each: calls, rows, or cents.
    """

    kind: ObstacleKind
    fact: str
    remedy: str
    firm: bool
    parts: dict[str, int]


class ObstacleAnswers(msgspec.Struct, frozen=True):
    """What keeps a month from closing; nothing does where `value` is empty and the month has ended."""

    period: str
    value: tuple[ObstacleAnswer, ...]


def router(container: "Container") -> APIRouter:
    """What keeps months open."""
    routes = people_routes("periods")

    @routes.get(
        "/periods/{period}/obstacles",
        operation_id="listObstacles",
        responses=answers(ObstacleAnswers),
        summary="What keeps a month open",
    )
    async def listed(request: Request, who: Asking, period: str) -> Response:
        """What a closing would find now: if you may close months, a closing of yours, else one of the timer."""
        require(who, Permission.READ_COSTS)
        name = month_in_path(period)
        if not who.scope.everything:
            raise not_found()
        closer = who.by if refusal(who, Permission.CHANGE_PERIODS) is None else None
        found = await container.closing_outlook.of(name, datetime.now(UTC), closer)
        value = [ObstacleAnswer(each.kind, each.fact, each.remedy, each.is_firm, {**each.parts}) for each in found]
        return tagged_answer(request, ObstacleAnswers(name, tuple(value)))

    return routes
