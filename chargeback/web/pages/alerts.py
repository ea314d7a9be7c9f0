"""The section Alerts: what stands now, what happened before, and how far people were told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.routing import BaseRoute

from chargeback.api.outlook.alert_answers import AlertAnswer, AlertAnswers, AlertTurn
from chargeback.domain.access.requester import Requester
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.wording import URGENCY
from chargeback.web.parts import parts
from chargeback.web.rendering import link
from chargeback.web.sections import ALERTS_SECTION, EXPLORE_SECTION, LOG_SECTION, MONTHS_SECTION
from chargeback.web.visits import Page, Pages, Visit

_KIND_NAMES = {
    AlertKind.BUDGET: "Budget",
    AlertKind.ANOMALY: "Anomaly",
    AlertKind.UNPRICED: "Usage without a price",
    AlertKind.UNSETTLED: "Calls without tokens",
    AlertKind.CLOSING: "Month cannot be closed",
    AlertKind.CLOSED: "Month closed",
    AlertKind.POSTING: "No journal documents",
    AlertKind.VARIANCE: "Invoice differs",
    AlertKind.EVENTS_LOST: "Events lost",
    AlertKind.CONFLICTS: "Events contradict each other",
    AlertKind.QUARANTINE: "Events in quarantine",
    AlertKind.LEDGER_SHORT: "Ledger has less than before",
    AlertKind.MODEL_RETIRING: "Model retires",
}
_MARKS = {Severity.MONEY_AT_RISK: "bad", Severity.LOOK_TODAY: "warn", Severity.INFORMATION: ""}
_STATES = {"stands": "stands", "cleared": "all clear", "ended": "over", "happened": "happened"}
_OF_MONTHS = {AlertKind.CLOSING, AlertKind.CLOSED, AlertKind.POSTING, AlertKind.VARIANCE}
_OF_DAYS = {AlertKind.EVENTS_LOST, AlertKind.CONFLICTS, AlertKind.LEDGER_SHORT}
_USUAL_DAYS, _SPANS = 30, (1, 7, 30, 90, 365)


@dataclass(frozen=True, slots=True)
class ToldTurn:
    """A turn in the words of the page."""

    word: str
    turn: AlertTurn


@dataclass(frozen=True, slots=True)
class AlertView:
    """A matter with all that was told of it since it was raised for the first time, the first turn first.

    Attributes:
        alert: as it was raised last.
        turns: this time and those before it, as far as they are known here.
        act: where something can be done about it, and what that is called; empty texts: nowhere on these pages.
    """

    alert: AlertAnswer
    turns: Sequence[ToldTurn]
    act: tuple[str, str]

    @property
    def kind(self) -> str:
        """What it is about."""
        return _KIND_NAMES[AlertKind(self.alert.kind)]

    @property
    def urgency(self) -> str:
        """How soon somebody should look."""
        return URGENCY[Severity(self.alert.severity)]

    @property
    def mark(self) -> str:
        """How much that is to stand out."""
        return _MARKS[Severity(self.alert.severity)] if self.alert.state in ("stands", "happened") else ""

    @property
    def state(self) -> str:
        """Whether it stands."""
        return _STATES[self.alert.state]

    @property
    def latest(self) -> AlertTurn:
        """What was told last."""
        return self.turns[-1].turn


def routes(site: Pages) -> list[BaseRoute]:
    """The list, and one of them."""
    return [site.page(ALERTS_SECTION.path, ALERTS_SECTION, _list), site.page("/alerts/{alert}", ALERTS_SECTION, _one)]


async def _list(visit: Visit) -> Page:
    query, now = visit.request.query_params, datetime.now(UTC)
    kind, centre = query.get("kind", ""), query.get("costCentre", "").strip("/ ")
    days = _days(query.get("days", ""))
    since = (now - timedelta(days=days)).replace(microsecond=0)
    asked = {
        "since": since.isoformat().replace("+00:00", "Z"),
        "kind": kind if kind in set(AlertKind) else "",
        "costCentre": centre,
        "standing": "true",
    }
    found = (await parts(alerts=visit.api.ask("/alerts", AlertAnswers, asked)))["alerts"]
    views = _views(found.value.value if found.value else (), visit.who)
    standing = [each for each in views if each.alert.state == "stands"]
    standing.sort(key=lambda each: -Severity(each.alert.severity).rank)
    return Page(
        "alerts.html.j2",
        "Alerts",
        {
            "alerts": found,
            "standing": standing,
            "before": [each for each in views if each.alert.state != "stands"],
            "now": now,
            "since": since,
            "kinds": [(each.value, text) for each, text in _KIND_NAMES.items()],
            "spans": [(str(each), "1 day" if each == 1 else f"{each} days") for each in _SPANS],
            "filters": {"kind": asked["kind"], "costCentre": centre, "days": str(days)},
            "is_filtered": bool(asked["kind"] or centre),
        },
    )


async def _one(visit: Visit) -> Page:
    alert = await visit.api.ask(f"/alerts/{visit.request.path_params['alert']}", AlertAnswer)
    view = AlertView(alert, _turns([alert]), _act(alert, visit.who))
    return Page("alert.html.j2", view.kind, {"view": view, "is_told": visit.who.scope.everything})


def _views(alerts: Iterable[AlertAnswer], who: Requester) -> list[AlertView]:
    """A view for each matter, the one that was told of last first."""
    of_matter: dict[tuple[str, ...], list[AlertAnswer]] = {}
    for each in alerts:
        of_matter.setdefault((each.kind, each.rule, each.scope, each.period, each.step), []).append(each)
    found = []
    for times in of_matter.values():
        times.sort(key=lambda each: each.occurrence)
        found.append(AlertView(times[-1], _turns(times), _act(times[-1], who)))
    return sorted(found, key=lambda each: (each.latest.at, each.alert.period, each.alert.scope), reverse=True)


def _turns(times: Sequence[AlertAnswer]) -> list[ToldTurn]:
    """What was told each time that a matter was raised."""
    found: list[ToldTurn] = []
    for number, each in enumerate(times):
        for turn in each.turns:
            is_again = turn.turn == "raised" and each.occurrence > 1
            is_more = is_again and number > 0 and times[number - 1].state == "ended"
            raised = "more urgent" if is_more else "raised again" if is_again else "raised"
            found.append(ToldTurn(raised if turn.turn == "raised" else "all clear", turn))
    return found


def _act(alert: AlertAnswer, who: Requester) -> tuple[str, str]:
    """Where something can be done about a matter, for whoever looks."""
    kind = AlertKind(alert.kind)
    month = (alert.period or alert.scope)[:7]
    if kind is AlertKind.BUDGET:
        is_seen = who.scope.everything or alert.scope == f"cost-centre:{alert.cost_centre}"
        return (f"/budgets/{alert.rule.replace('/', ':')}", "Open the budget") if is_seen else ("", "")
    if kind in _OF_MONTHS | _OF_DAYS and MONTHS_SECTION.is_seen_by(who):
        return f"{MONTHS_SECTION.path}/{month}", "Open the month"
    if kind is AlertKind.QUARANTINE and LOG_SECTION.is_seen_by(who):
        return LOG_SECTION.path, "Open the log"
    if kind is AlertKind.ANOMALY:
        asked = {"month": month, "costCentre": alert.cost_centre}
        return link(EXPLORE_SECTION.path, asked, groupBy="model"), "Explore what was used"
    if kind in (AlertKind.UNPRICED, AlertKind.UNSETTLED):
        return link(EXPLORE_SECTION.path, month=month, usageState=kind.value), "Explore these calls"
    return "", ""


def _days(text: str) -> int:
    return next((each for each in _SPANS if str(each) == text), _USUAL_DAYS)
