"""Accounting of streams: pending without being read, exact where the product has it so."""

import pytest

from tests.policies.one_region import OneRegion, product
from tests.policies.scripted_backends import USAGE, chunk, sse


def test_a_stream_is_pending_and_reaches_the_caller_unread(one_region: OneRegion) -> None:
    pieces = sse(chunk("Par"), chunk("is"), chunk(usage=USAGE))
    one_region.script("oai-swedencentral", type="text/event-stream", pieces=pieces)

    answer = one_region.chat(stream=True)

    event = one_region.event()
    assert answer.content == b"".join(pieces)
    assert event["type"] == "chargeback.usage.pending.v1"
    assert event["data"]["stream"] is True
    assert "usage" not in event["data"]
    assert "model" not in event["data"]


def test_a_stream_that_the_backend_cuts_is_one_pending_event(one_region: OneRegion) -> None:
    one_region.script("oai-swedencentral", type="text/event-stream", pieces=sse(chunk("Par"))[:1], cut=True)

    with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|disconnect|reset"):
        one_region.chat(stream=True)

    assert one_region.event()["type"] == "chargeback.usage.pending.v1"


def test_a_stream_that_was_asked_for_and_refused_is_rejected(one_region: OneRegion) -> None:
    one_region.script("oai-swedencentral", status=400, body={"error": {"code": "invalid_prompt", "message": "no"}})

    answer = one_region.chat(stream=True)

    assert answer.json()["error"]["code"] == "invalid_prompt"
    event = one_region.event()
    assert event["type"] == "chargeback.usage.rejected.v1"
    assert event["data"]["statusCode"] == 400


def test_a_product_with_exact_streams_has_its_usage_at_once(make_region) -> None:  # type: ignore[no-untyped-def]
    one_region = make_region(config={"products": [product(exactStreams=True)]})
    pieces = sse(chunk("Paris"), chunk(usage=USAGE))
    one_region.script("oai-swedencentral", type="text/event-stream", pieces=pieces)

    answer = one_region.chat(stream=True)

    event = one_region.event()
    assert answer.content == b"".join(pieces)
    assert event["type"] == "chargeback.usage.recorded.v1"
    assert event["data"]["usage"] == USAGE
    assert event["data"]["model"] == "gpt-4o-2024-11-20"


def test_a_streamed_response_has_its_model_without_being_read(one_region: OneRegion) -> None:
    one_region.script(
        "oai-swedencentral",
        type="text/event-stream",
        pieces=sse({"type": "response.completed"}),
        headers={"x-ms-served-model": "gpt-4.1-2025-04-14"},
    )

    one_region.client.post(
        "/v1/responses", json={"model": "gpt-4.1", "stream": True}, headers={"api-key": "key-search"}
    )

    assert one_region.event()["data"]["model"] == "gpt-4.1-2025-04-14"


def test_an_exact_stream_of_responses_has_the_usage_of_its_last_event(make_region) -> None:  # type: ignore[no-untyped-def]
    one_region = make_region(config={"products": [product(exactStreams=True)]})
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    done = {"type": "response.completed", "response": {"id": "resp_1", "model": "gpt-4o", "usage": usage}}
    one_region.script("oai-swedencentral", type="text/event-stream", pieces=sse({"type": "response.created"}, done))

    one_region.client.post(
        "/v1/responses",
        json={"model": "gpt-4o", "input": "hi", "stream": True},
        headers={"api-key": "key-search"},
    )

    event = one_region.event()
    assert (event["type"], event["data"]["usage"], event["data"]["responseId"]) == (
        "chargeback.usage.recorded.v1",
        usage,
        "resp_1",
    )


def test_an_exact_stream_without_usage_stays_pending(make_region) -> None:  # type: ignore[no-untyped-def]
    one_region = make_region(config={"products": [product(exactStreams=True)]})
    one_region.script("oai-swedencentral", type="text/event-stream", pieces=sse(chunk("Paris")))

    one_region.chat(stream=True)

    assert one_region.event()["type"] == "chargeback.usage.pending.v1"
