"""Every alert runs as often as Azure takes, names its section of the runbook, and fires only when it should."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from duckdb_kql import KqlUnsupportedError

from scripts.kql.bind import faults
from scripts.kql.engine import Row, Rows, Workspace
from scripts.kql.queries import filled, queries, tables
from stack.bicep.files import INFRA, ROOT, File
from tests.support.log_rows import NOW, call, line, minutes_ago, trace

LOG_ALERTS: dict[str, dict[str, Any]] = {
    item["name"]: item
    for item in File(INFRA / "modules/alerts.bicep", {"budgets": [], "booksCurrency": "USD"})["queries"]
}
RUNBOOK = (ROOT / "docs/operations.md").read_text("utf-8").split("\n## Alerts")[1].split("\n## ")[0]
SECTIONS = dict(re.findall(r"\n### ([^\n]+)\n(.*?)(?=\n### |\Z)", RUNBOOK, re.DOTALL))

FREQUENCIES = (
    *("PT1M", "PT5M", "PT10M", "PT15M", "PT30M", "PT45M"),
    *("PT1H", "PT2H", "PT3H", "PT4H", "PT5H", "PT6H", "P1D"),
)
"""How often a log alert may run, ascending; one that resolves itself may not run as seldom as daily
(learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule)."""
WINDOWS = {
    "PT10M": timedelta(minutes=10),
    "PT15M": timedelta(minutes=15),
    "PT1H": timedelta(hours=1),
    "PT2H": timedelta(hours=2),
    "P1D": timedelta(days=1),
    "P2D": timedelta(days=2),
}
NOT_COVERED = {
    "infra/queries/workbook/pipeline-lag.kql": "prev(): the translator knows no window functions",
    "chargeback/adapters/azure/queries/token_counts.kql": "ingestion_time(): the service's own column, in no table",
    "chargeback/adapters/azure/queries/stream_means.kql": "ingestion_time(), likewise",
    "chargeback/adapters/azure/queries/kept_events.kql": "mv-apply: the translator does not know it",
    "chargeback/adapters/azure/queries/gateway_calls.kql": "mv-apply, likewise",
}
"""Queries that are parsed and bound, but cannot be run here, and why."""


HOUR = 60.0
DAY = 24 * HOUR


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


MONTH = f"{NOW:%Y-%m}"
LONG_AGO = f"{NOW - timedelta(days=5):%Y-%m-%d}"
TODAY = f"{NOW:%Y-%m-%d}"


def spend(cost_centre: str, cost: str, *, month: str = MONTH, currency: str = "USD", minutes: float = 5) -> Row:
    return line("spend", minutes, month=month, cost_centre=cost_centre, currency=currency, cost=Decimal(cost))


def posted(minutes: float = 5, day: str = LONG_AGO, unpriced: int = 0, unsettled: int = 0) -> Row:
    return line("posted", minutes, day=day, records=9, replayed=0, unpriced=unpriced, unsettled=unsettled)


def audited(
    drift: int = 0, unreadable: int = 0, conflicts: int = 0, unpriced: int = 0, unsettled: int = 0, day: str = LONG_AGO
) -> Row:
    found = {"unreadable": unreadable, "conflicts": conflicts, "drift_lines": drift}
    still_open = {"unpriced": unpriced, "unsettled": unsettled}
    return line("audited", day=day, events=9, calls=9, drift_cost="0", **found, **still_open)


def forecast(*, overrun: bool, cost_centre: str = "product") -> Row:
    return line(
        "forecast", month=MONTH, cost_centre=cost_centre, budget=Decimal(100), expected=Decimal(130), overrun=overrun
    )


@dataclass(frozen=True)
class Case:
    """What one alert is shown.

    Attributes:
        fires: rows on which it fires, and what it then says, as far as given.
        silent: rows on which it stays silent, each close to firing.
    """

    fires: Sequence[tuple[Rows, dict[str, Any]]]
    silent: Sequence[Rows]


HOSTILE = 'Customer Support", "cost_centre":"x'

CASES: dict[str, Case] = {
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
    "budget-overrun": Case(
        fires=[
            (traces(forecast(overrun=True)), {"cost_centre": "product", "budget": 100.0, "expected": 130.0}),
            (traces(forecast(overrun=True, cost_centre=HOSTILE)), {"cost_centre": HOSTILE}),
        ],
        silent=[traces(forecast(overrun=False)), traces(trace("forecast overrun=true"))],
    ),
    "budget-reached": Case(
        fires=[
            (traces(spend("product", "90")), {"costCentre": "product", "threshold": "80", "spent": 90.0}),
            (traces(spend("product", "60"), spend("product/search", "30")), {"spent": 90.0}),
        ],
        silent=[
            traces(spend("product", "70")),
            traces(spend("productivity", "500")),
            traces(spend("product", "500", month="2020-01")),
            traces(spend("product", "500", currency="EUR")),
            traces(spend("product", "90", minutes=60), spend("product", "70")),  # corrected since
        ],
    ),
    "closing-refused": Case(
        fires=[
            (traces(line("closing_refused", period="2026-10", reasons="unsettled: 3")), {"period": "2026-10"}),
            (traces(executed("close_periods", "Failed")), {"period": ""}),
        ],
        silent=[traces(executed("close_periods"), line("period_closed", period="2026-10", manifest="ab"))],
    ),
    "conflicting-events": Case(
        fires=[(traces(audited(conflicts=2)), {"day": LONG_AGO, "conflicts": 2})],
        silent=[traces(audited(drift=1))],
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
    "ledger-short": Case(
        fires=[
            (traces(line("ledger_short", day=LONG_AGO, reason="gone: a")), {"day": LONG_AGO, "reason": "gone: a"}),
        ],
        silent=[traces(posted()), traces(line("ledger_short", day=LONG_AGO, reason="gone: a", minutes=90))],
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
    "model-retiring": Case(
        fires=[
            (
                traces(line("model_retiring", account="sweden", deployment="speech", model="whisper 001", retires=NOW)),
                {"deployment": "sweden/speech", "model": "whisper 001"},
            )
        ],
        silent=[traces(line("looked_ahead", budgets=1, anomalies=0, retiring=0))],
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
    "quarantined": Case(
        fires=[
            (traces(line("quarantined", reason="not-json", events=2, first="x")), {"reason": "not-json", "events": 2})
        ],
        silent=[traces(line("ingested", accepted=1, duplicate=0, late=0, quarantined=0))],
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
    "spend-anomaly": Case(
        fires=[
            (
                traces(line("anomaly", date=TODAY, hour=None, cost_centre=HOSTILE, spent=Decimal(9), usual=Decimal(1))),
                {"cost_centre": HOSTILE, "day": TODAY, "hour": "", "spent": 9.0},
            )
        ],
        silent=[traces(line("looked_ahead", budgets=1, anomalies=0, retiring=0))],
    ),
    "unpriced": Case(
        fires=[
            (traces(posted(unpriced=1)), {"day": LONG_AGO, "unpriced": 1}),
            (traces(audited(unpriced=1)), {"day": LONG_AGO, "unpriced": 1}),  # nothing of the day is posted any more
        ],
        silent=[traces(posted(), audited()), traces(posted(unpriced=1, minutes=90))],
    ),
    "unsettled": Case(
        fires=[
            (traces(posted(unsettled=1)), {"day": LONG_AGO, "unsettled": 1}),
            (traces(audited(unsettled=1)), {"day": LONG_AGO, "unsettled": 1}),
        ],
        silent=[
            traces(posted(), audited()),
            traces(posted(day=TODAY, unsettled=9), audited(day=TODAY, unsettled=9)),
        ],
    ),
    "variance-exceeded": Case(
        fires=[
            (
                traces(
                    line(
                        "variance_exceeded", period="2026-10", variance=Decimal(9), invoiced=Decimal(90), currency="USD"
                    )
                ),
                {"period": "2026-10", "variance": "9"},
            )
        ],
        silent=[traces(line("reconciled", period="2026-10", variance=Decimal(0)))],
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


def answer(name: str, rows: Rows) -> list[dict[str, Any]]:
    """What the alert's query returns, over the rows within its window.

    The queries look at the clock, so rows that were made while the tests were collected move to the present first.
    """
    now = datetime.now(UTC)
    moved = {
        table: [row | {"TimeGenerated": row["TimeGenerated"] + (now - NOW)} for row in of_table]
        for table, of_table in rows.items()
    }
    since = now - WINDOWS[LOG_ALERTS[name]["window"]]
    seen = {table: [row for row in of_table if row["TimeGenerated"] >= since] for table, of_table in moved.items()}
    return Workspace(seen).answer(filled(INFRA / f"queries/alerts/{name}.kql"))


def test_every_alert_is_shown_rows_on_which_it_fires_and_rows_on_which_it_does_not() -> None:
    assert CASES.keys() == LOG_ALERTS.keys()
    assert all(case.fires and case.silent for case in CASES.values())


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires(name: str) -> None:
    for rows, expected in CASES[name].fires:
        found = answer(name, rows)

        assert found
        assert expected.items() <= found[0].items()


def test_the_workbook_shows_the_strangers_that_the_alert_counts() -> None:
    shown = filled(INFRA / "queries/workbook/strangers.kql")
    for rows, expected in CASES["strangers"].fires:
        assert sum(row["calls"] for row in Workspace(rows).answer(shown)) == expected["calls"]
    for rows in CASES["strangers"].silent[1:]:
        assert Workspace(rows).answer(shown) == []


@pytest.mark.parametrize("name", CASES)
def test_an_alert_stays_silent(name: str) -> None:
    for rows in CASES[name].silent:
        assert answer(name, rows) == []


@pytest.mark.parametrize("name", CASES)
def test_an_alert_stays_silent_on_a_first_deployment(name: str) -> None:
    first_minutes = traces(
        executed("ingest_usage", minutes=20),
        line("ingested", 20, accepted=1, duplicate=0, late=0, quarantined=0),
        executed("post_usage", minutes=5),
        posted(day=TODAY),
        executed("settle_streams", minutes=4),
    )

    assert answer(name, {}) == []
    assert answer(name, {**first_minutes, "ApiManagementGatewayLogs": [call(minutes=20)]}) == []


@pytest.mark.parametrize("name", CASES)
def test_an_alert_splits_by_columns_that_its_query_returns(name: str) -> None:
    (rows, _), *_ = CASES[name].fires

    assert set(LOG_ALERTS[name]["by"]) <= answer(name, rows)[0].keys()


@pytest.mark.parametrize("name", LOG_ALERTS)
def test_an_alert_runs_as_often_as_azure_takes(name: str) -> None:
    every = LOG_ALERTS[name]["every"]

    assert every in FREQUENCIES[: FREQUENCIES.index("P1D")]  # all of them resolve themselves
    assert LOG_ALERTS[name]["window"] in WINDOWS


def test_every_query_runs_here_or_is_known_not_to() -> None:
    budget: dict[str, str] = {}
    for name, path in queries().items():
        try:
            Workspace({}).answer(filled(path))
        except KqlUnsupportedError as error:
            budget[name] = str(error)

    assert budget.keys() == NOT_COVERED.keys(), budget


def test_every_query_parses_and_names_what_the_tables_have() -> None:
    assert not faults({name: filled(path) for name, path in queries().items()})


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("AppTraces | summarize last = max(TimeGenerated)", "needs to be bracketed"),
        ("AppTraces | where Mesage == 'x'", "does not refer to any known column"),
        ("Traces | take 1", "does not refer to any known table"),
        ("AppTraces | where", "Missing"),
    ],
)
def test_a_query_that_azure_would_refuse_is_refused(query: str, complaint: str) -> None:
    assert complaint in " ".join(faults({"query": query}))


def test_the_documented_columns_say_where_and_when_they_were_read() -> None:
    assert tables()["AppTraces"]["Message"] == "string"


WATCHED = {
    **dict.fromkeys(("storage", "hostStorage", "cosmos", "redis", "vault", "topic", "app", "traffic"), "name"),
    "certificateVault": "tls",
    "gateways": ["apim"],
    "models": ["oai-1", "oai-2"],
    "functionMemoryMB": 2048,
    "functionMaximumInstances": 40,
}


def metric_alerts(sku: str) -> list[dict[str, Any]]:
    """The metric alerts of a deployment with such a gateway."""
    known: dict[str, Any] = {
        "watched": {**WATCHED, "gatewaySku": sku},
        "resourceId": lambda kind, name: f"/{kind}/{name}",
    }
    return list(File(INFRA / "modules/metric-alerts.bicep", known)["rules"])


def test_each_account_and_each_endpoint_has_a_rule_of_its_own() -> None:
    rules = {item["rule"]: item["scope"] for item in metric_alerts("Premium")}

    assert rules["model-throttled"].endswith("/oai-1")
    assert rules["model-throttled-2"].endswith("/oai-2")
    assert len(rules) == len(metric_alerts("Premium"))


def test_both_vaults_are_watched() -> None:
    vaults = {item["scope"].rpartition("/")[2] for item in metric_alerts("Premium") if "vault" in item["name"]}

    assert vaults == {"name", "tls"}


def test_the_load_of_the_gateway_is_measured_as_its_tier_has_it() -> None:
    def loads(sku: str) -> set[str]:
        return {item["metric"] for item in metric_alerts(sku) if item["name"].startswith("gateway-")}

    assert loads("Premium") == {"Capacity"}
    assert loads("BasicV2") == loads("StandardV2") == {"CpuPercent_Gateway", "MemoryPercent_Gateway"}


def every_alert() -> dict[str, str]:
    """Every alert with its section."""
    activity = File(INFRA / "modules/activity-alerts.bicep", _AZURE)["announcements"]
    listed = [*LOG_ALERTS.values(), *metric_alerts("Premium"), *metric_alerts("BasicV2"), *activity]
    return {item["name"]: item["section"] for item in listed} | {
        "available-gateway": "Callers",
        "available-functions": "Callers",
    }


_AZURE: dict[str, Callable[[], dict[str, str]]] = {
    "subscription": lambda: {"id": "/subscriptions/1"},
    "resourceGroup": lambda: {"id": "/subscriptions/1/resourceGroups/rg"},
}


def test_every_alert_is_in_the_section_of_the_runbook_that_it_names() -> None:
    first_column = {
        title: {
            name for row in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE) for name in re.findall("`(.+?)`", row)
        }
        for title, text in SECTIONS.items()
    }

    in_runbook = {name: title for title, names in first_column.items() for name in names}

    assert every_alert() == in_runbook


@pytest.mark.parametrize("module", ["alerts", "metric-alerts", "activity-alerts", "availability"])
def test_an_alert_tells_its_section_to_who_gets_it(module: str) -> None:
    source = (INFRA / f"modules/{module}.bicep").read_text("utf-8")

    assert re.search(
        r"description: '[^']*What to do: docs/operations\.md, Alerts, (\$\{item\.section\}|Callers)\.'", source
    )
