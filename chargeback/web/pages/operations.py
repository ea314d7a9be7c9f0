"""Long work on a page: how far it is, what came of it, and what happens next. Kept up to date until it is over."""

from starlette.routing import BaseRoute

from chargeback.api.acting.operations import OperationAnswer
from chargeback.services.operations.operation import OperationKind
from chargeback.web.month_words import may_change
from chargeback.web.operation_words import ShownOperation, shown_operation
from chargeback.web.sections import LOG_SECTION, MONTHS_SECTION, Section
from chargeback.web.visits import Page, Pages, Visit


def routes(site: Pages) -> list[BaseRoute]:
    """One page for work on months, and one for repairs."""
    return [_route(site, MONTHS_SECTION), _route(site, LOG_SECTION)]


def _route(site: Pages, section: Section) -> BaseRoute:
    async def look(visit: Visit) -> Page:
        answer = await visit.api.ask(f"/operations/{visit.request.path_params['id']}", OperationAnswer)
        shown = shown_operation(answer)
        values = {"shown": shown, "again": _again(visit, shown), "section_path": section.path}
        return Page("operation.html.j2", shown.name, values)

    return site.page(f"{section.path}/operations/{{id}}", section, look)


def _again(visit: Visit, shown: ShownOperation) -> str:
    """Where somebody can do it in spite of what was refused; empty where nobody can."""
    answer = shown.answer
    if answer.error is None or answer.override or not may_change(visit.who):
        return ""
    if answer.kind is OperationKind.CLOSE and shown.advice:
        return f"/months/{answer.period}/close-in-spite"
    if answer.kind is OperationKind.TRUE_UP and answer.error.code == "TrueUpRefused":
        return f"/months/{answer.period}/true-up-in-spite"
    return ""
