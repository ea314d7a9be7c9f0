"""What can be done to one budget from its page: its limit is overridden for some time, and a month is replayed."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from chargeback.api.acting.operations import OperationAnswer
from chargeback.web.api_client import ApiRefused
from chargeback.web.form_keys import form_key
from chargeback.web.pages.budgets.one import budget_page
from chargeback.web.sections import BUDGETS_SECTION
from chargeback.web.visits import Page, Pages, Visit

_UNTIL = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d))?")
"""A day, or a day and a time, in UTC; anything else the API reads, or says what is wrong with it."""


def routes(site: Pages) -> list[BaseRoute]:
    """Where the forms of the page are sent to; whoever looks at such an address sees the budget."""

    async def override(visit: Visit) -> Page | Response:
        return await _override(site, visit)

    async def replay(visit: Visit) -> Page | Response:
        return await _replay(site, visit)

    found: list[BaseRoute] = []
    for name, answer in (("overrides", override), ("replays", replay)):
        found += [
            site.page(f"/budgets/{{budget}}/{name}", BUDGETS_SECTION, _to_budget),
            site.form(f"/budgets/{{budget}}/{name}", BUDGETS_SECTION, answer),
        ]
    return found


async def _to_budget(visit: Visit) -> Response:
    return RedirectResponse(_path(visit), 303)


async def _override(site: Pages, visit: Visit) -> Page | Response:
    form = visit.form
    until = form.get("until", "").strip()
    said = _UNTIL.fullmatch(until)
    content = {
        "amount": form.get("amount", "").strip(),
        "until": f"{said[1]}T{said[2] or '00:00'}:00Z" if said else until,
        "reason": form.get("reason", "").strip(),
    }
    try:
        await visit.api.send(
            "POST", f"/budgets/{visit.request.path_params['budget']}/overrides", content, key=form.get("key", "")
        )
    except ApiRefused as error:
        return await _again(site, visit, "override", error, {"until": "say the day and the time in UTC"})
    done = "ended" if content["amount"] == "0" else "overridden"
    return RedirectResponse(f"{_path(visit)}?done={done}#overrides", 303)


async def _replay(site: Pages, visit: Visit) -> Page | Response:
    content = {"month": visit.form.get("month", ""), **_tried(visit.form)}
    try:
        asked = await visit.api.send(
            "POST", f"/budgets/{visit.request.path_params['budget']}/replays", content, key=visit.form.get("key", "")
        )
    except ApiRefused as error:
        return await _again(site, visit, "replay", error, {})
    return RedirectResponse(f"{_path(visit)}?operation={asked.as_kind(OperationAnswer).id}#replays", 303)


def _tried(form: Mapping[str, str]) -> dict[str, int | str]:
    amount = form.get("amount", "").strip()
    if not amount:
        return {}
    return {"amount": int(amount) if amount.isascii() and amount.isdigit() and len(amount) < 16 else amount}


async def _again(site: Pages, visit: Visit, form: str, error: ApiRefused, instead: Mapping[str, str]) -> Page:
    """The page once more, with what was typed and what is wrong with it."""
    if error.status not in (400, 409):
        raise error
    field = error.error.target.removeprefix("$").lstrip(".")
    message = instead.get(field, error.error.message)
    typed = {**visit.form, "key": form_key(visit, error), "field": field, "fault": message}
    return await budget_page(site, visit, {form: typed}, error.status)


def _path(visit: Visit) -> str:
    return f"/budgets/{quote(visit.request.path_params['budget'], safe=':')}"
