"""Every alert on the log fires when it should, stays silent otherwise, and runs as often as Azure takes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts.kql.engine import Rows, Workspace
from scripts.kql.queries import filled
from stack.bicep.files import INFRA
from tests.support.alert_cases import CASES, HOUR, LOG_ALERTS, TODAY, executed, posted, traces
from tests.support.log_rows import NOW, call, line

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


DAY = 24 * HOUR


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
