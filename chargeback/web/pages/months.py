"""Months: how far each is, what stands in the way of closing it, its files, its corrections and its invoice."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from chargeback.api.acting.operation_routes import OperationAnswers
from chargeback.api.acting.operations import OperationAnswer
from chargeback.api.costs.open_usage import OpenUsagePage
from chargeback.api.costs.rows import CostPage
from chargeback.api.periods.corrections import CorrectionAnswers
from chargeback.api.periods.files import FileAnswers
from chargeback.api.periods.month_answers import PeriodAnswer
from chargeback.api.periods.months import PeriodAnswers
from chargeback.api.periods.obstacles import ObstacleAnswers
from chargeback.api.periods.reconciliations import ReconciliationAnswer
from chargeback.api.repairs.set_aside import QuarantineAnswer
from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.access.requester import recorded_name
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.time.months import Month, dates_of
from chargeback.services.running.together import together
from chargeback.services.statements.print_dates import month_name
from chargeback.web.month_words import acts_now, help_with, may_change, said_state
from chargeback.web.operation_words import shown_operation
from chargeback.web.pages.month_files import arranged, files_for, give_file
from chargeback.web.parts import Part, part, parts, shown
from chargeback.web.sections import MONTHS_SECTION
from chargeback.web.visits import Page, Pages, Visit

MOST_MONTHS = 24
"""How many months are listed at once."""

_MOST_OPERATIONS = 5
_MOST_LOOKED_AT = 2

SAID = {
    "approved": "The draft is approved. Somebody else or the timer may close the month now.",
    "withdrawn": "The approval is taken back.",
}


def routes(site: Pages) -> list[BaseRoute]:
    """The list, one month, and its files."""

    async def one(visit: Visit) -> Page:
        return await _one(visit, site.container.settings.settle_deadline_hours)

    return [
        site.page(MONTHS_SECTION.path, MONTHS_SECTION, _all),
        site.page(f"{MONTHS_SECTION.path}/{{period}}", MONTHS_SECTION, one),
        site.page(f"{MONTHS_SECTION.path}/{{period}}/files/{{name:path}}", MONTHS_SECTION, _file),
    ]


async def _file(visit: Visit) -> Response:
    return await give_file(visit)


async def _all(visit: Visit) -> Page:
    listed = await visit.api.ask("/periods", PeriodAnswers)
    until = visit.request.query_params.get("until", "")
    every = sorted(listed.value, key=lambda each: each.period, reverse=True)
    older = [each for each in every if not until or each.period <= until]
    months, now = older[:MOST_MONTHS], datetime.now(UTC)
    last = next((each for each in every if each.ends <= now), None)
    ended = [each for each in months if each.state != PeriodState.CLOSED and each.ends <= now]
    waiting = ended[-_MOST_LOOKED_AT:]  # the others wait for these, whatever else they wait for
    found, obstacles = await together(
        parts(**_sums(visit, months), **({"files": files_for(visit, Month(last.period))} if last else {})),
        together(*(part(_obstacles(visit, each.period)) for each in waiting)),
    )
    files: Part[FileAnswers] = found.get("files", Part(None))
    return Page(
        "months.html.j2",
        "Months",
        {
            "months": months,
            "now": now,
            "said_state": said_state,
            "last": last,
            "files": files,
            "arranged": arranged(files.value) if files.value else None,
            "totals": found.get("totals", Part(None)),
            "costs": _by_month(found.get("totals")),
            "corrected": _by_month(found.get("corrections")),
            "obstacles": {each.period: found for each, found in zip(waiting, obstacles, strict=True)},
            "person": recorded_name,
            "earlier": older[MOST_MONTHS].period if len(older) > MOST_MONTHS else "",
            "is_first_page": not until,
            "last_final": next((each for each in every if each.final and each is not last), None),
            "sees_all": visit.who.scope.everything,
            "sees_files": refusal(visit.who, Permission.DOWNLOAD_FILES) is None,
        },
    )


def _sums(visit: Visit, months: Sequence[PeriodAnswer]) -> dict[str, Any]:
    if not months:
        return {}
    span = {
        "startDate": dates_of(Month(months[-1].period))[0],
        "endDate": dates_of(Month(months[0].period))[-1],
        "granularity": "month",
    }
    return {
        "totals": visit.api.ask("/costs/series", CostPage, span),
        "corrections": visit.api.ask("/costs/series", CostPage, {**span, "kind": "correction"}),
    }


def _by_month(found: Part[CostPage] | None) -> dict[str, list[Any]]:
    rows = sorted(found.value.value, key=lambda row: str(row.month)) if found and found.value else []
    return {month: list(some) for month, some in groupby(rows, key=lambda row: str(row.month))}


async def _obstacles(visit: Visit, period: str) -> ObstacleAnswers:
    return await visit.api.ask(f"/periods/{period}/obstacles", ObstacleAnswers)


async def _one(visit: Visit, deadline_hours: int) -> Page:
    period = visit.request.path_params["period"]
    month = await visit.api.ask(f"/periods/{period}", PeriodAnswer)
    first, last = dates_of(Month(period))[0], dates_of(Month(period))[-1]
    span = {"startDate": first, "endDate": last}
    is_closed = month.state == PeriodState.CLOSED
    found = await parts(
        total=visit.api.ask("/costs/summary", CostPage, span),
        files=files_for(visit, Month(period)),
        corrections=visit.api.ask(f"/periods/{period}/corrections", CorrectionAnswers),
        reconciliation=visit.api.ask(f"/periods/{period}/reconciliation", ReconciliationAnswer),
        operations=shown(visit.api.ask("/operations", OperationAnswers), lambda all_: _of_month(all_, period)),
        **({} if is_closed else _what_is_open(visit, period, span)),
    )
    wanted = visit.request.query_params.get("statements", "")[:300]
    now = datetime.now(UTC)
    obstacles = found.get("obstacles", Part(None))
    values = {
        "obstacles": obstacles,
        "unpriced": Part(None),
        "quarantine": Part(None),
        **found,
        "month": month,
        "now": now,
        "said_state": said_state(month),
        "said": SAID.get(visit.request.query_params.get("done", ""), ""),
        "files": found["files"],
        "arranged": arranged(found["files"].value, wanted) if found["files"].value else None,
        "helps": help_with(visit.who, month, obstacles.value, span, deadline_hours),
        "acts": acts_now(visit.who, month, found["reconciliation"].value, now),
        "may_change": may_change(visit.who),
        "reads_log": refusal(visit.who, Permission.READ_AUDIT_LOG) is None,
        "span": span,
        "person": recorded_name,
        "is_closed": is_closed,
        "sees_all": visit.who.scope.everything,
    }
    return Page("month.html.j2", month_name(Month(period)), values)


def _what_is_open(visit: Visit, period: str, span: dict[str, Any]) -> dict[str, Any]:
    return {
        "obstacles": _obstacles(visit, period),
        "unpriced": visit.api.ask("/usage/unpriced", OpenUsagePage, {**span, "maxpagesize": 20}),
        **(
            {"quarantine": visit.api.ask("/quarantine", QuarantineAnswer)}
            if refusal(visit.who, Permission.READ_SET_ASIDE) is None
            else {}
        ),
    }


def _of_month(found: OperationAnswers, period: str) -> list[Any]:
    """Those that wait or are under way, and the latest that ended."""
    of_it: list[OperationAnswer] = [each for each in found.value if each.period == period]
    return [shown_operation(each) for each in of_it[:_MOST_OPERATIONS]]
