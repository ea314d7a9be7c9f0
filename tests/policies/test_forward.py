"""Failing over: what is repeated, where, how often, and what the caller is told when nothing is left."""

import asyncio
import threading
import time

import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, US, OneRegion
from tests.policies.scripted_backends import chunk, sse

BUSY = {"status": 429, "body": {"error": {"code": "429", "message": "slow down"}}}
DOWN = {"status": 503, "body": {"error": {"code": "503", "message": "down"}}}


def hosts(*accounts: str) -> list[str]:
    """The hosts of accounts."""
    return [f"{account}.openai.azure.com" for account in accounts]


@pytest.mark.parametrize("fault", [BUSY, DOWN, {"status": 500, "body": b"oops", "type": "text/html"}])
def test_a_fault_of_one_account_is_not_the_callers_to_see(one_region: OneRegion, fault: dict) -> None:  # type: ignore[type-arg]
    one_region.script(EU[0], **fault)

    answer = one_region.chat()

    data = one_region.event()["data"]
    assert answer.status_code == 200
    assert data["triedBackends"] == hosts(*EU)
    assert (data["attempts"], data["backend"], data["statusCode"]) == (2, hosts(EU[1])[0], 200)


def test_each_repeat_carries_the_whole_body(one_region: OneRegion) -> None:
    one_region.script(EU[0], **BUSY)

    one_region.chat(padding="x" * 100_000)

    assert one_region.seen[0].body == one_region.seen[1].body
    assert len(one_region.seen[1].body) > 100_000


def test_an_account_that_cannot_be_reached_is_passed_over(make_region: MakeRegion) -> None:
    one_region = make_region()
    one_region.down(EU[0])

    answer = one_region.chat()

    data = one_region.event()["data"]
    assert answer.status_code == 200
    assert data["attempts"] == 2
    assert data["backend"] == hosts(EU[1])[0]


def test_an_account_that_does_not_answer_in_time_is_passed_over(make_region: MakeRegion) -> None:
    one_region = make_region(answer_timeout="1")
    one_region.script(EU[0], delay=3)

    answer = one_region.chat()

    assert answer.status_code == 200
    assert one_region.event()["data"]["attempts"] == 2


def test_a_geography_without_residency_fails_over_to_the_next(one_region: OneRegion) -> None:
    one_region.script(*EU, **DOWN)

    answer = one_region.chat()

    assert answer.status_code == 200
    assert one_region.event()["data"]["triedBackends"] == hosts(*EU, US[0])


def test_when_every_account_is_busy_the_caller_hears_the_shortest_wait(one_region: OneRegion) -> None:
    for account, wait in zip((*EU, *US), ("40", "7", "30", "20"), strict=True):
        one_region.script(account, **BUSY, headers={"Retry-After": wait})

    answer = one_region.chat()

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "7"
    assert 6000 < int(answer.headers["retry-after-ms"]) <= 7000
    assert answer.headers["x-should-retry"] == "true"
    assert answer.json()["error"]["code"] == "all_backends_busy"
    event = one_region.event()
    assert event["type"] == "chargeback.usage.rejected.v1"
    assert (event["data"]["statusCode"], event["data"]["attempts"]) == (429, 4)


def test_the_longer_of_two_waits_is_told_because_the_shorter_one_does_not_work(one_region: OneRegion) -> None:
    one_region.script(*EU, *US, **BUSY, headers={"Retry-After": "3", "retry-after-ms": "1250"})

    answer = one_region.chat()

    assert 2000 < int(answer.headers["retry-after-ms"]) <= 3000


def test_a_wait_given_as_a_date_is_understood(one_region: OneRegion) -> None:
    later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    one_region.script(*EU, *US, **BUSY, headers={"Retry-After": later})

    answer = one_region.chat()

    assert 20 <= int(answer.headers["Retry-After"]) <= 30


def test_when_every_account_fails_the_caller_gets_503_and_a_wait(one_region: OneRegion) -> None:
    one_region.script(*EU, *US, **DOWN)

    answer = one_region.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_backend_available")
    assert answer.headers["Retry-After"] == "10"


def test_when_nothing_can_be_reached_the_caller_gets_503_and_one_event_says_so(make_region: MakeRegion) -> None:
    one_region = make_region()
    one_region.down(*EU, *US)

    answer = one_region.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_backend_available")
    assert int(answer.headers["Retry-After"]) > 0
    data = one_region.event()["data"]
    assert data["attempts"] == 4
    assert "backend" not in data


def test_who_said_retry_after_is_left_out_until_then(one_region: OneRegion) -> None:
    one_region.script(EU[0], **BUSY, headers={"Retry-After": "30"})

    for _ in range(3):
        one_region.chat()

    assert [seen.account for seen in one_region.seen] == [EU[0], EU[1], EU[1], EU[1]]


def test_while_all_are_known_to_be_busy_nothing_is_sent_and_the_wait_is_true(one_region: OneRegion) -> None:
    one_region.script(*EU, *US, **BUSY, headers={"Retry-After": "30"})
    one_region.chat()
    one_region.event()

    answer = one_region.chat()

    event = one_region.event()
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "all_backends_busy")
    assert 25 < int(answer.headers["Retry-After"]) <= 30
    assert len(one_region.seen) == 4
    assert event["type"] == "chargeback.usage.rejected.v1"
    assert "attempts" not in event["data"]


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_fault_of_the_call_itself_is_answered_by_the_backend_alone(one_region: OneRegion, status: int) -> None:
    one_region.script(EU[0], status=status, body={"error": {"code": "x", "message": "theirs"}})

    answer = one_region.chat()

    assert (answer.status_code, answer.json()["error"]["message"]) == (status, "theirs")
    assert len(one_region.seen) == 1
    assert one_region.event()["data"]["statusCode"] == status


def test_a_stream_begins_before_the_backend_has_finished(one_region: OneRegion) -> None:
    pieces = sse(chunk("Pa"), chunk("ris"), chunk("!"))
    held = asyncio.Event()
    one_region.script(EU[0], type="text/event-stream", pieces=pieces, held=held)

    async def go_on() -> None:
        held.set()

    with one_region.client.stream(
        "POST",
        "/v1/chat/completions",
        json={"model": "gpt-4o", "stream": True},
        headers={"api-key": "key-search"},
    ) as answer:
        parts = answer.iter_raw()
        first = next(parts)
        one_region.run(go_on())
        rest = b"".join(parts)

    assert first == pieces[0]
    assert first + rest == b"".join(pieces)
    assert one_region.event()["type"] == "chargeback.usage.pending.v1"


def test_a_stream_that_is_busy_elsewhere_fails_over_before_it_begins(one_region: OneRegion) -> None:
    one_region.script(EU[0], **BUSY)
    one_region.script(EU[1], type="text/event-stream", pieces=sse(chunk("Paris")))

    answer = one_region.chat(stream=True)

    assert b"Paris" in answer.content
    data = one_region.event()["data"]
    assert (data["attempts"], data["backend"]) == (2, hosts(EU[1])[0])


def test_a_caller_who_leaves_does_not_leave_a_call_unaccounted(one_region: OneRegion) -> None:
    one_region.script(EU[0], type="text/event-stream", pieces=sse(*[chunk("x")] * 50), pause=0.05)

    with one_region.client.stream(
        "POST",
        "/v1/chat/completions",
        json={"model": "gpt-4o", "stream": True},
        headers={"api-key": "key-search"},
    ) as answer:
        next(answer.iter_raw())

    assert one_region.event()["type"] == "chargeback.usage.pending.v1"


def test_a_caller_who_does_not_wait_for_the_answer_leaves_a_call_to_be_settled(one_region: OneRegion) -> None:
    one_region.script(EU[0], delay=60)

    one_region.leave("POST", "/v1/chat/completions", json={"model": "gpt-4o"}, headers={"api-key": "key-search"})

    event = one_region.event()
    assert (event["type"], event["data"]["statusCode"]) == ("chargeback.usage.pending.v1", 499)


def test_many_calls_at_once_are_one_event_each(one_region: OneRegion) -> None:
    one_region.script(EU[0], **BUSY, headers={"Retry-After": "1"})
    statuses: list[int] = []

    threads = [
        threading.Thread(target=lambda: statuses.append(one_region.chat("key-support").status_code)) for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    events = one_region.events()
    assert statuses == [200] * 30
    assert len({event["id"] for event in events}) == len(events) == 30
