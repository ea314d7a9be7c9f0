"""Microsoft's worker library indexes and runs the sample apps, and refuses what it would refuse in Azure."""

import asyncio
import gc
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.functions_host.worker_library import WorkerError, index, invoke

APPS = Path(__file__).parent / "apps"


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    """End the web apps that answered: collected, each would do so by a loop of its own, which fails in another one."""
    yield
    # Imported no sooner than the worker does it, without what the app lacks.
    from azure.functions import AsgiFunctionApp

    for each in gc.get_objects():
        if isinstance(each, AsgiFunctionApp) and each.startup_task_done:
            asyncio.run(each.middleware.notify_shutdown())
            each.startup_task_done = False


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POST_SCHEDULE", "0 */15 * * * *")


def test_the_worker_finds_every_function() -> None:
    names = index(APPS / "sample")

    assert names == sorted(
        [
            "audit_ledger",
            "broken",
            "ingest_in_a_thread",
            "ingest_usage",
            "item",
            "log_later",
            "post_usage",
            "what_was_seen",
        ]
    )


def test_the_worker_runs_an_event_a_timer_and_a_request() -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": "t",
        "time": "2025-06-01T00:00:00Z",
        "data": {},
    }
    request = {"method": "GET", "url": "http://localhost/api/seen"}

    assert invoke(APPS / "sample", "ingest_usage", event) is None
    assert invoke(APPS / "sample", "post_usage") is None
    answer = invoke(APPS / "sample", "what_was_seen", request)

    assert answer.status_code == "200"
    assert json.loads(answer.body.bytes) == []


def test_a_failure_in_a_function_is_told_in_its_own_words() -> None:
    with pytest.raises(WorkerError, match="the audit fails"):
        invoke(APPS / "sample", "audit_ledger")


def test_the_worker_refuses_a_list_of_events() -> None:
    with pytest.raises(WorkerError, match="ingest_usage"):
        index(APPS / "rejected")


def test_the_worker_says_which_module_is_missing() -> None:
    with pytest.raises(WorkerError, match="no_such_module_anywhere"):
        index(APPS / "broken")


def test_the_worker_serves_a_fastapi_app() -> None:
    request = {"method": "POST", "url": "http://localhost/api/echo?name=n", "body": b"12345"}

    assert index(APPS / "fastapi") == ["http_app", "post_usage"]
    answer = invoke(APPS / "fastapi", "http_app", request)

    assert json.loads(answer.body.bytes) == {"name": "n", "bytes": 5, "greeting": "hello"}


def test_the_worker_keeps_every_cookie_of_an_answer_with_what_guards_it() -> None:
    answer = invoke(APPS / "fastapi", "http_app", {"method": "GET", "url": "http://localhost/"})

    assert (answer.status_code, answer.headers["location"]) == ("303", "/elsewhere")
    assert not any(name.lower() == "set-cookie" for name in answer.headers)
    assert [
        (each.name, each.value, each.path.value, each.secure.value, each.http_only.value, each.same_site)
        for each in answer.cookies
    ] == [
        ("__Host-one", "a-b_c", "/", True, True, "Lax"),
        ("__Host-two", "a-b_c", "/", True, True, "Lax"),
        ("__Host-three", "", "/", True, True, "Lax"),
    ]
    assert [each.max_age.value for each in answer.cookies] == [60, 60, 0]
    assert {each.domain.value for each in answer.cookies} == {""}  # which the host writes as `domain=`
