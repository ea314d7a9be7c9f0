"""The functions host runs an app as written, at the URLs of the real host."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.example import ROOT
from stack.functions_host.dates import rewrite_dates
from stack.functions_host.host import Function
from stack.functions_host.index import AppError
from stack.functions_host.timers import StatusFile, next_run, run_timer
from stack.processes import StackError, wait_until
from stack.provision import call
from stack.services import SERVICES
from stack.stack import Stack
from tests.support.conditions import wait_for

APPS = Path(__file__).parent / "apps"
WEBHOOK = "/runtime/webhooks/EventGrid?functionName="
SETTINGS = {"POST_SCHEDULE": "0 */15 * * * *"}


@pytest.fixture(scope="module")
def host() -> Iterator[Stack]:
    with Stack(services=["functions"], app=APPS / "sample", extra_env=SETTINGS) as stack:
        yield stack


def request(host: Stack, method: str, path: str, body: Any = None, accept: int = 200, **headers: str) -> str:
    if path.startswith(WEBHOOK):
        headers = {"aeg-event-type": "Notification"} | headers
    return call(host.site, method, host.url("functions") + path, headers, body, (accept,)).decode()


def seen(host: Stack) -> list[dict[str, Any]]:
    return json.loads(request(host, "GET", "/api/seen"))


def event(identity: str, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": identity,
        "source": "/apim/test",
        "type": "test",
        "time": "2025-06-01T00:00:00Z",
        "data": data,
    }


def test_an_array_of_events_becomes_one_parallel_invocation_each(host: Stack) -> None:
    events = [event(f"array-{n}", sleep=0.5) for n in range(20)]

    before = time.monotonic()
    request(host, "POST", f"{WEBHOOK}ingest_usage", events, 202)

    assert time.monotonic() - before < 20 * 0.5
    assert {f"array-{n}" for n in range(20)} <= {one.get("id") for one in seen(host)}


def test_one_failing_event_fails_the_whole_array(host: Stack) -> None:
    events = [event("good"), event("bad", fail=99)]

    request(host, "POST", f"{WEBHOOK}ingest_usage", events, 500)

    assert {"good", "bad"} <= {one.get("id") for one in seen(host)}


def test_an_event_that_the_library_cannot_decode_fails(host: Stack) -> None:
    request(host, "POST", f"{WEBHOOK}ingest_usage", {**event("offset"), "time": "yesterday"}, 500)

    assert "offset" not in {one.get("id") for one in seen(host)}


def test_a_function_that_is_not_async_runs_in_a_thread_with_its_context(host: Stack) -> None:
    request(host, "POST", f"{WEBHOOK}ingest_in_a_thread", event("threaded"), 202)

    one = next(one for one in seen(host) if one.get("id") == "threaded")
    assert one["thread"] != "MainThread"
    assert one["function"] == "ingest_in_a_thread"


def test_the_event_grid_schema_handshake_is_answered(host: Stack) -> None:
    validation = [{"id": "1", "eventType": "validation", "data": {"validationCode": "4711"}}]
    headers = {"aeg-event-type": "SubscriptionValidation"}

    answer = request(host, "POST", f"{WEBHOOK}ingest_usage", validation, 200, **headers)

    assert json.loads(answer) == {"validationResponse": "4711"}


def test_a_post_that_is_no_notification_is_refused(host: Stack) -> None:
    for kind in ("", "SubscriptionDeletion"):
        request(host, "POST", f"{WEBHOOK}ingest_usage", event("no-notification"), 400, **{"aeg-event-type": kind})

    assert "no-notification" not in {one.get("id") for one in seen(host)}


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("2026-03-14T09:26:53.5000000Z", "2026-03-14T09:26:53.5Z"),
        ("2026-03-14T09:26:53.000Z", "2026-03-14T09:26:53Z"),
        ("2026-03-14T01:26:53.123456789+02:00", "2026-03-13T23:26:53.1234567+00:00"),
        ("2026-03-14T09:26:53", "2026-03-14T09:26:53"),
        ("2026-03-14", "2026-03-14"),
        ("2026-13-14T09:26:53Z", "2026-13-14T09:26:53Z"),
    ],
)
def test_texts_that_look_like_dates_are_rewritten_as_by_the_extension(sent: str, received: str) -> None:
    body = {"data": {"username": sent, sent: [sent]}}

    assert json.loads(rewrite_dates(json.dumps(body).encode())) == {"data": {"username": received, sent: [received]}}


def test_a_line_of_an_invocation_that_has_ended_is_dropped(host: Stack) -> None:
    def dropped() -> int:
        return int(json.loads(request(host, "GET", "/admin/host/status"))["droppedLogLines"])

    before = dropped()
    request(host, "POST", f"{WEBHOOK}log_later", event("logged"), 202)
    wait_for(lambda: dropped() > before)

    written = host.site.log("functions").read_text()
    assert dropped() == before + 1
    assert "logged while it runs" in written
    assert "logged after its end" not in written


def test_a_function_that_takes_too_long_takes_the_others_with_it(tmp_path: Path) -> None:
    shutil.copytree(APPS / "sample", tmp_path / "app")
    (tmp_path / "app/host.json").write_text('{"functionTimeout": "00:00:02"}')
    with Stack(tmp_path / "state", services=["functions"], app=tmp_path / "app", extra_env=SETTINGS) as own:
        request(own, "POST", f"{WEBHOOK}ingest_usage", event("before"), 202)
        with ThreadPoolExecutor() as pool:
            slow = pool.submit(request, own, "POST", f"{WEBHOOK}ingest_usage", event("slow", sleep=60), 202)
            time.sleep(0.2)
            other = pool.submit(request, own, "POST", f"{WEBHOOK}ingest_usage", event("other", sleep=50), 202)
            died = [type(each.exception(timeout=60)) for each in (slow, other)]
        wait_until(lambda: SERVICES["functions"].ready(own.site), own._running["functions"], "functions", tmp_path)

        assert None not in died
        assert seen(own) == []  # a worker that knows nothing of earlier runs


def test_an_unknown_function_and_a_body_that_is_no_event_are_refused(host: Stack) -> None:
    request(host, "POST", f"{WEBHOOK}nobody", event("x"), 404)
    request(host, "POST", f"{WEBHOOK}post_usage", event("x"), 404)
    request(host, "POST", f"{WEBHOOK}ingest_usage", ["not", "events"], 500)


def test_a_timer_runs_on_demand_and_tells_how_it_went_to_those_who_wait(host: Stack) -> None:
    request(host, "POST", "/admin/functions/post_usage", {"input": ""}, 202)
    request(host, "POST", "/admin/functions/post_usage?wait=true", {"input": ""}, 200)
    failure = request(host, "POST", "/admin/functions/audit_ledger?wait=true", {"input": ""}, 500)
    request(host, "POST", "/admin/functions/nobody", {"input": ""}, 404)

    assert [one["past_due"] for one in seen(host) if one.get("timer")] == [False, False]
    assert "the audit fails" in failure


def test_http_functions_get_their_route_query_headers_and_body(host: Stack) -> None:
    answer = json.loads(request(host, "POST", "/api/items/7/tail?a=1", {"k": 2}, 201, **{"X-Test": "here"}))

    assert answer == {
        "route": {"id": "7", "part": "tail"},
        "query": {"a": "1"},
        "body": '{"k": 2}',
        "header": "here",
    }


def test_routes_that_do_not_match_are_not_found_and_failures_are_500(host: Stack) -> None:
    request(host, "GET", "/api/items/seven", accept=404)
    request(host, "DELETE", "/api/seen", accept=405)
    request(host, "GET", "/api/broken", accept=500)


def test_a_fastapi_app_is_served_at_the_root_with_its_lifespan(tmp_path: Path) -> None:
    with Stack(tmp_path, services=["functions"], app=APPS / "fastapi") as host:
        answer = json.loads(request(host, "POST", "/api/echo?name=n%20m", "x" * 5000))
        request(host, "POST", "/admin/functions/post_usage?wait=true", {"input": ""}, 200)
        missing = request(host, "GET", "/nowhere", accept=404)

    assert answer == {"name": "n m", "bytes": 5002, "greeting": "hello"}
    assert json.loads(missing) == {"detail": "Not Found"}
    assert "lifespan ended" in host.site.log("functions").read_text()


def test_every_cookie_of_an_answer_is_written_as_the_host_writes_it_also_at_the_root_and_for_head(
    tmp_path: Path,
) -> None:
    with Stack(tmp_path, services=["functions"], app=APPS / "fastapi") as host:
        got, looked = (
            httpx.request(method, f"{host.url('functions')}/", follow_redirects=False) for method in ("GET", "HEAD")
        )

    guards = "domain=; path=/; secure; samesite=lax; httponly"
    assert (got.status_code, got.headers["location"], got.content) == (303, "/elsewhere", b"")
    assert got.headers.get_list("set-cookie") == [
        f"__Host-one=a-b_c; max-age=60; {guards}",
        f"__Host-two=a-b_c; max-age=60; {guards}",
        f"__Host-three=; max-age=0; {guards}",
    ]
    assert (looked.status_code, looked.headers["location"], looked.content) == (303, "/elsewhere", b"")


def test_an_app_that_cannot_be_imported_is_a_clear_error() -> None:
    with pytest.raises(StackError, match="no_such_module_anywhere"):
        Stack(services=["functions"], app=APPS / "broken").up()


def test_a_schedule_that_cannot_be_read_is_a_clear_error() -> None:
    command = [
        sys.executable,
        "-m",
        "stack.functions_host.host",
        "--app",
        str(APPS / "sample"),
        "--port",
        "1",
    ]

    without = subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, timeout=30)

    assert without.returncode == 1
    assert "there is no setting POST_SCHEDULE" in without.stderr


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("0 */15 * * * *", "2025-06-01T12:15:00"),
        ("30 0 3 * * *", "2025-06-02T03:00:30"),
        ("0 0 6 1 * *", "2025-07-01T06:00:00"),
        ("0 0 0 * * 1-5", "2025-06-02T00:00:00"),
        ("*/5 * * * *", "2025-06-01T12:05:00"),
    ],
)
def test_schedules_are_ncrontab_with_the_seconds_first(schedule: str, due: str) -> None:
    after = datetime(2025, 6, 1, 12, 0, 1, tzinfo=UTC)

    assert next_run(schedule, after) == datetime.fromisoformat(due + "+00:00")


@pytest.mark.parametrize("schedule", ["00:15:00", "often", "61 * * * * *", ""])
def test_what_is_not_ncrontab_is_refused(schedule: str) -> None:
    with pytest.raises(AppError):
        next_run(schedule, datetime.now(UTC))


def test_a_missed_run_is_made_up_for_once_and_marked_past_due(tmp_path: Path) -> None:
    status = tmp_path / "timers.json"
    missed = {"Last": "2025-06-01T00:00:00+00:00", "Next": "2025-06-01T00:15:00+00:00", "LastUpdated": ""}
    status.write_text(json.dumps({"post": missed}))
    runs: list[dict[str, Any]] = []

    async def invoke(_function: Function, info: str) -> None:
        runs.append(json.loads(info))

    async def run_for(seconds: float) -> None:
        function = Function("post", print, {"type": "timerTrigger", "schedule": "* * * * * *"}, False, False)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(run_timer(function, invoke, StatusFile(status)), seconds)

    asyncio.run(run_for(2.2))

    assert [run["IsPastDue"] for run in runs][:2] == [True, False]
    assert [run["IsPastDue"] for run in runs].count(True) == 1
    assert 2 <= len(runs) <= 4
    assert runs[0]["ScheduleStatus"] == missed
