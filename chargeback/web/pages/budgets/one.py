"""One budget: how its figure comes about, its steps, its overrides, its history, and what it would have done."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from starlette.responses import Response
from starlette.routing import BaseRoute

from chargeback.api.acting.operations import OperationAnswer
from chargeback.api.budgets.bodies import BudgetAnswer
from chargeback.api.budgets.explained import ExplainedBudgetAnswer
from chargeback.api.budgets.predictions import BudgetPrediction
from chargeback.api.budgets.replays import ReplayAnswers
from chargeback.api.budgets.standing import BudgetChangeAnswer, BudgetChanges, OverrideAnswer, OverrideAnswers
from chargeback.api.outlook.alert_answers import AlertAnswer, AlertAnswers
from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, month_of, months_between
from chargeback.services.access.limiting import may_limit
from chargeback.services.budgets.wording import HAPPENED_TO_CALLS, HAPPENS_NOW, WOULD_HAPPEN
from chargeback.web.pages.budgets.definition_forms import may_change
from chargeback.web.pages.budgets.differences import ChangedField, differences
from chargeback.web.pages.budgets.done import done_text
from chargeback.web.pages.budgets.listing import books_date
from chargeback.web.pages.budgets.views import view_of
from chargeback.web.parts import Part, parts
from chargeback.web.sections import BUDGETS_SECTION
from chargeback.web.visits import Page, Pages, Visit


@dataclass(frozen=True, slots=True)
class ToldChange:
    """A change of a definition, with what differs from the one before; `is_end`: the budget was deleted."""

    change: BudgetChangeAnswer
    differences: Sequence[ChangedField]
    is_first: bool

    @property
    def is_end(self) -> bool:
        """Whether the budget was deleted."""
        return self.change.definition is None


def routes(site: Pages) -> list[BaseRoute]:
    """The page of a budget."""

    async def shown(visit: Visit) -> Page | Response:
        return await budget_page(site, visit)

    return [site.page("/budgets/{budget}", BUDGETS_SECTION, shown)]


async def budget_page(
    site: Pages, visit: Visit, typed: Mapping[str, Mapping[str, str]] | None = None, status: int = 200
) -> Page:
    """The page of a budget. `typed`: by form what somebody typed there, and under `fault` what is wrong with it."""
    name = visit.request.path_params["budget"]
    answer = await visit.api.ask(f"/budgets/{name}", BudgetAnswer)
    path, operation = f"/budgets/{answer.name_in_path}", visit.request.query_params.get("operation", "")
    found = await parts(
        explained=visit.api.ask(f"{path}/explanation", ExplainedBudgetAnswer),
        prediction=visit.api.ask(f"/budget/predict/{answer.name_in_path}", BudgetPrediction),
        changes=visit.api.ask(f"{path}/history", BudgetChanges),
        overrides=visit.api.ask(f"{path}/overrides", OverrideAnswers),
        replays=visit.api.ask(f"{path}/replays", ReplayAnswers),
        alerts=_alerts_of(visit, answer.id),
        operation=_if_asked(operation, lambda: visit.api.ask(f"/operations/{operation}", OperationAnswer)),
    )
    today, now = await books_date(site), datetime.now(UTC)
    explained: Part[ExplainedBudgetAnswer] = found["explained"]
    view = view_of(answer, explained.value.status if explained.value else None, today)
    running = found["operation"].value
    is_running = running is not None and running.status in ("NotStarted", "Running")
    return Page(
        "budget.html.j2",
        answer.id,
        {
            **found,
            "view": view,
            "explained": explained,
            "told_changes": _told(found["changes"].value.value if found["changes"].value else ()),
            "in_force": _in_force(found["overrides"].value, now),
            "now": now,
            "months": _months(today),
            "running": running,
            "is_running": is_running,
            "may_change": may_change(visit, answer),
            "may_override": may_limit(visit.who, view.scope),
            "may_replay": refusal(visit.who, Permission.CHANGE_BUDGETS) is None,
            "happens": WOULD_HAPPEN if view.body.shadow else HAPPENS_NOW,
            "happened": HAPPENED_TO_CALLS,
            "typed": typed or {},
            "key": str(uuid4()),
            "done": done_text(visit),
        },
        status,
    )


async def _alerts_of(visit: Visit, budget: str) -> list[AlertAnswer]:
    """What people were told of a budget, the latest first."""
    found = await visit.api.ask("/alerts", AlertAnswers, {"kind": "budget", "standing": "true"})
    return [each for each in found.value if each.rule == budget]


async def _if_asked(name: str, ask: Callable[[], Awaitable[Any]]) -> Any:
    return await ask() if name else None


def _months(today: date) -> list[Month]:
    """The months that can be replayed, the one under way first."""
    this = month_of(BookDate(today.isoformat()))
    return months_between(Month(f"{today.year - 1}{this[4:]}"), this)[::-1]


def _in_force(overrides: OverrideAnswers | None, now: datetime) -> OverrideAnswer | None:
    """The override that holds now."""
    latest = overrides.value[-1] if overrides and overrides.value else None
    return latest if latest is not None and latest.start <= now < latest.ends and latest.amount != "0" else None


def _told(changes: Sequence[BudgetChangeAnswer]) -> list[ToldChange]:
    """The changes with what each of them changed, the latest first."""
    found: list[ToldChange] = []
    before: dict[str, Any] | None = None
    for each in changes:
        differs = differences(before, each.definition) if before and each.definition else []
        found.append(ToldChange(each, differs, before is None))
        before = each.definition
    return found[::-1]
