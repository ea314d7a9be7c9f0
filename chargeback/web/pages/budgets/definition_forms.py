"""The forms that make, change and delete a budget that is kept beside budgets.yaml."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from chargeback.api.budgets.bodies import BudgetAnswer, BudgetBody
from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.budgets.budget import Action, Measure, ScopeKind
from chargeback.domain.budgets.windows import Every
from chargeback.services.access.limiting import may_limit
from chargeback.services.budgets.seen_budgets import is_own_name
from chargeback.web.api_client import ApiAnswer, ApiRefused
from chargeback.web.form_keys import form_key
from chargeback.web.pages.budgets.differences import ChangedField, differences
from chargeback.web.pages.budgets.form_fields import FilledIn, fields_of, filled_in, step_rows
from chargeback.web.pages.budgets.views import SCOPES, WINDOWS, scope_of
from chargeback.web.sections import BUDGETS_SECTION
from chargeback.web.visits import Page, Pages, Visit, not_found_page

NEW = "/new-budget"
"""Beside /budgets, below which every name may be that of a budget."""

_WORTH_ANOTHER_TRY = (400, 403, 404, 409)


def routes(site: Pages) -> list[BaseRoute]:
    """The forms, and where they are sent to."""
    return [
        site.page(NEW, BUDGETS_SECTION, _new),
        site.form(NEW, BUDGETS_SECTION, _create),
        site.page("/budgets/{budget}/change", BUDGETS_SECTION, _changing),
        site.form("/budgets/{budget}/change", BUDGETS_SECTION, _change),
        site.page("/budgets/{budget}/delete", BUDGETS_SECTION, _deleting),
        site.form("/budgets/{budget}/delete", BUDGETS_SECTION, _delete),
    ]


def may_change(visit: Visit, answer: BudgetAnswer) -> bool:
    """Whether whoever looks changes this budget here."""
    scope = scope_of(msgspec.convert(answer.definition, BudgetBody))
    is_theirs = may_limit(visit.who, scope) and is_own_name(visit.who, answer.id, scope.value)
    return answer.origin == "made" and is_theirs


async def _new(visit: Visit) -> Page | Response:
    if refusal(visit.who, Permission.CHANGE_BUDGETS) is not None:
        return not_found_page(visit.request)
    centre = visit.request.query_params.get("costCentre", "")
    steps = {"steps-0-percent": "80", "steps-0-do": "warn", "steps-1-percent": "100", "steps-1-do": "block"}
    fields = {"scopeKind": ScopeKind.COST_CENTRE.value, "scopeValue": centre, "every": "month", "shadow": "on", **steps}
    return _form(visit, fields)


async def _create(visit: Visit) -> Page | Response:
    filled = filled_in(visit.form)
    if filled.faults:
        return _form(visit, visit.form, filled.faults, status=400)
    try:
        made = await visit.api.send("POST", "/budgets", filled.content, key=visit.form.get("key", ""))
    except ApiRefused as error:
        return _again(visit, filled, error)
    return RedirectResponse(f"/budgets/{made.as_kind(BudgetAnswer).name_in_path}?done=created", 303)


async def _changing(visit: Visit) -> Page | Response:
    read = await _read(visit)
    answer = read.as_kind(BudgetAnswer)
    if not may_change(visit, answer):
        return not_found_page(visit.request)
    return _form(visit, fields_of(msgspec.convert(answer.definition, BudgetBody)), answer=answer, tag=read.tag)


async def _change(visit: Visit) -> Page | Response:
    read = await _read(visit)
    answer, filled = read.as_kind(BudgetAnswer), filled_in(visit.form)
    tag = visit.form.get("tag", "")
    if filled.faults:
        return _form(visit, visit.form, filled.faults, answer=answer, tag=tag, status=400)
    content = {**filled.content, "id": answer.id}
    try:
        await visit.api.send("PUT", f"/budgets/{answer.name_in_path}", content, tag=tag or "-")
    except ApiRefused as error:
        if error.status != 412:
            return _again(visit, filled, error, answer=answer, tag=tag)
        between = differences(answer.definition, _as_defined(content, answer))
        if between:
            return _form(visit, visit.form, {}, answer=answer, tag=read.tag, between=between, status=412)
    return RedirectResponse(f"/budgets/{answer.name_in_path}?done=changed", 303)


async def _deleting(visit: Visit) -> Page | Response:
    read = await _read(visit)
    answer = read.as_kind(BudgetAnswer)
    if not may_change(visit, answer):
        return not_found_page(visit.request)
    return _deletion(answer, read.tag)


async def _delete(visit: Visit) -> Page | Response:
    """Where the answer to the first try was lost, whoever sends the form again is told that the budget is gone."""
    try:
        return await _deleted(visit)
    except ApiRefused as error:
        if error.status != 404:
            raise
    return RedirectResponse("/budgets?done=gone", 303)


async def _deleted(visit: Visit) -> Page | Response:
    read = await _read(visit)
    answer = read.as_kind(BudgetAnswer)
    reason, tag = visit.form.get("reason", ""), visit.form.get("tag", "")
    path = f"/budgets/{answer.name_in_path}"
    try:
        await visit.api.send("DELETE", path, tag=tag or "-", parameters={"reason": reason})
    except ApiRefused as error:
        if error.status not in (400, 409, 412):
            raise
        return _deletion(answer, read.tag, reason, error)
    return RedirectResponse("/budgets?done=deleted", 303)


async def _read(visit: Visit) -> ApiAnswer:
    return await visit.api.read(f"/budgets/{visit.request.path_params['budget']}")


def _again(
    visit: Visit, filled: FilledIn, error: ApiRefused, *, answer: BudgetAnswer | None = None, tag: str = ""
) -> Page:
    """The form once more, with what was typed and what is wrong with it."""
    if error.status not in _WORTH_ANOTHER_TRY:
        raise error
    faults = filled.faults_of(error.error)
    if error.status == 404:
        faults = {"scopeValue": "there is no such cost centre, or you may not limit it"}
    return _form(visit, visit.form, faults, answer=answer, tag=tag, status=error.status, refused=error)


def _form(
    visit: Visit,
    fields: Mapping[str, str],
    faults: Mapping[str, str] | None = None,
    *,
    answer: BudgetAnswer | None = None,
    tag: str = "",
    between: list[ChangedField] | None = None,
    status: int = 200,
    refused: ApiRefused | None = None,
) -> Page:
    kinds = [*ScopeKind] if visit.who.scope.everything else [ScopeKind.COST_CENTRE]
    values = {
        "fields": fields,
        "faults": faults or {},
        "answer": answer,
        "tag": tag,
        "between": between or [],
        "key": form_key(visit, refused),
        "rows": step_rows(fields),
        "kinds": [(each.value, SCOPES[each][1]) for each in kinds],
        "windows": [(each.value, WINDOWS[each]) for each in Every],
        "actions": [each.value for each in Action],
        "measures": [each.value for each in Measure],
        "own_centres": [] if visit.who.scope.everything else sorted(visit.who.scope.cost_centres),
    }
    title = f"Change {answer.id}" if answer else "New budget"
    return Page("budget_form.html.j2", title, values, status)


def _deletion(answer: BudgetAnswer, tag: str, reason: str = "", error: ApiRefused | None = None) -> Page:
    values = {"answer": answer, "tag": tag, "reason": reason, "error": error}
    return Page("budget_delete.html.j2", f"Delete {answer.id}", values, error.status if error else 200)


def _as_defined(content: Mapping[str, Any], answer: BudgetAnswer) -> dict[str, Any]:
    """What was typed, with what the API fills in where nothing is said."""
    return {"currency": answer.definition.get("currency"), **content}
