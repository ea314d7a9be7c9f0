"""Settling: late, partial and absent rows, runs at once, and what keeps no other call from being settled."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargeback.domain.errors import SomeFailed, StoreUnavailable
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.operations import operation_and_deployment
from chargeback.services.running.set_aside import SetAside, Stage
from chargeback.services.usage.settle import Settlement
from tests.support.catalogues import catalogue, dated
from tests.support.settler import EARLIER, NOW, Books, logged, pending, tokens


@pytest.fixture
def books() -> Books:
    """Empty books."""
    return Books()


def test_a_streamed_call_gets_its_tokens_from_the_log(books: Books) -> None:
    books.ingest(pending())
    books.log.counts.append((EARLIER, tokens()))

    done = books.settle()

    assert done == Settlement(settled=1, recovered=0, estimated=0, waiting=0)
    assert books.counted() == {("gpt-4o", "settled"): {Meter.INPUT: 10, Meter.OUTPUT: 5, Meter.REQUESTS: 1}}
    event = books.events()[-1]
    assert (event["id"], event["time"], event["type"]) == (
        "call-1/settled",
        pending()["time"],
        "chargeback.usage.settled.v1",
    )
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert event["data"] == {
        **pending()["data"],
        "model": "gpt-4o-2024-11-20",
        "usage": usage,
        "usageSource": "gateway-log",
    }


def test_calls_beyond_those_that_redis_keeps_waiting_are_told_of_and_settled_when_the_day_is_asked_for(
    books: Books,
) -> None:
    def told() -> dict[str, str]:
        return {part: why for each in asyncio.run(SetAside(books.control).all()) for part, why in each.parts.items()}

    books.keep_waiting(2)
    books.ingest(*(pending(f"call-{n}") for n in range(5)))
    books.log.counts += [(EARLIER, tokens(f"call-{n}")) for n in range(5)]

    done = books.settle()
    noted = told()
    asked = books.settle(days=["2026-03-14"])
    after = told()
    again = books.settle(NOW + timedelta(hours=1))

    assert (done.settled, done.set_aside) == (2, 1)
    assert noted == {
        "waiting calls of search": "3 calls beyond those that Redis keeps of a caller:"
        " `chargeback settle --day 2026-03-14`"
    }
    assert (asked.settled, asked.set_aside, after, again) == (3, 0, {}, Settlement(0, 0, 0, 0))
    assert books.counted() == {("gpt-4o", "settled"): {Meter.INPUT: 50, Meter.OUTPUT: 25, Meter.REQUESTS: 5}}


def test_settling_again_changes_nothing(books: Books) -> None:
    books.ingest(pending())
    books.log.counts.append((EARLIER, tokens()))
    books.settle()
    before = books.events()

    done = books.settle()

    assert done == Settlement(0, 0, 0, 0)
    assert books.events() == before


def test_two_runs_at_once_count_a_call_once(books: Books) -> None:
    books.ingest(*(pending(f"call-{n}") for n in range(50)))
    books.log.counts += [(EARLIER, tokens(f"call-{n}")) for n in range(50)]

    async def both() -> None:
        await asyncio.gather(books.settler.settle(NOW), books.settler.settle(NOW))

    asyncio.run(both())

    assert books.counted() == {("gpt-4o", "settled"): {Meter.INPUT: 500, Meter.OUTPUT: 250, Meter.REQUESTS: 50}}


def test_rows_that_are_still_arriving_are_waited_for(books: Books) -> None:
    books.ingest(pending())
    books.log.counts.append((EARLIER, tokens(completion=2, total=12, arrived=NOW - timedelta(minutes=1))))
    first = books.settle()
    books.log.counts[:] = [(EARLIER, tokens(arrived=NOW + timedelta(minutes=1)))]

    second = books.settle(NOW + timedelta(minutes=15))

    assert (first.settled, first.waiting, second.settled) == (0, 1, 1)
    assert books.counted()["gpt-4o", "settled"][Meter.OUTPUT] == 5


def test_a_row_that_comes_hours_late_still_settles(books: Books) -> None:
    books.ingest(pending(time=NOW - timedelta(hours=30)), now=NOW - timedelta(hours=30))
    books.log.counts.append((NOW - timedelta(hours=30), tokens()))

    assert books.settle().settled == 1
    assert books.counted("2026-03-13")["gpt-4o", "settled"][Meter.INPUT] == 10


def test_rows_without_tokens_settle_nothing(books: Books) -> None:
    books.ingest(pending())
    books.log.counts.append((EARLIER, tokens(prompt=0, completion=0, total=0)))

    assert books.settle() == Settlement(0, 0, 0, waiting=1)
    assert ("gpt-4o", "unsettled") in books.counted()


def test_a_total_larger_than_its_parts_is_believed(books: Books) -> None:
    books.ingest(pending())
    books.log.counts.append((EARLIER, tokens(prompt=10, completion=5, total=40)))

    books.settle()

    assert books.counted()["gpt-4o", "settled"] == {Meter.INPUT: 10, Meter.OUTPUT: 30, Meter.REQUESTS: 1}


def test_the_urls_of_the_log_are_named_as_the_gateway_names_its_calls() -> None:
    root = "https://gw.azure-api.net/openai"

    named = {
        path: operation_and_deployment(root + path)
        for path in (
            "/deployments/gpt%2D4o/chat/completions",
            "/v1/responses",
            "/v1/audio/speech?x=1",
            "/v1/fine_tuning/jobs",
            "/",
        )
    }

    assert list(named.values()) == [
        ("chat.completions", "gpt-4o"),
        ("responses", ""),
        ("audio.speech", ""),
        ("fine_tuning.jobs", ""),
        ("unknown", ""),
    ]


def broken(**changes: Any) -> dict[str, Any]:
    """A pending event that an older version of the product accepted, and that cannot be settled."""
    return pending("call-x", requestCharacters=40, maxOutputTokens=5) | changes


UNSETTLEABLE = {
    "an id with no room for its suffix": broken(id="x" * 1_020),
    "quantities that no picture has": broken(
        data=pending()["data"] | {"operation": "images.generations", "quantities": {"images": 10**15}}
    ),
    "no source": {name: value for name, value in pending("call-x").items() if name != "source"},
    "not even a time": broken(time="yesterday"),
}


@pytest.mark.parametrize("fault", UNSETTLEABLE)
def test_a_call_that_cannot_be_settled_keeps_no_other_from_being_settled(books: Books, fault: str) -> None:
    bad = UNSETTLEABLE[fault]
    books.ingest(pending())
    books.log.counts += [(EARLIER, tokens()), (EARLIER, tokens(str(bad["id"])))]
    found = books.counter.pending

    async def with_bad(day: str) -> AsyncIterator[list[bytes]]:
        async for page in found(day):
            yield [json.dumps(bad).encode(), *page] if day == "2026-03-14" else []

    books.counter.pending = with_bad  # type: ignore[method-assign]

    done = books.settle(NOW + timedelta(hours=24))

    assert (done.settled, done.set_aside) == (1, 1)
    assert books.counted() == {("gpt-4o", "settled"): {Meter.INPUT: 10, Meter.OUTPUT: 5, Meter.REQUESTS: 1}}
    (aside,) = asyncio.run(SetAside(books.control).all())
    assert (aside.stage, aside.day, aside.count) == (Stage.SETTLE, "2026-03-14", 1)
    assert asyncio.run(books.quarantine.batches()) == []


@pytest.mark.parametrize("time", ["2026-03-14T10:00:60Z", "2026-03-14t10:00:00z"])
def test_a_leap_second_and_small_letters_are_times_that_can_be_settled(books: Books, time: str) -> None:
    books.ingest(pending() | {"time": time})
    books.log.counts.append((EARLIER, tokens()))

    assert books.settle().settled == 1


def test_a_stretch_of_the_log_that_cannot_be_read_keeps_no_other_call_from_being_settled(books: Books) -> None:
    day_before = NOW - timedelta(hours=30)
    books.ingest(pending("old", day_before), now=day_before)
    books.ingest(pending("new"))
    books.log.counts += [(EARLIER, tokens("new"))]
    read = books.log.token_counts

    async def cut_off(since: datetime, until: datetime, ids: Any) -> Any:
        if since <= day_before < until:
            raise StoreUnavailable("the answer is cut off")
        return await read(since, until, ids)

    books.log.token_counts = cut_off  # type: ignore[method-assign]

    with pytest.raises(SomeFailed, match="the answer is cut off"):
        books.settle()

    assert ("gpt-4o", "settled") in books.counted()
    assert books.counted("2026-03-13") == {("gpt-4o", "unsettled"): {Meter.REQUESTS: 1}}, "nothing may be guessed"


def test_tokens_of_a_gateway_are_not_given_to_another_emitter_that_names_the_same_call(books: Books) -> None:
    books.ingest(pending(), pending() | {"source": "/emitter/evil"})
    books.log.counts.append((EARLIER, tokens()))

    done = books.settle()

    assert (done.settled, done.waiting) == (1, 1)
    assert books.counted()["gpt-4o", "settled"] == {Meter.INPUT: 10, Meter.OUTPUT: 5, Meter.REQUESTS: 1}


def test_a_row_that_cannot_be_read_is_noted_under_its_own_day_until_the_log_is_read_there_again(books: Books) -> None:
    own = NOW - timedelta(days=9)
    books.log.unreadable["call-2"] = "ValueError: NaN is not a number of tokens"
    books.log.times["call-2"] = own
    books.settle(since=NOW - timedelta(days=10))
    books.log.unreadable.clear()

    books.settle()
    (aside,) = asyncio.run(SetAside(books.control).all())
    books.settle(since=NOW - timedelta(days=10))

    assert (aside.day, aside.count) == (f"{own:%Y-%m-%d}", 1)
    assert asyncio.run(SetAside(books.control).all()) == []


def test_a_row_of_the_log_that_cannot_be_read_is_set_aside(books: Books) -> None:
    books.ingest(pending())
    books.log.counts.append((EARLIER, tokens()))
    books.log.unreadable["call-2"] = "ValueError: NaN is not a number of tokens"

    done = books.settle()

    assert (done.settled, done.set_aside) == (1, 1)


def test_a_response_in_the_background_is_not_settled_by_its_prompt_alone(books: Books) -> None:
    books.ingest(pending("begun", operation="responses", responseId="resp_1", stream=False))
    books.log.counts.append((EARLIER, tokens("begun", prompt=2_000, completion=0, total=2_000, streamed=False)))
    first = books.settle()
    books.log.counts[:] = [(EARLIER, tokens("begun", prompt=2_000, completion=7, total=2_007, streamed=False))]

    second = books.settle()

    assert (first.settled, first.waiting, second.settled) == (0, 1, 1)


def test_jobs_are_not_asked_for_and_a_response_with_an_id_for_a_day_alone(books: Books) -> None:
    long_ago = NOW - timedelta(hours=30)
    for operation in ("batches", "fine_tuning.jobs"):
        books.ingest(pending(operation, operation=operation, responseId=f"{operation}_1", stream=False))
    books.ingest(pending("young", operation="responses", responseId="resp_1"))
    books.ingest(pending("old", long_ago, operation="responses", responseId="resp_2"), now=long_ago)

    done = books.settle()

    assert books.log.counted == ["young"]
    assert done.waiting == 4


def test_a_client_that_left_pays_at_the_backend_that_the_log_names(books: Books) -> None:
    books.ingest(pending("left", statusCode=499, backend=None))
    books.log.counts.append((EARLIER, tokens("left")))
    books.log.logged.append(logged("left", status=499, backend="oai-eastus2.openai.azure.com"))

    assert books.settle().settled == 1
    assert books.events()[-1]["data"]["backend"] == "oai-eastus2.openai.azure.com"


@pytest.mark.parametrize(
    ("asked", "own", "tier", "state"),
    [
        (None, None, "default", "settled"),
        ("auto", None, "default", "settled"),
        ("default", "priority", "default", "settled"),
        ("priority", None, "priority", "estimated"),
        ("flex", "priority", "flex", "estimated"),
        (None, "priority", "priority", "estimated"),
    ],
)
def test_a_stream_is_priced_at_the_tier_that_was_asked_for_and_says_so(
    asked: str | None, own: str | None, tier: str, state: str
) -> None:
    books = Books(catalogue(service_tier=own))
    books.ingest(pending(requestedTier=asked, backend="oai-eastus2.openai.azure.com"))
    books.log.counts.append((EARLIER, tokens()))

    books.settle()

    lines = [line for line, hours in books.counter.days["2026-03-14"].lines.values() if line.state != "unsettled"]
    assert [(line.service_tier, line.state) for line in lines] == [(tier, state)]


@pytest.mark.parametrize(
    "operation", ["audio.transcriptions", "audio.speech", "images.generations", "chat.completions"]
)
def test_sound_and_pictures_are_never_priced_as_text(operation: str) -> None:
    spoken = dated(Meter.OUTPUT_AUDIO, (datetime(2026, 1, 1, tzinfo=UTC), "80"), model="gpt-4o-audio")
    books = Books(catalogue(spoken))
    books.ingest(pending("sound", operation=operation, model="gpt-4o-audio-2024-12-17", requestCharacters=40))
    books.log.counts += [(EARLIER, tokens("sound")), *((EARLIER, tokens(f"like-{n}")) for n in range(20))]

    books.settle()
    later = books.settle(NOW + timedelta(hours=30))

    assert (later.settled, later.estimated, later.waiting) == (0, 0, 1)
    assert [state for _, state in books.counted()] == ["unsettled"]
