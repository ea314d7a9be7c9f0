"""Rows of the log on which each alert fires, and rows on which it stays silent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from scripts.kql.engine import Row, Rows
from stack.bicep.files import INFRA, File
from tests.support.log_rows import NOW, call, line, minutes_ago, trace

LOG_ALERTS: dict[str, dict[str, Any]] = {
    item["name"]: item for item in File(INFRA / "modules/alerts.bicep", {})["queries"]
}


HOUR = 60.0


def executed(function: str, result: str = "Succeeded", minutes: float = 5) -> Row:
    """What the host of the functions traces after a run."""
    return trace(f"Executed 'Functions.{function}' ({result}, Id=0000, Duration=40ms)", minutes)


def stranger(source: str, code: int) -> Row:
    return {**call(code, caller=""), "LastErrorSource": source, "CallerIpAddress": "198.51.100.7"}


def traces(*rows: Row) -> Rows:
    return {"AppTraces": rows}


def calls(rows: Iterable[Row], *logged: Row) -> Rows:
    return {"ApiManagementGatewayLogs": tuple(rows), "AppTraces": logged}


def usage(megabytes: float, minutes: float, *, billable: bool = True) -> Row:
    return {
        "TimeGenerated": minutes_ago(minutes),
        "StartTime": minutes_ago(minutes),
        "Quantity": megabytes,
        "IsBillable": billable,
        "DataType": "ApiManagementGatewayLlmLog",
    }


def operation(level: str, category: str = "Ingestion") -> Row:
    return {
        "TimeGenerated": minutes_ago(5),
        "Category": category,
        "Operation": "Data collection stopped",
        "Level": level,
        "Detail": "Data collection stopped due to daily limit. OverQuota",
    }


LONG_AGO = f"{NOW - timedelta(days=5):%Y-%m-%d}"
TODAY = f"{NOW:%Y-%m-%d}"


def posted(minutes: float = 5, day: str = LONG_AGO, unpriced: int = 0, unsettled: int = 0) -> Row:
    return line("posted", minutes, day=day, records=9, replayed=0, unpriced=unpriced, unsettled=unsettled)


def audited(
    drift: int = 0, unreadable: int = 0, conflicts: int = 0, unpriced: int = 0, unsettled: int = 0, day: str = LONG_AGO
) -> Row:
    found = {"unreadable": unreadable, "conflicts": conflicts, "drift_lines": drift}
    still_open = {"unpriced": unpriced, "unsettled": unsettled}
    return line("audited", day=day, events=9, calls=9, drift_cost="0", **found, **still_open)


@dataclass(frozen=True)
class Case:
    """What one alert is shown.

    Attributes:
        fires: rows on which it fires, and what it then says, as far as given.
        silent: rows on which it stays silent, each close to firing.
    """

    fires: Sequence[tuple[Rows, dict[str, Any]]]
    silent: Sequence[Rows]


CASES: dict[str, Case] = {
    "audit-log-broken": Case(
        fires=[
            (
                traces(line("audit_log_broken", faults=2, found="entry 4: changed"), executed("anchor_audit_log")),
                {"fault": "broken", "found": "entry 4: changed"},
            ),
            (traces(executed("post_usage", minutes=30 * HOUR), executed("post_usage")), {"fault": "not verified"}),
            (
                traces(executed("post_usage", minutes=30 * HOUR), executed("anchor_audit_log", "Failed")),
                {"fault": "not verified"},
            ),
        ],
        silent=[
            traces(executed("post_usage", minutes=25 * HOUR), executed("post_usage")),
            traces(
                executed("post_usage", minutes=40 * HOUR),
                executed("anchor_audit_log", minutes=20 * HOUR),
                line("audit_log_anchored", entries=3, hash="a", anchor="b"),
            ),
        ],
    ),
    "audit-missing": Case(
        fires=[
            (traces(executed("post_usage", minutes=30 * HOUR), executed("post_usage")), {}),
            (traces(executed("audit_ledger", minutes=27 * HOUR), executed("post_usage")), {}),
            (traces(executed("post_usage", minutes=30 * HOUR), executed("audit_ledger", "Failed")), {}),
        ],
        silent=[
            traces(executed("post_usage", minutes=25 * HOUR), executed("post_usage")),
            traces(executed("post_usage", minutes=40 * HOUR), executed("audit_ledger", minutes=20 * HOUR)),
        ],
    ),
    "backend-refusing": Case(
        fires=[(calls([call(backend_code=429)] * 6 + [call()] * 20), {"backend": "oai-sweden.openai.azure.com"})],
        silent=[
            calls([call(backend_code=429)] * 4),
            calls([call(backend_code=503)] * 6 + [call()] * 60),
            calls([call(backend_code=429, minutes=20)] * 6),
        ],
    ),
    "books-restored": Case(
        fires=[
            (
                traces(line("books_restored", days_to_audit=30), line("books_restored", days_to_audit=31)),
                {"days_to_audit": 31},
            )
        ],
        silent=[
            traces(posted(), line("restored_books_unknown", reason="books_restored")),
            traces(line("books_restored", days_to_audit=30, minutes=90)),
        ],
    ),
    "closing-failing": Case(
        fires=[(traces(executed("close_periods", "Failed")), {"failures": 1})],
        silent=[traces(executed("close_periods"), line("closing_refused", period="2026-10", reasons="unsettled: 3"))],
    ),
    "count-full": Case(
        fires=[
            (
                traces(line("count_full", day=TODAY, left_out=2), line("count_full", day=TODAY, left_out=7)),
                {"day": TODAY, "left_out": 7},
            )
        ],
        silent=[traces(posted()), traces(line("count_full", day=TODAY, left_out=2, minutes=90))],
    ),
    "events-missing": Case(
        fires=[(calls([call(minutes=30)] * 20), {"calls": 20})],
        silent=[
            calls([call(minutes=30)] * 19),
            calls([call(minutes=5)] * 50),
            calls([call(minutes=30, api="other")] * 50),
            *(calls([call(code, minutes=30, caller="")] * 500) for code in (401, 403, 411, 413)),
            calls([call(minutes=30)] * 50, line("ingested", accepted=1, duplicate=0, late=0, quarantined=0)),
        ],
    ),
    "function-failing": Case(
        fires=[(traces(*[executed("post_usage", "Failed")] * 6), {"function": "post_usage", "failures": 6})],
        silent=[
            traces(*[executed("post_usage", "Failed")] * 5, executed("ingest_usage", "Failed")),
            traces(*[executed("post_usage")] * 9),
        ],
    ),
    "gateway-errors": Case(
        fires=[(calls([call(500)] * 2 + [call()] * 30), {"Region": "Sweden Central", "failed": 2})],
        silent=[calls([call(500)] * 2 + [call()] * 10), calls([call(500)] + [call()] * 200), calls([call(429)] * 99)],
    ),
    "late-events": Case(
        fires=[(traces(*[line("ingested", accepted=60, duplicate=0, late=60, quarantined=0)] * 2), {"late": 120})],
        silent=[traces(line("ingested", accepted=900, duplicate=0, late=100, quarantined=0))],
    ),
    "ledger-drift": Case(
        fires=[
            (traces(audited(drift=1)), {"day": LONG_AGO, "drift": 1}),
            (traces(audited(unreadable=2)), {"unreadable": 2}),
        ],
        silent=[traces(audited())],
    ),
    "config-drift": Case(
        fires=[
            (traces(line("config_drift", in_force="abc", deployed="def")), {"drift": "another"}),
            (traces(line("config_refused", digest="abc", reasons="2026-10 is closed")), {"drift": "refused"}),
        ],
        silent=[traces(line("config_checked", differs=False), line("config_applied", digest="abc", changes=1))],
    ),
    "alerts-untold": Case(
        fires=[
            (
                traces(
                    line("alerts_waiting", 2, channel="chat", alerts=3, oldest_minutes=17),
                    line("alerts_waiting", 1, channel="chat", alerts=4, oldest_minutes=18),
                ),
                {"channel": "chat", "given_up": 0, "minutes": 18},
            ),
            (
                traces(line("alert_given_up", channel="mail", attempts=10, reason="550 no such mailbox")),
                {"channel": "mail", "given_up": 1, "reason": "550 no such mailbox"},
            ),
        ],
        silent=[
            traces(
                *[line("alerts_waiting", minute, channel="chat", alerts=500, oldest_minutes=14) for minute in (1, 2, 3)]
            ),
            traces(line("alerts_waiting", 16, channel="chat", alerts=1, oldest_minutes=90)),
            traces(line("alerts_told", sent=9, waiting=0, past_due=False)),
        ],
    ),
    "decisions-not-sent": Case(
        fires=[
            (
                traces(*[line("decisions_not_sent", minute, region="eastus2", reason="401") for minute in (1, 2, 3)]),
                {"region": "eastus2", "times": 3, "reason": "401"},
            )
        ],
        silent=[
            traces(*[line("decisions_not_sent", minute, region="eastus2", reason="401") for minute in (1, 2, 11)]),
            traces(
                *[line("decisions_not_sent", region=region, reason="401") for region in ("eastus2", "westus3")] * 2,
                *[line("decisions_sent", products=1, sent=2, failed=0)] * 9,
            ),
        ],
    ),
    "posting-late": Case(
        fires=[
            (traces(executed("post_usage", minutes=50), executed("ingest_usage")), {}),
            (traces(executed("ingest_usage", minutes=50), executed("post_usage", "Failed")), {}),
        ],
        silent=[
            traces(executed("ingest_usage", minutes=40), executed("ingest_usage")),
            traces(executed("ingest_usage", minutes=300), executed("post_usage", minutes=20)),
        ],
    ),
    "strangers": Case(
        fires=[
            (calls([call(401, caller="")] * 300 + [stranger("ip-filter", 403)] * 200), {"calls": 500, "addresses": 2}),
            # Too large, or of no size that is told: refused before anybody looks who calls.
            (calls([call(413, caller="")] * 300 + [call(411, caller="")] * 200), {"calls": 500, "addresses": 1}),
        ],
        silent=[
            calls([call(401, caller="")] * 499),
            calls([call(413)] * 900),
            calls([call(401)] * 900),  # a good key beside a bad token: that caller is known, and has an event
            calls([call(403, caller="")] * 900),  # a token without a role: so is that one
            calls([call(401, caller="", api="other")] * 900),
        ],
    ),
    "set-aside": Case(
        fires=[
            (traces(line("set_aside", stage="post", day=TODAY, parts=1, first="x")), {"stage": "post", "day": TODAY}),
            (traces(line("part_failed", doing="post", part=TODAY, reason="x")), {"stage": "post", "example": "x"}),
        ],
        silent=[traces(posted())],
    ),
    "workspace-ingestion": Case(
        fires=[({"_LogOperation": [operation("Error")]}, {"Operation": "Data collection stopped"})],
        silent=[{"_LogOperation": [operation("Info")]}, {"_LogOperation": [operation("Warning", "Workspace")]}],
    ),
    "workspace-volume": Case(
        fires=[({"Usage": [usage(7000, HOUR), usage(3000, 30 * HOUR)]}, {"gigabytes": 7.0, "day_before": 3.0})],
        silent=[
            {"Usage": [usage(7000, HOUR), usage(4000, 30 * HOUR)]},
            {"Usage": [usage(4000, HOUR), usage(100, 30 * HOUR)]},
            {"Usage": [usage(7000, HOUR, billable=False), usage(3000, 30 * HOUR)]},
            {"Usage": [usage(7000, HOUR)]},  # the first day of a deployment
        ],
    ),
}
