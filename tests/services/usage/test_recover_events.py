"""Lost events: taken from the gateway's log exactly as the gateway made them, however long the pipeline was away."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from chargeback.domain.errors import SomeFailed
from chargeback.domain.streams.gateway_log import LoggedCall
from chargeback.domain.usage.meters import Meter
from chargeback.services.running.set_aside import SetAside, Stage
from tests.support.settler import EARLIER, NOW, SOURCE, Books, logged, pending, tokens

WHO = {
    "subscriptionId": "search",
    "productId": "standard",
    "tenantId": "tenant-1",
    "appId": "app-1",
    "userObjectId": "user-1",
    "username": "ann",
    "companyName": "ACME",
    "billingCode": "VOICE",
}
USAGE = {"prompt_tokens": 10, "completion_tokens": 6, "total_tokens": 16}
LAST_WEEK = NOW - timedelta(days=9)


@pytest.fixture
def books() -> Books:
    """Empty books, of a day that has one other call."""
    return Books()


def event(name: str, type_: str = "recorded", time: datetime = EARLIER, **data: Any) -> dict[str, Any]:
    """An event of the gateway, as it would have been sent."""
    own = {**pending(name, time, stream=type_ == "pending", **WHO, **data), "type": f"chargeback.usage.{type_}.v1"}
    return {**own, "datacontenttype": "application/json"}


def kept(of: dict[str, Any], time: datetime | None = None, **fields: Any) -> LoggedCall:
    """The gateway's row of the call that an event is of, with the event in it."""
    moment = time or datetime.fromisoformat(of["time"])
    return logged(of["id"], time=moment, event=json.dumps(of).encode(), **fields)


KINDS = {
    "chat": event("lost", usage=USAGE, model="gpt-4o-2024-11-20"),
    "embeddings": event("lost", operation="embeddings", usage={"prompt_tokens": 7, "total_tokens": 7}),
    "a picture": event(
        "lost", operation="images.generations", quantities={"images": 2, "size": "1024x1024", "quality": "high"}
    ),
    "speech": event("lost", operation="audio.speech", quantities={"characters": 15}),
    "a refusal": event("lost", "rejected", statusCode=429, errorCode="rate_limit_exceeded"),
    "a batch": event("lost", "pending", operation="batches", responseId="batch_1"),
    "a poll": event("lost", "settled", operation="batches", responseId="batch_1", method="GET", usage=USAGE),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_event_of_any_kind_comes_back_as_it_was_and_once(books: Books, kind: str) -> None:
    of = KINDS[kind]
    books.ingest(pending("other"))
    books.log.logged.append(kept(of))

    done = books.settle()
    again = books.settle()

    assert (done.recovered, again.recovered) == (1, 0)
    found = [each for each in books.events() if each["id"] == "lost"]
    assert [{name: each[name] for name in ("id", "source", "type", "time", "data")} for each in found] == [
        {name: of[name] for name in ("id", "source", "type", "time", "data")}
    ]


def test_a_lost_stream_comes_back_with_its_tags_and_gets_its_tokens(books: Books) -> None:
    books.ingest(pending("other"))
    books.log.logged.append(kept(event("lost", "pending")))
    books.log.counts.append((EARLIER, tokens("lost")))

    done = books.settle()

    assert (done.recovered, done.settled) == (1, 1)
    (line,) = [line for line, hours in books.counter.days["2026-03-14"].lines.values() if line.state == "settled"]
    assert (line.billing_code, line.user, line.company, line.app) == ("VOICE", "ann", "ACME", "app-1")
    assert books.counted()["gpt-4o", "settled"] == {Meter.INPUT: 10, Meter.OUTPUT: 5, Meter.REQUESTS: 1}


def test_an_event_that_arrives_after_it_was_recovered_is_a_duplicate(books: Books) -> None:
    of = event("late", usage=USAGE)
    books.ingest(pending("other"))
    books.log.logged.append(kept(of))
    books.settle()
    before = books.counted()

    books.ingest(of)

    assert books.counted() == before


@pytest.mark.parametrize("known", ["the beginning", "the end"])
def test_of_a_job_the_phase_that_is_missing_comes_back(books: Books, known: str) -> None:
    begun = event("begun", "pending", operation="batches", responseId="batch_1")
    ended = event("ended", "settled", operation="batches", responseId="batch_1", method="GET", usage=USAGE)
    books.ingest(begun if known == "the beginning" else ended)
    books.log.logged += [kept(begun), kept(ended)]

    done, again = books.settle(), books.settle()

    assert (done.recovered, again.recovered) == (1, 0)
    assert books.counted()["gpt-4o", "exact"] == {Meter.INPUT: 10, Meter.OUTPUT: 6, Meter.REQUESTS: 1}


def test_fetching_a_stored_answer_is_not_recovered_again_and_again(books: Books) -> None:
    """It is known, though it costs nothing: nobody saw the response begin."""
    fetched = event("fetch", "settled", operation="responses", responseId="resp_1", method="GET", usage=USAGE)
    books.ingest(pending("other"), fetched)
    books.log.logged.append(kept(fetched, method="GET"))

    assert books.settle().recovered == 0


def test_after_redis_was_flushed_no_event_counts_as_lost_until_the_ledger_is_counted(books: Books) -> None:
    recorded = [event(f"recorded-{n}", usage=USAGE) for n in range(10)]
    streams = [event(f"stream-{n}", "pending") for n in range(10)]
    books.ingest(*recorded, *streams)
    books.log.logged += [kept(each) for each in (*recorded, *streams)]
    books.log.counts += [(EARLIER, tokens(each["id"])) for each in (*recorded, *streams)]
    books.post()
    books.counter.days.clear()
    books.ingest(event("new", usage=USAGE))

    before_posting = asyncio.run(books.settler.settle(NOW))
    after_posting = books.settle()

    assert (before_posting.recovered, after_posting.recovered) == (0, 0)
    assert after_posting.settled == 10


def test_what_the_log_of_models_rebuilt_gives_way_to_the_event_that_the_log_keeps(books: Books) -> None:
    books.ingest(pending("other"))
    books.log.counts.append((EARLIER, tokens("lost")))
    books.log.logged.append(logged("lost"))
    rebuilt = books.settle()
    books.log.logged[:] = [kept(event("lost", usage=USAGE))]

    own = books.settle()

    assert (rebuilt.recovered, own.recovered) == (1, 1)
    assert books.counted()["gpt-4o", "exact"] == {Meter.INPUT: 10, Meter.OUTPUT: 6, Meter.REQUESTS: 1}
    assert ("gpt-4o", "settled") not in books.counted()


def test_the_pipeline_was_away_for_days_and_every_call_comes_back_once(books: Books) -> None:
    """Not one event of that day had arrived: there is no ledger of it, and Redis does not count it any more."""
    calls = [
        event("chat", usage=USAGE, time=LAST_WEEK),
        event("stream", "pending", time=LAST_WEEK),
        event("job", "pending", operation="batches", responseId="batch_1", time=LAST_WEEK),
        event("ended", "settled", operation="batches", responseId="batch_1", method="GET", usage=USAGE, time=LAST_WEEK),
    ]
    next_day = LAST_WEEK + timedelta(days=1)
    books.log.logged += [*map(kept, calls[:3]), kept(calls[3], next_day, method="GET")]
    books.log.counts.append((LAST_WEEK, tokens("stream", time=LAST_WEEK, arrived=LAST_WEEK)))

    done = books.settle(since=LAST_WEEK - timedelta(hours=1))
    again = books.settle(since=LAST_WEEK - timedelta(hours=1))

    assert (done.recovered, done.settled) == (4, 1)
    assert (again.recovered, again.settled) == (0, 0)
    day = f"{LAST_WEEK:%Y-%m-%d}"
    assert sorted(each["id"] for each in books.events(day)) == ["chat", "ended", "job", "stream", "stream/settled"]
    assert day in asyncio.run(books.ledger.marks()), "its audit brings it into the books"


def test_a_day_is_settled_alone_where_it_is_asked_for(books: Books) -> None:
    for at in (LAST_WEEK, LAST_WEEK + timedelta(days=1)):
        books.ingest(pending(f"known-{at.day}", at), now=at)
        books.log.counts.append((at, tokens(f"known-{at.day}", time=at, arrived=at)))
        books.log.logged.append(kept(event(f"lost-{at.day}", usage=USAGE, time=at)))
    books.counter.days.clear()

    done = books.settle(days=[f"{LAST_WEEK:%Y-%m-%d}"])

    assert (done.settled, done.recovered) == (1, 1)
    assert books.events(f"{LAST_WEEK + timedelta(days=1):%Y-%m-%d}")[1:] == []


def test_a_day_whose_ledger_may_be_gone_is_left_alone_and_named(books: Books) -> None:
    """Its calls would seem to be lost, and the door takes nothing so old."""
    books.settler = books.settler_with(max_age=timedelta(days=8))
    books.log.logged += [
        kept(event("too-old", usage=USAGE, time=LAST_WEEK)),
        kept(event("lost", usage=USAGE, time=LAST_WEEK + timedelta(days=2))),
    ]

    with pytest.raises(SomeFailed, match="2026-03-05: older than"):
        books.settle(since=LAST_WEEK)

    assert books.events("2026-03-05") == []
    assert [each["id"] for each in books.events("2026-03-07")] == ["lost"]
    assert asyncio.run(books.quarantine.batches()) == []


def test_an_event_that_names_another_call_is_set_aside_and_no_other_with_it(books: Books) -> None:
    books.ingest(pending("other"))
    forged = kept(event("other-call", usage=USAGE))
    books.log.logged += [
        LoggedCall(**{name: getattr(forged, name) for name in LoggedCall.__slots__} | {"correlation_id": "forged"}),
        kept(event("lost", usage=USAGE)),
    ]

    done = books.settle()

    assert (done.recovered, done.set_aside) == (1, 1)
    (aside,) = asyncio.run(SetAside(books.control).all())
    assert (aside.stage, aside.day) == (Stage.SETTLE, "2026-03-14")


def test_events_of_other_sources_are_not_asked_for(books: Books) -> None:
    books.ingest({**pending("x') or true //"), "source": SOURCE}, {**pending("call-9"), "source": "/agents"})

    books.settle()

    assert books.log.counted == []


def test_the_log_is_looked_through_in_short_stretches_and_asked_for_some_hundred_calls_at_once(books: Books) -> None:
    books.ingest(pending("other"))
    books.log.logged += [kept(event(f"lost-{n}", usage=USAGE)) for n in range(1_100)]
    asked: list[int] = []
    spans: list[timedelta] = []
    calls, events = books.log.calls, books.log.kept_events

    async def count_calls(since: datetime, until: datetime, ids: Any) -> Any:
        asked.append(len(ids))
        return await calls(since, until, ids)

    async def measure(since: datetime, until: datetime) -> Any:
        spans.append(until - since)
        return await events(since, until)

    books.log.calls, books.log.kept_events = count_calls, measure  # type: ignore[method-assign]

    done = books.settle()

    assert done.recovered == 1_100
    assert sorted(asked) == [100, 500, 500]
    assert max(spans) <= timedelta(minutes=15)
    assert sum(spans, timedelta()) == timedelta(hours=5, minutes=30)
