"""Settling estimates calls whose tokens the log never tells, past the deadline and not before."""

from datetime import timedelta
from typing import Any

import pytest

from chargeback.domain.usage.meters import Meter
from chargeback.services.usage.settle import Settlement
from chargeback.settings import LONGEST_DEADLINE
from tests.support.settler import EARLIER, NOW, Books, pending, tokens


@pytest.fixture
def books() -> Books:
    """Empty books."""
    return Books()


def test_past_the_deadline_a_stream_is_estimated_from_its_like(books: Books) -> None:
    old = NOW - timedelta(hours=26)
    books.ingest(pending("silent", time=old), now=old)
    books.log.counts += [(old, tokens(f"other-{n}", prompt=100 + n, completion=50, total=150 + n)) for n in range(10)]

    done = books.settle()

    assert done == Settlement(settled=0, recovered=0, estimated=1, waiting=0)
    counted = books.counted("2026-03-13")
    assert counted == {("gpt-4o", "estimated"): {Meter.INPUT: 105, Meter.OUTPUT: 50, Meter.REQUESTS: 1}}
    event = books.events("2026-03-13")[-1]
    assert event["data"]["usageSource"] == "estimated"
    assert event["data"]["estimateBasis"] == "mean of 10 streamed calls of gpt-4o"


def test_before_the_deadline_nothing_is_estimated(books: Books) -> None:
    books.ingest(pending("silent"))
    books.log.counts += [(EARLIER, tokens(f"other-{n}")) for n in range(20)]

    assert books.settle() == Settlement(0, 0, 0, waiting=1)


@pytest.mark.parametrize(
    "data",
    [{"responseId": "resp_1", "stream": False}, {"statusCode": 499}, {"stream": False}, {"deployment": "rare"}],
)
def test_what_nothing_speaks_for_stays_unsettled(books: Books, data: dict[str, Any]) -> None:
    old = NOW - timedelta(hours=26)
    books.ingest(pending("silent", time=old, **data), now=old)
    books.log.counts += [(old, tokens(f"other-{n}")) for n in range(20)]

    assert books.settle() == Settlement(0, 0, 0, waiting=1)
    assert [state for _, state in books.counted("2026-03-13")] == ["unsettled"]


def test_too_few_calls_are_no_basis_for_an_estimate(books: Books) -> None:
    old = NOW - timedelta(hours=26)
    books.ingest(pending("silent", time=old), now=old)
    books.log.counts += [(old, tokens(f"other-{n}")) for n in range(9)]

    assert books.settle() == Settlement(0, 0, 0, waiting=1)


def test_a_call_without_a_status_is_estimated_like_others(books: Books) -> None:
    long_ago = NOW - timedelta(hours=30)
    like = [tokens(f"like-{n}", time=long_ago, arrived=long_ago) for n in range(10)]
    books.ingest(*(pending(each.correlation_id, long_ago) for each in like), now=long_ago)
    books.ingest(pending("alone", long_ago, statusCode=None), now=long_ago)
    books.log.counts += [(long_ago, each) for each in like]

    done = books.settle()

    assert (done.settled, done.estimated) == (10, 1)


def test_a_stream_of_pictures_is_estimated_as_the_pictures_that_were_asked_for(books: Books) -> None:
    asked = {"images": 2, "size": "1024x1024", "quality": "high"}
    books.ingest(pending("drawn", operation="images.generations", quantities=asked))
    books.log.counts.append((EARLIER, tokens("drawn")))

    done = books.settle(NOW + timedelta(hours=30))

    assert (done.settled, done.estimated) == (0, 1)
    assert books.counted() == {("gpt-4o", "estimated"): {Meter.IMAGES: 2, Meter.REQUESTS: 1}}


GUESSES = {
    "a stream of a rare deployment": ({"requestCharacters": 41, "maxOutputTokens": 500}, 0, (11, 500)),
    "a stream with calls like it": ({"requestCharacters": 41, "maxOutputTokens": 500}, 10, (11, 5)),
    "one that may not say so much": ({"requestCharacters": 41, "maxOutputTokens": 3}, 10, (11, 3)),
    "a client that left": ({"requestCharacters": 41, "maxOutputTokens": 500, "statusCode": 499}, 0, (11, 500)),
    "no answer in time": ({"requestCharacters": 41, "statusCode": 504}, 10, (11, 5)),
    "a filtered prompt": ({"requestCharacters": 41, "statusCode": 400, "errorCode": "content_filter"}, 10, (11, 0)),
    "a prompt above the limit": (
        {"requestCharacters": 41, "statusCode": 400, "errorCode": "context_length_exceeded", "maxOutputTokens": 9},
        10,
        (11, 0),
    ),
    "an embedding that was not read": (
        {"operation": "embeddings", "stream": False, "requestCharacters": 41},
        0,
        (11, 0),
    ),
    "an embedding with calls like it": (
        {"operation": "embeddings", "stream": False, "requestCharacters": 41},
        10,
        (11, 0),
    ),
}


@pytest.mark.parametrize("guess", GUESSES)
def test_past_the_deadline_the_length_of_the_prompt_and_the_limit_of_the_answer_are_taken(
    books: Books, guess: str
) -> None:
    data, like, (prompt, completion) = GUESSES[guess]
    books.ingest(pending("silent", **data))
    books.log.counts += [(EARLIER, tokens(f"like-{n}")) for n in range(like)]

    done = books.settle(NOW + timedelta(hours=30))

    assert done.estimated == 1
    expected = {Meter.INPUT: prompt, Meter.OUTPUT: completion, Meter.REQUESTS: 1}
    assert books.counted() == {("gpt-4o", "estimated"): {meter: count for meter, count in expected.items() if count}}
    assert books.events()[-1]["data"]["estimateBasis"].startswith("41 characters and ")


def test_a_prompt_above_any_limit_is_estimated_as_what_a_model_can_have_read(books: Books) -> None:
    books.ingest(pending(requestCharacters=100_000_000, statusCode=400, errorCode="context_length_exceeded"))

    books.settle(NOW + timedelta(hours=30))

    assert books.events()[-1]["data"]["usage"]["prompt_tokens"] == 1_050_000


def test_at_the_longest_deadline_a_call_of_the_last_minute_of_a_day_is_still_estimated() -> None:
    books = Books(deadline=timedelta(hours=LONGEST_DEADLINE))
    late = NOW.replace(hour=23, minute=59, second=59)
    books.ingest(pending("late", late, requestCharacters=40, maxOutputTokens=10), now=late)

    runs = [late.replace(hour=0, minute=10, second=0) + timedelta(days=1, minutes=15 * n) for n in range(3 * 96)]
    done = [books.settle(now) for now in runs[-10:]]

    assert sum(each.estimated for each in done) == 1
    assert runs[-1] < late + timedelta(days=3)
