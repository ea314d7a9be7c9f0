"""GET /api/v1/periods/{period}/corrections: which closed months a month corrects, by how much, and who caused it."""

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.api.conventions.answering import tagged_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.conventions.texts import Amount
from chargeback.api.errors import not_found
from chargeback.api.people import Asking, require
from chargeback.api.periods.months import month_in_path
from chargeback.domain.access.permissions import Permission

if TYPE_CHECKING:
    from chargeback.bootstrap import Container


class CauseOfCorrection(msgspec.Struct, frozen=True):
    """What somebody did to a closed month.

    Attributes:
        what: `corrected`, `trued up` or `took the true-up back`.
    """

    what: str
    by: str
    at: datetime
    reason: str


class CorrectionAnswer(msgspec.Struct, frozen=True):
    """What a month's files have of a closed month.

    Attributes:
        period: the closed month.
        rows: how many rows of the files these are.
        causes: who did what to it since; without any, usage came late, or an audit found it.
    """

    period: str
    currency: str
    cost: Amount
    rows: int
    causes: tuple[CauseOfCorrection, ...]


class CorrectionAnswers(msgspec.Struct, frozen=True):
    """The corrections in the files of a month, as they were published last."""

    period: str
    value: tuple[CorrectionAnswer, ...]


def router(container: "Container") -> APIRouter:
    """The corrections that months carry."""
    routes = people_routes("periods")

    @routes.get(
        "/periods/{period}/corrections",
        operation_id="listCorrections",
        responses=answers(CorrectionAnswers),
        summary="List the corrections in a month",
    )
    async def listed(request: Request, who: Asking, period: str) -> Response:
        """Which closed months a month corrects; empty where it was never published."""
        require(who, Permission.READ_COSTS)
        name = month_in_path(period)
        if not who.scope.everything:
            raise not_found()
        found = await container.month_corrections.of(name)
        value = [
            CorrectionAnswer(
                each.cost.period,
                each.cost.currency,
                each.cost.cost,
                each.cost.rows,
                tuple(CauseOfCorrection(deed.what, deed.by, deed.at, deed.reason) for deed in each.causes),
            )
            for each in found
        ]
        return tagged_answer(request, CorrectionAnswers(name, tuple(value)))

    return routes
