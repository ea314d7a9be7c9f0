"""What finance does to a month: each act has a page of its own that says what it does before it is done."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from chargeback.api.acting.operations import OperationAnswer
from chargeback.api.periods.month_answers import PeriodAnswer
from chargeback.api.periods.obstacles import ObstacleAnswers
from chargeback.api.periods.reconciliations import ReconciliationAnswer
from chargeback.domain.time.months import Month
from chargeback.services.statements.print_dates import month_name
from chargeback.web.api_client import ApiRefused
from chargeback.web.form_keys import form_key
from chargeback.web.month_words import may_change, said_state
from chargeback.web.pages.month_files import charges_of_files, files_for
from chargeback.web.parts import parts, shown
from chargeback.web.sections import MONTHS_SECTION
from chargeback.web.visits import Page, Pages, Visit, no_such_page

_HERE = (400, 409, 412, 428)
"""Refusals that are said beside the form; with others there is no form."""


@dataclass(frozen=True, slots=True)
class MonthAct:
    """Something that is done to a month.

    Attributes:
        path: the end of the page's address; `of_api`: that of the API's route.
        button: what the button says.
        says: what it does, a paragraph each.
        reason: what is asked for; empty: nothing.
        despite: it is done in spite of what speaks against it.
        shows: what the page shows of the month first: `obstacles`, `invoice`, or nothing; for `draft`, it remembers the
            charges that the draft has now.
        done: what the month's page says afterwards; empty for long work, which has a page.
    """

    path: str
    of_api: str
    name: str
    button: str
    says: tuple[str, ...]
    reason: str = ""
    is_reason_needed: bool = False
    despite: bool = False
    shows: str = ""
    done: str = ""


_FINAL = "Its files become final and are kept as they are. Whatever comes later becomes a correction in a later month."
MONTH_ACTS = (
    MonthAct(
        "approve", "approve", "Approve the draft of", "Approve the draft",
        (
            "You say that the charges in the draft are right, as its files have them now. Look at them first.",
            "Somebody else or the timer closes the month then. If a charge changes before that, the approval lapses.",
        ),
        "What there is to say about it", shows="draft", done="approved",
    ),
    MonthAct(
        "withdraw-approval", "withdraw-approval", "Take back the approval of", "Take the approval back",
        ("The month cannot be closed until somebody approves it again. A closing that is under way cannot succeed.",),
        "Why", done="withdrawn",
    ),
    MonthAct("close", "close", "Close", "Close the month", (_FINAL,), shows="obstacles"),
    MonthAct(
        "close-in-spite", "close", "Close, in spite of what is open,", "Close it in spite of this",
        (_FINAL, "What is listed here stays as it is: usage without a price is not billed until a correction has it."
         " Your name, your reason and this list go on the record and into the manifest."),
        "Why it is closed all the same", is_reason_needed=True, despite=True, shows="obstacles",
    ),
    MonthAct(
        "true-up", "true-up", "Set the true-up of", "Set the true-up",
        ("The newest invoice is compared with the books, and what it has beyond them is charged to those whose usage"
         " caused it. A true-up that is set already is replaced. In a closed month it becomes a correction.",),
        shows="invoice",
    ),
    MonthAct(
        "true-up-in-spite", "true-up", "Set, in spite of open usage, the true-up of", "Set it in spite of this",
        ("The true-up is set although some of the usage waits for tokens or prices, or is estimated.",),
        "Why it is set all the same", is_reason_needed=True, despite=True, shows="invoice",
    ),
    MonthAct(
        "remove-true-up", "remove-true-up", "Take back the true-up of", "Take the true-up back",
        ("Nothing is charged beyond the books any more. What a closed month billed of it is given back as a"
         " correction.",),
        shows="invoice",
    ),
    MonthAct(
        "correct", "correct", "Rate again", "Rate it again",
        ("The usage of this closed month is rated with the prices and rules in force now. Its files stay as they are;"
         " what differs becomes corrections in the oldest open month.",),
        "What was wrong", is_reason_needed=True,
    ),
    MonthAct(
        "publish", "publish", "Write again the draft of", "Write the draft",
        ("The files are made from the books as they are now. A timer does the same each day.",),
    ),
    MonthAct(
        "reconcile", "reconcile", "Compare with its invoice", "Compare now",
        ("The newest export of the invoice is read and compared with what was published. A timer does the same each"
         " day.",),
        shows="invoice",
    ),
)  # fmt: skip


_BY_PATH = {act.path: act for act in MONTH_ACTS}


def routes(site: Pages) -> list[BaseRoute]:
    """The page of an act, and where its form is sent to."""
    path = f"{MONTHS_SECTION.path}/{{period}}/{{act}}"
    return [site.page(path, MONTHS_SECTION, _look), site.form(path, MONTHS_SECTION, _do)]


async def _look(visit: Visit) -> Page:
    if not may_change(visit.who):
        raise no_such_page()
    return await _page(visit, _act(visit))


def _act(visit: Visit) -> MonthAct:
    act = _BY_PATH.get(visit.request.path_params["act"])
    if act is None:
        raise no_such_page()
    return act


async def _page(visit: Visit, act: MonthAct, refused: ApiRefused | None = None) -> Page:
    period = visit.request.path_params["period"]
    read = await visit.api.read(f"/periods/{period}")
    month = read.as_kind(PeriodAnswer)
    found = await parts(**_shown(visit, act, period))
    values = {
        "act": act,
        "month": month,
        "said_state": said_state(month),
        "tag": read.tag,
        "key": form_key(visit, refused),
        "reason": visit.form.get("reason", ""),
        "refused": refused,
        "found": found,
    }
    return Page(
        "month_act.html.j2", f"{act.name} {month_name(Month(period))}", values, refused.status if refused else 200
    )


def _shown(visit: Visit, act: MonthAct, period: str) -> dict[str, Any]:
    match act.shows:
        case "obstacles":
            return {"obstacles": visit.api.ask(f"/periods/{period}/obstacles", ObstacleAnswers)}
        case "invoice":
            return {"invoice": visit.api.ask(f"/periods/{period}/reconciliation", ReconciliationAnswer)}
        case "draft":
            return {"charges": shown(files_for(visit, Month(period)), charges_of_files)}
    return {}


async def _do(visit: Visit) -> Page | Response:
    act = _act(visit)
    period, form = visit.request.path_params["period"], visit.form
    content: dict[str, Any] = {"reason": form.get("reason", "").strip(), "override": act.despite}
    if act.shows == "draft":
        content["charges"] = form.get("charges", "")
    path = f"/periods/{period}/{act.of_api}"
    try:
        answer = await visit.api.send("POST", path, content, tag=form.get("tag", ""), key=form.get("key", ""))
    except ApiRefused as error:
        if error.status not in _HERE:
            raise
        return await _page(visit, act, error)
    if act.done:
        return RedirectResponse(f"{MONTHS_SECTION.path}/{period}?done={act.done}", 303)
    begun = answer.as_kind(OperationAnswer)
    return RedirectResponse(f"{MONTHS_SECTION.path}/operations/{begun.id}", 303)
