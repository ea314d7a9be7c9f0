"""Settling recovers calls that lost their event from the gateway's own rows, once each."""

from datetime import UTC, datetime, timedelta

import pytest

from chargeback.domain.usage.meters import Meter
from chargeback.services.usage.settle import Settlement
from tests.support.catalogues import catalogue, dated
from tests.support.settler import EARLIER, NOW, SOURCE, Books, logged, pending, tokens


@pytest.fixture
def books() -> Books:
    """Empty books."""
    return Books()


def test_a_call_that_lost_its_event_is_recovered_with_its_subscription(books: Books) -> None:
    books.ingest(pending("other"))
    books.log.counts.append((EARLIER, tokens("lost")))
    books.log.logged.append(logged("lost"))

    done = books.settle()

    assert done.recovered == 1
    event = books.events()[-1]
    assert (event["id"], event["source"]) == ("lost/settled", SOURCE)
    assert (event["data"]["subscriptionId"], event["data"]["operation"], event["data"]["usageSource"]) == (
        "search",
        "chat.completions",
        "gateway-log-alone",
    )
    assert books.counted()["gpt-4o", "settled"] == {Meter.INPUT: 10, Meter.OUTPUT: 5, Meter.REQUESTS: 1}
    assert books.settle().recovered == 0


@pytest.mark.parametrize("type_", ["recorded", "rejected"])
def test_a_call_whose_event_has_come_is_not_recovered(books: Books, type_: str) -> None:
    books.ingest({**pending("known"), "type": f"chargeback.usage.{type_}.v1"})
    books.log.counts.append((EARLIER, tokens("known")))
    books.log.logged.append(logged("known"))
    before = books.counted()

    assert books.settle().recovered == 0
    assert books.counted() == before


def test_the_gateways_own_rows_are_only_asked_for_where_an_event_is_missing(books: Books) -> None:
    books.ingest(*({**pending(f"known-{n}"), "type": "chargeback.usage.recorded.v1"} for n in range(20)))
    books.log.counts += [(EARLIER, tokens(f"known-{n}")) for n in range(20)] + [(EARLIER, tokens("lost"))]
    books.log.logged.append(logged("lost"))

    books.settle()

    assert books.log.asked == ["lost"]


def test_an_event_that_comes_after_its_recovery_counts_instead(books: Books) -> None:
    books.ingest(pending("other"))
    books.log.counts.append((EARLIER, tokens("late")))
    books.log.logged.append(logged("late"))
    books.settle()
    usage = {"prompt_tokens": 10, "completion_tokens": 6, "total_tokens": 16}

    books.ingest({**pending("late", usage=usage, stream=False), "type": "chargeback.usage.recorded.v1"})

    counted = books.counted()
    assert counted["gpt-4o", "exact"] == {Meter.INPUT: 10, Meter.OUTPUT: 6, Meter.REQUESTS: 1}
    assert ("gpt-4o", "settled") not in counted


def test_an_event_on_its_way_does_not_count_as_lost(books: Books) -> None:
    books.ingest(pending("other"))
    young = NOW - timedelta(minutes=20)
    books.log.counts.append((young, tokens("young", time=young, arrived=young)))
    books.log.logged.append(logged("young", time=young))

    assert books.settle().recovered == 0


def test_a_call_whose_event_lies_on_the_day_before_is_not_recovered(books: Books) -> None:
    midnight = datetime(2026, 3, 14, tzinfo=UTC)
    event = {**pending("edge", time=midnight - timedelta(seconds=1)), "type": "chargeback.usage.recorded.v1"}
    books.ingest(event, pending("other", time=midnight), now=midnight)
    books.log.counts.append((midnight, tokens("edge", time=midnight, arrived=midnight)))
    books.log.logged.append(logged("edge", time=midnight + timedelta(seconds=2)))

    assert books.settle(midnight + timedelta(hours=2)).recovered == 0


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "https://gw/openai/v1/responses/resp_1"),
        ("POST", "https://gw/openai/v1/responses/resp_1/cancel"),
        ("GET", "https://gw/openai/v1/batches/batch_1"),
    ],
)
def test_fetching_a_stored_answer_is_never_recovered_as_a_call(books: Books, method: str, url: str) -> None:
    books.ingest(pending("other"))
    books.log.counts.append((EARLIER, tokens("poll")))
    books.log.logged.append(logged("poll", method=method, url=url))

    assert books.settle().recovered == 0


def test_a_response_that_was_only_begun_is_not_treated_as_a_call_without_event(books: Books) -> None:
    books.ingest(pending("other"))
    books.log.counts.append((EARLIER, tokens("begun", completion=0, total=10, streamed=False)))
    books.log.logged.append(logged("begun", url="https://gw/openai/v1/responses"))

    assert books.settle().recovered == 0


def test_embeddings_have_no_completion_and_are_recovered_all_the_same(books: Books) -> None:
    books.ingest(pending("other"))
    books.log.counts.append((EARLIER, tokens("lost", completion=0, total=10, streamed=False)))
    books.log.logged.append(logged("lost", url="https://gw/openai/v1/embeddings"))

    assert books.settle().recovered == 1


def test_while_redis_has_lost_the_day_no_event_counts_as_lost(books: Books) -> None:
    books.log.counts.append((EARLIER, tokens("lost")))
    books.log.logged.append(logged("lost"))

    assert books.settle() == Settlement(0, 0, 0, 0)


def test_a_log_without_the_calls_own_row_recovers_later(books: Books) -> None:
    books.ingest(pending("other"))
    books.log.counts.append((EARLIER, tokens("lost")))
    first = books.settle()
    books.log.logged.append(logged("lost"))

    second = books.settle()

    assert (first.recovered, second.recovered) == (0, 1)


def test_calls_that_were_lost_a_day_ago_are_recovered_when_asked_for(books: Books) -> None:
    lost = NOW - timedelta(hours=30)
    books.ingest(pending("other", lost), now=lost)
    books.log.counts.append((lost, tokens("lost", time=lost, arrived=lost)))
    books.log.logged.append(logged("lost", time=lost))

    usual = books.settle()
    done = books.settle(since=NOW - timedelta(hours=31))
    again = books.settle(since=NOW - timedelta(hours=31))

    assert (usual.recovered, done.recovered, again.recovered) == (0, 1, 0)


def test_calls_of_days_that_are_no_longer_open_are_recovered_if_the_ledger_does_not_know_them(books: Books) -> None:
    lost = NOW - timedelta(days=9)
    books.ingest(pending("known", lost), now=lost)
    books.counter.days.clear()
    for name in ("known", "lost"):
        books.log.counts.append((lost, tokens(name, time=lost, arrived=lost)))
        books.log.logged.append(logged(name, time=lost))

    done = books.settle(since=NOW - timedelta(days=10))

    assert (done.recovered, done.settled) == (1, 1)
    assert [event["id"] for event in books.events("2026-03-05")] == ["known", "lost/settled", "known/settled"]


def test_a_call_without_an_event_is_priced_at_its_deployment_s_tier_and_says_so() -> None:
    books = Books(catalogue(service_tier="priority"))
    books.ingest(pending("other"))
    books.log.counts.append((EARLIER, tokens("lost")))
    books.log.logged.append(logged("lost", backend="oai-eastus2.openai.azure.com"))

    done = books.settle()

    lines = [line for line, _ in books.counter.days["2026-03-14"].lines.values() if line.state != "unsettled"]
    assert done.recovered == 1
    assert [(line.service_tier, line.state) for line in lines] == [("priority", "estimated")]
    assert books.events()[-1]["data"]["estimateBasis"] == "tier priority asked for"


def test_of_a_call_without_an_event_sound_is_never_priced_as_text() -> None:
    spoken = dated(Meter.OUTPUT_AUDIO, (datetime(2026, 1, 1, tzinfo=UTC), "80"), model="gpt-4o-audio")
    books = Books(catalogue(spoken))
    books.ingest(pending("other", deployment="elsewhere"))
    books.log.counts.append((EARLIER, tokens("lost", model="gpt-4o-audio-2024-12-17")))
    books.log.logged.append(logged("lost"))

    done = [books.settle(), books.settle(NOW + timedelta(minutes=15))]

    assert [each.recovered for each in done] == [1, 0]
    assert books.counted()["gpt-4o", "unsettled"] == {Meter.REQUESTS: 1}
    assert ("gpt-4o", "settled") not in books.counted()


def test_a_stream_that_came_after_its_recovery_is_settled_also_when_redis_has_the_day_no_more() -> None:
    books, own = Books(), NOW - timedelta(days=9)
    books.log.counts.append((own, tokens(time=own, arrived=own)))
    books.log.logged.append(logged(time=own))
    recovered = books.settle(since=NOW - timedelta(days=10))

    books.ingest(pending(time=own, username="ann"))
    done = books.settle(days=[f"{own:%Y-%m-%d}"])
    again = books.settle(days=[f"{own:%Y-%m-%d}"])

    assert (recovered.recovered, done.settled, again.settled) == (1, 1, 0)
    assert books.events(f"{own:%Y-%m-%d}")[-1]["data"]["username"] == "ann"
