"""The app is what Azure's worker takes: indexed, an event and a timer invoked, and clear about bad settings."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from chargeback.bootstrap import Container
from chargeback.domain.time.calendar import previous_period
from stack.stack import Stack
from tests.support.builders import cloud_event, usage_event
from tests.support.cost_exports import exported, gzipped, run_files

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

ROOT = Path(__file__).parents[1]
TODAY = datetime.now(UTC).date().isoformat()
LAST_WEEK = (datetime.now(UTC) - timedelta(days=7)).date().isoformat()
SCHEDULES = {
    "POST_SCHEDULE": "0 */15 * * * *",
    "SETTLE_SCHEDULE": "0 10/15 * * * *",
    "AUDIT_SCHEDULE": "0 30 2 * * *",
    "PUBLISH_SCHEDULE": "0 0 4 * * *",
    "FORECAST_SCHEDULE": "0 0 5 * * *",
    "COSTS_SCHEDULE": "0 5/15 * * * *",
    "DECIDE_SCHEDULE": "0 * * * * *",
    "TELL_SCHEDULE": "0 * * * * *",
    "OPERATE_SCHEDULE": "30 * * * * *",
    "CLOSE_SCHEDULE": "0 30 5 * * *",
    "RECONCILE_SCHEDULE": "0 0 7 * * *",
}


def worker(expression: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Evaluate an expression over Microsoft's worker library, in a process of its own as in Azure."""
    code = (
        f"import json; from pathlib import Path; from stack.functions_host.worker_library import *; print({expression})"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **SCHEDULES, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def answer_of(expression: str, **environment: str) -> str:
    ended = worker(expression, **environment)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def invoke(name: str, *triggers: Any) -> None:
    answer_of(f"[invoke(Path({str(ROOT)!r}), {name!r}, each) for each in json.loads({json.dumps(triggers)!r})]")


async def test_the_worker_finds_every_function(clean_stores: Stack) -> None:
    names = answer_of(f"json.dumps(index(Path({str(ROOT)!r})))")

    assert json.loads(names) == [
        "anchor_audit_log",
        "apply_config",
        "audit_ledger",
        "close_periods",
        "decide_budgets",
        "deliver_alert",
        "forecast_spend",
        "http_app",
        "ingest_usage",
        "post_usage",
        "publish_reports",
        "reconcile_invoice",
        "run_operations",
        "settle_streams",
        "tell_alerts",
        "view_costs",
    ]


def test_a_worker_says_at_start_whose_library_it_runs_on() -> None:
    ended = worker(f"[__import__('logging').basicConfig(), index(Path({str(ROOT)!r}))]")

    (line,) = [json.loads(text[text.index("{") :]) for text in ended.stderr.splitlines() if "worker_started" in text]
    assert line["library"] == func.__version__
    assert Path(line["path"]) == Path(func.__file__)


async def test_an_event_that_the_worker_delivers_is_counted_and_a_timer_posts_it(
    clean_stores: Stack, container: Container
) -> None:
    event = cloud_event(time=f"{TODAY}T00:00:01.1234567Z", username="Søren 😀") | {"traceparent": "00-1-2-01"}

    invoke("ingest_usage", event, event, cloud_event(time=f"{LAST_WEEK}T23:59:59.9999999Z"))
    changed = await container.counter.changed_lines(TODAY)
    assert changed is not None
    (line,) = await container.counter.lines(TODAY, changed.epoch, list(changed.lines))
    invoke("post_usage", None)

    assert await container.ledger.days() == [LAST_WEEK, TODAY]
    assert line.line.user == "Søren 😀"
    (record,) = [record async for page in container.books.records(TODAY) for record in page]
    assert record.record_id == line.line_id
    (kept, again) = [raw async for block in container.ledger.blocks(TODAY) for raw in block.splitlines()]
    assert kept == again
    assert json.loads(kept).keys() == {"specversion", "id", "source", "type", "time", "data"}


async def test_the_timer_closes_the_months_whose_grace_period_is_over(
    clean_stores: Stack, container: Container
) -> None:
    current = datetime.now(UTC).strftime("%Y-%m")
    last = previous_period(current)
    before = previous_period(last)
    invoke("ingest_usage", cloud_event(time=f"{before}-15T12:00:00Z"), cloud_event(time=f"{last}-15T12:00:00Z"))

    invoke("close_periods", None)

    closed = [period.month for period in await container.periods.closed()]
    assert closed[0] == before
    assert current not in closed
    assert f"{before}/manifest.json" in await container.closed_reports.paths(f"{before}/")


async def test_the_timer_reconciles_the_month_once_its_invoice_is_there(
    clean_stores: Stack, container: Container
) -> None:
    invoke("ingest_usage", cloud_event(time=f"{TODAY}T00:00:01Z", backend="oai-eastus2-x1.openai.azure.com"))
    invoke("post_usage", None)
    invoke("publish_reports", None)
    invoke("reconcile_invoice", None)
    before = await container.reports.paths("reconciliation/")
    day = {"ChargePeriodStart": f"{TODAY}T00:00:00Z"}
    month = {"month": f"{TODAY[:7].replace('-', '')}01-{TODAY.replace('-', '')}", "end": f"{TODAY}T00:00:00Z"}
    for name, data in run_files({"part_0_0001.csv.gz": gzipped([exported(**day)])}, **month).items():
        await container.blobs.get_blob_client("cost-exports", name).upload_blob(data)

    invoke("reconcile_invoice", None)

    assert before == []
    of_export, *of_comparison = await container.reports.paths("reconciliation/")
    assert (of_export[:22], of_export[-16:]) == ("reconciliation/export-", f"-{TODAY[:7]}.parquet")
    assert of_comparison == [
        f"reconciliation/reconciliation-{TODAY[:7]}.csv",
        f"reconciliation/reconciliation-{TODAY[:7]}.json",
    ]


async def test_unusable_events_end_in_quarantine_and_not_in_a_retry(clean_stores: Stack, container: Container) -> None:
    unusable = {
        "time-out-of-range": cloud_event(time="1970-01-01T00:00:00Z"),
        "unexpected-shape": cloud_event() | {"data": None},
        "not-json": cloud_event(username="\ud800"),
        "absurd-quantity": cloud_event(usage={"prompt_tokens": 10**30}),
        "unknown-type": cloud_event(type="unheard-of"),
    }

    invoke("ingest_usage", *unusable.values())

    batches = [await container.quarantine.get(batch) for batch in await container.quarantine.batches()]
    assert sorted(each.reason for batch in batches for each in batch) == sorted(unusable)
    assert await container.ledger.days() == []


async def test_an_event_fails_when_a_store_is_away_so_that_it_comes_again(clean_stores: Stack) -> None:
    trigger = usage_event(time=f"{TODAY}T00:00:01Z").decode()

    ended = worker(
        f"invoke(Path({str(ROOT)!r}), 'ingest_usage', json.loads({trigger!r}))",
        CHARGEBACK_REDIS_URL="redis://127.0.0.1:1",
    )

    assert ended.returncode != 0
    assert "Redis" in ended.stderr
    assert "WorkerError" in ended.stderr


async def test_bad_settings_are_named_at_the_start(clean_stores: Stack) -> None:
    ended = worker(f"index(Path({str(ROOT)!r}))", CHARGEBACK_REDIS_URL="nowhere", CHARGEBACK_COSMOS_ENDPOINT="")

    assert ended.returncode != 0
    assert "CHARGEBACK_REDIS_URL: 'nowhere' is not a redis:// or rediss:// address" in ended.stderr
    assert "CHARGEBACK_COSMOS_ENDPOINT: is not set" in ended.stderr


async def test_the_app_only_wires() -> None:
    lines = (ROOT / "function_app.py").read_text().splitlines()

    assert len(lines) <= 40
