"""What could not be handled: what is set aside, what is in quarantine, and having it tried again."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from chargeback.api.acting.operation_routes import OperationAnswers
from chargeback.api.acting.operations import OperationAnswer
from chargeback.api.repairs.set_aside import QuarantineAnswer, QuarantinedBatch, SetAsideAnswer
from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.access.requester import Requester
from chargeback.services.running.set_aside import Stage
from chargeback.web.api_client import ApiRefused
from chargeback.web.form_keys import form_key
from chargeback.web.log_tabs import tabs
from chargeback.web.operation_words import ShownOperation, shown_operation
from chargeback.web.parts import parts
from chargeback.web.sections import LOG_SECTION
from chargeback.web.visits import Page, Pages, Visit, no_such_page

_HERE = (400, 409)
"""Refusals that are said beside the form."""

MOST_BATCHES = 200

_STAGES = {
    Stage.SETTLE: "giving streams their tokens",
    Stage.POST: "posting the day",
    Stage.AUDIT: "recounting the day",
    Stage.SUMMARISE: "adding the day up",
    Stage.PACK: "packing the day into a file",
    Stage.PUBLISH: "writing the files",
}


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that is tried again.

    Attributes:
        path: the end of the address of its page and of the list.
        of_api: the API's route.
        empty: what is said where there is nothing to be tried.
    """

    path: str
    of_api: str
    name: str
    says: str
    empty: str


RETRY = Repair(
    "set-aside",
    "/set-aside/retry",
    "Try what is set aside again",
    "Every part of the list is handled again: after a repair it leaves the list, else it stays with its reason.",
    "Nothing is set aside.",
)
REPLAY = Repair(
    "quarantine",
    "/quarantine/replay",
    "Take quarantined events in again",
    "Every event is looked at again: what is usable now is counted once, the others stay with their reason.",
    "Nothing is in quarantine.",
)


_BY_PATH = {RETRY.path: RETRY, REPLAY.path: REPLAY}


def routes(site: Pages) -> list[BaseRoute]:
    """The lists, one batch, and the form for both."""
    again = f"{LOG_SECTION.path}/again/{{what}}"
    return [
        site.page(f"{LOG_SECTION.path}/set-aside", LOG_SECTION, set_aside_page),
        site.page(f"{LOG_SECTION.path}/quarantine", LOG_SECTION, _quarantine),
        site.page(f"{LOG_SECTION.path}/quarantine/{{batch:path}}", LOG_SECTION, _batch),
        site.page(f"{LOG_SECTION.path}/operations", LOG_SECTION, _operations),
        site.page(again, LOG_SECTION, _look),
        site.form(again, LOG_SECTION, _do),
    ]


async def _look(visit: Visit) -> Page:
    if refusal(visit.who, Permission.REPAIR) is not None:
        raise no_such_page()
    return await _repair(visit, _of(visit))


def _of(visit: Visit) -> Repair:
    repair = _BY_PATH.get(visit.request.path_params["what"])
    if repair is None:
        raise no_such_page()
    return repair


async def _do(visit: Visit) -> Page | Response:
    repair = _of(visit)
    content = {"reason": visit.form.get("reason", "").strip()}
    try:
        answer = await visit.api.send("POST", repair.of_api, content, key=visit.form.get("key", ""))
    except ApiRefused as error:
        if error.status not in _HERE:
            raise
        return await _repair(visit, repair, error)
    return RedirectResponse(f"{LOG_SECTION.path}/operations/{answer.as_kind(OperationAnswer).id}", 303)


def _around(who: Requester, tab: str) -> dict[str, Any]:
    return {"tab": tab, "may_repair": refusal(who, Permission.REPAIR) is None, **tabs(who)}


async def set_aside_page(visit: Visit) -> Page:
    """What is set aside, and which repairs are under way."""
    found = await parts(left=visit.api.ask("/set-aside", SetAsideAnswer), repairs=_under_way(visit))
    values = {**found, "stage_words": _stage_words, **_around(visit.who, "set-aside")}
    return Page("set_aside.html.j2", "Set aside", values)


async def _quarantine(visit: Visit) -> Page:
    found = await parts(quarantine=visit.api.ask("/quarantine", QuarantineAnswer), repairs=_under_way(visit))
    return Page("quarantine.html.j2", "Quarantine", {**found, "most": MOST_BATCHES, **_around(visit.who, "quarantine")})


async def _under_way(visit: Visit) -> list[ShownOperation]:
    """The repairs that are not over."""
    found = await visit.api.ask("/operations", OperationAnswers)
    return [each for each in map(shown_operation, found.value) if not each.is_over and not each.answer.period]


async def _batch(visit: Visit) -> Page:
    batch = visit.request.path_params["batch"]
    found = await visit.api.ask(f"/quarantine/{batch}", QuarantinedBatch)
    values = {"found": found, **_around(visit.who, "quarantine")}
    return Page("quarantined_batch.html.j2", "Batch in quarantine", values)


async def _operations(visit: Visit) -> Page:
    found = await visit.api.ask("/operations", OperationAnswers)
    operations = [shown_operation(each) for each in found.value]
    return Page("operations.html.j2", "Operations", {"operations": operations, **_around(visit.who, "operations")})


async def _repair(visit: Visit, repair: Repair, refused: ApiRefused | None = None) -> Page:
    found = await parts(
        left=visit.api.ask("/set-aside", SetAsideAnswer),
        quarantine=visit.api.ask("/quarantine", QuarantineAnswer),
        repairs=_under_way(visit),
    )
    values = {
        "repair": repair,
        "numbers": _numbers(repair, found),
        "found": found,
        "key": form_key(visit, refused),
        "reason": visit.form.get("reason", ""),
        "refused": refused,
        **_around(visit.who, repair.path),
    }
    return Page("repair.html.j2", repair.name, values, refused.status if refused else 200)


def _numbers(repair: Repair, found: dict[str, Any]) -> str:
    """How much there is to be tried; empty where there is nothing."""
    left, quarantine = found["left"].value, found["quarantine"].value
    if repair is RETRY and left and left.value:
        days = {each.day for each in left.value}
        return f"{sum(each.count for each in left.value)} parts of {len(days)} days or months are set aside."
    if repair is REPLAY and quarantine and quarantine.value:
        return f"{len(quarantine.value)} batches of events are in quarantine."
    return ""


def _stage_words(stage: str) -> str:
    return _STAGES[Stage(stage)] if stage in set(Stage) else stage
