"""What the service may have worked on is never booked as nothing, and what costs nothing is never booked as open."""

from typing import Any

import httpx
import pytest

from chargeback.domain.events.admission import admit
from chargeback.domain.events.emitters import OURSELVES
from chargeback.domain.events.usage_event import EVER
from chargeback.domain.streams.estimates import UNANSWERED
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, US, OneRegion
from tests.policies.scripted_backends import CHAT, USAGE, chunk, sse
from tests.support.stored_responses import get, post, response, taken

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)

EVERYWHERE = (*EU, *US)
FILTERED = {"error": {"code": "content_filter", "message": "filtered", "innererror": {"code": "x"}}}


def state(event: dict[str, Any]) -> tuple[str, str, str]:
    """How the books take the event: operation, state and backend of its line."""
    document = {**event, "type": f"chargeback.usage.{event['type']}.v1"}
    line = admit(httpx.Response(200, json=document).content, EVER, OURSELVES).line
    return line.operation, line.state, line.backend.split(".")[0]


def test_a_prompt_that_the_content_filter_refused_is_pending_with_its_size(one_region: OneRegion) -> None:
    one_region.script(EU[0], status=400, body=FILTERED)

    answer = one_region.chat()

    event = taken(one_region)
    assert answer.json() == FILTERED
    assert (event["type"], event["data"]["errorCode"]) == ("pending", "content_filter")
    assert event["data"]["requestCharacters"] == 18
    assert state(event) == ("chat.completions", "unsettled", EU[0])


MAY_BE_BILLED = [
    ({"code": "contentFilter", "message": "Your task failed."}, "contentfilter"),
    ({"code": "content_policy_violation", "message": "no"}, "content_policy_violation"),
    ({"code": "moderation_blocked", "message": "no"}, "moderation_blocked"),
    ({"code": "context_length_exceeded", "message": "no"}, "context_length_exceeded"),
    # As embeddings tell it.
    ({"code": None, "message": "This model's maximum context length is 8192 tokens"}, "context_length_exceeded"),
]


@pytest.mark.parametrize(("error", "code"), MAY_BE_BILLED)
def test_a_400_that_azure_may_bill_is_pending(one_region: OneRegion, error: dict[str, Any], code: str) -> None:
    one_region.script(EU[0], status=400, body={"error": error})

    answer = one_region.chat()

    event = taken(one_region)
    assert answer.json() == {"error": error}
    assert (event["type"], event["data"]["errorCode"]) == ("pending", code)
    assert state(event) == ("chat.completions", "unsettled", EU[0])
    assert code in UNANSWERED


@pytest.mark.parametrize("code", ["invalid_value", "unsupported_parameter", "content_filter_misconfigured", None])
def test_any_other_400_is_final_and_costs_nothing(one_region: OneRegion, code: str | None) -> None:
    one_region.script(EU[0], status=400, body={"error": {"code": code, "message": "no"}})

    one_region.chat()

    event = taken(one_region)
    assert (event["type"], state(event)[1]) == ("rejected", "exact")


@pytest.mark.parametrize("status", [408, 504])
def test_a_time_out_that_the_backend_tells_is_pending_on_the_host_that_worked(
    one_region: OneRegion, status: int
) -> None:
    one_region.script(*EVERYWHERE, status=503, body=b"")
    one_region.script(EU[0], status=status, body=b"")
    one_region.script(EU[1], status=500, body=b"")

    answer = one_region.chat(user="a")

    event = taken(one_region)
    assert answer.status_code >= 400
    assert (event["type"], state(event)) == ("pending", ("chat.completions", "unsettled", EU[0]))


def test_a_time_out_before_an_answer_elsewhere_is_not_this_calls(one_region: OneRegion) -> None:
    one_region.script(EU[0], status=408, body=b"")

    one_region.chat()

    event = taken(one_region)
    assert (event["type"], event["data"]["usage"]) == ("recorded", USAGE)


def test_a_time_out_that_the_gateway_noticed_is_pending_whatever_the_next_account_says(make_region: MakeRegion) -> None:
    one_region = make_region(answer_timeout="1")
    one_region.script(*EVERYWHERE, status=429, headers={"Retry-After": "9"}, body={"error": {"code": "429"}})
    one_region.script(EU[0], delay=3)

    answer = one_region.chat()

    event = taken(one_region)
    assert (answer.status_code, event["data"]["attempts"]) == (429, 4)
    assert (event["type"], state(event)) == ("pending", ("chat.completions", "unsettled", EU[0]))


def test_an_account_that_refuses_connections_has_not_worked(one_region: OneRegion) -> None:
    one_region.down(EU[0])
    for account in (EU[1], *US):
        one_region.script(account, status=429, headers={"Retry-After": "9"}, body={"error": {"code": "429"}})

    one_region.chat()

    assert taken(one_region)["type"] == "rejected"


def test_a_failure_that_nobody_worked_on_is_final(one_region: OneRegion) -> None:
    one_region.script(*EVERYWHERE, status=500, body=b"")

    one_region.chat()

    assert taken(one_region)["type"] == "rejected"


def test_a_client_that_leaves_is_pending_on_the_host_that_was_asked(one_region: OneRegion) -> None:
    one_region.script(EU[0], delay=60)

    path = "/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    one_region.leave("POST", path, json={"messages": []}, headers={"api-key": "key-search"})

    event = taken(one_region)
    assert (event["type"], event["data"]["statusCode"]) == ("pending", 499)
    assert state(event) == ("chat.completions", "unsettled", EU[0])


def test_a_client_that_leaves_a_reading_owes_nothing(one_region: OneRegion) -> None:
    one_region.script(EU[0], delay=60)

    one_region.leave("GET", "/v1/models", headers={"api-key": "key-search"})

    event = taken(one_region)
    assert (event["type"], state(event)[1]) == ("rejected", "exact")


UNREAD = {
    "null": {"body": {**CHAT, "usage": None}},
    "missing": {"body": {"id": "c"}},
    "text": {"body": b"Hello.", "type": "text/plain"},
    "compressed": {"body": b"\x1f\x8b\x08", "headers": {"X-Encoded": "gzip"}},
    "over 8 KB": {"body": {**CHAT, "usage": {f"key-{n}": n for n in range(2000)}}},
}


PATHS = ("completions", "embeddings", "responses", "audio/translations")


@pytest.mark.parametrize(
    ("name", "path"), [*((name, "chat/completions") for name in UNREAD), *(("null", path) for path in PATHS)]
)
def test_a_success_whose_usage_was_not_read_is_pending_as_a_call_of_its_own(
    one_region: OneRegion, name: str, path: str
) -> None:
    one_region.script(EU[0], **UNREAD[name])

    answer = one_region.client.post(
        f"/v1/{path}", json={"model": "gpt-4o", "input": "hi"}, headers={"api-key": "key-search"}
    )

    event = taken(one_region)
    assert answer.status_code == 200
    assert (event["type"], state(event)[1]) == ("pending", "unsettled")
    assert "responseId" not in event["data"]


def test_reading_and_describing_a_stored_answer_costs_nothing_however_often(one_region: OneRegion) -> None:
    one_region.script(EU[0], body=CHAT)
    for _ in range(2):
        get(one_region, "/v1/chat/completions/chatcmpl-1")
    post(one_region, "/v1/chat/completions/chatcmpl-1", metadata={"a": "b"})

    events = [{**each, "type": each["type"].split(".")[2]} for each in one_region.events()]

    assert [state(event)[:2] for event in events] == [
        ("chat.completions", "exact"),
        ("chat.completions", "exact"),
        ("chat.completions.update", "exact"),
    ]
    assert not any("usage" in event["data"] for event in events)


FREE = [
    ("/v1/responses/input_tokens", "responses.input_tokens"),
    ("/v1/Responses/resp_1/Cancel", "responses.cancel"),
    ("/v1/batches/batch_1/cancel", "batches"),
    ("/v1/fine_tuning/jobs/ftjob-1/pause", "fine_tuning.jobs"),
    ("/v1/files", "files"),
    ("/v1/vector_stores/vs_1/search", "vector_stores"),
    ("/v1/conversations/conv_1/items", "conversations"),
]


@pytest.mark.parametrize(("path", "operation"), FREE)
def test_a_route_that_is_known_to_cost_nothing_is_exact(one_region: OneRegion, path: str, operation: str) -> None:
    one_region.owned("batch_1", "ftjob-1", "vs_1", "conv_1", deployment="")
    one_region.script(EU[0], body={"object": "anything", "input_tokens": 11})

    answer = post(one_region, path)

    event = taken(one_region)
    assert answer.status_code == 200
    assert (event["type"], state(event)[:2]) == ("recorded", (operation, "exact"))


COSTLY = ["/v1/responses/resp_1/continue", "/v1/batches/batch_1/rerun", "/v1/chat/completions/chatcmpl-1/again"]


@pytest.mark.parametrize("path", COSTLY)
def test_a_route_that_nobody_knows_is_unsettled_where_it_succeeds(one_region: OneRegion, path: str) -> None:
    one_region.owned("batch_1", deployment="")
    one_region.script(EU[0], body={"object": "anything"})

    post(one_region, path)

    event = taken(one_region)
    assert (event["type"], state(event)[1]) == ("pending", "unsettled")


def test_a_cancelled_background_response_has_the_usage_that_it_came_to(one_region: OneRegion) -> None:
    one_region.script(EU[0], body=response(status="cancelled"))

    one_region.client.post("/v1/responses/resp_1/cancel", headers={"api-key": "key-search"})

    event = taken(one_region)
    assert (event["type"], state(event)[:2]) == ("settled", ("responses", "settled"))
    assert event["data"]["operation"] == "responses.cancel"


def test_a_response_that_ran_out_of_tokens_is_settled_by_what_it_used(one_region: OneRegion) -> None:
    one_region.script(EU[0], body=response(status="incomplete", incomplete_details={"reason": "max_output_tokens"}))

    get(one_region, "/v1/responses/resp_1")

    assert taken(one_region)["type"] == "settled"


@pytest.mark.parametrize(
    ("code", "kind", "outcome"),
    [("server_error", "settled", "exact"), ("content_filter", "recorded", "exact"), (None, "recorded", "exact")],
)
def test_a_response_that_failed_ends_its_call_where_nobody_worked_on_it(
    one_region: OneRegion, code: str | None, kind: str, outcome: str
) -> None:
    one_region.script(EU[0], body=response(status="failed", usage=None, error={"code": code, "message": "no"}))

    get(one_region, "/v1/responses/resp_1")

    event = taken(one_region)
    assert (event["type"], state(event)[1]) == (kind, outcome)
    assert event["data"].get("errorCode") == (code if kind == "settled" else None)


def test_a_batch_that_failed_before_it_began_ends(one_region: OneRegion) -> None:
    one_region.owned("batch_1", deployment="")
    one_region.script(EU[0], body={"id": "batch_1", "object": "batch", "status": "failed", "usage": None})

    get(one_region, "/v1/batches/batch_1")

    event = taken(one_region)
    assert (event["type"], event["data"]["errorCode"], state(event)[1]) == ("settled", "failed", "exact")


STREAM = sse({"type": "response.completed", "response": response()})


def test_a_stored_response_that_is_fetched_as_a_stream_is_settled_where_it_has_ended(one_region: OneRegion) -> None:
    one_region.then(EU[0], type="text/event-stream", pieces=STREAM)
    one_region.then(EU[0], body=response(), headers={"x-ms-served-model": "gpt-4o-2024-11-20"})

    answer = get(one_region, "/responses/resp_1?stream=true&api-version=2025-04-01-preview")

    event = taken(one_region)
    assert answer.content == b"".join(STREAM)
    assert (event["type"], state(event)[:2]) == ("settled", ("responses", "exact"))
    assert (event["data"]["responseId"], event["data"]["deployment"]) == ("resp_1", "gpt-4o")
    assert event["data"]["model"] == "gpt-4o-2024-11-20"
    assert (one_region.seen[1].path, one_region.seen[1].query) == (
        "/openai/responses/resp_1",
        {"api-version": "2025-04-01-preview"},
    )
    assert one_region.seen[1].headers["Authorization"].startswith("Bearer managed-identity-token")


LOOKS: dict[str, dict[str, Any]] = {
    "goes on": {"body": response(status="in_progress", usage=None)},
    "is refused": {"status": 401, "body": {"error": {"code": "401"}}},
    "is broken": {"body": b"{"},
    "is gone": {"gone": True},
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_second_look_that_tells_nothing_costs_the_stream_nothing(one_region: OneRegion, look: str) -> None:
    one_region.then(EU[0], type="text/event-stream", pieces=STREAM)
    one_region.then(EU[0], **LOOKS[look])

    answer = get(one_region, "/v1/responses/resp_1?stream=true")

    event = taken(one_region)
    assert (answer.status_code, answer.content) == (200, b"".join(STREAM))
    assert (event["type"], state(event)[1], "usage" in event["data"]) == ("recorded", "exact", False)


def test_no_other_stream_is_looked_at_twice(one_region: OneRegion) -> None:
    one_region.script(EU[0], type="text/event-stream", pieces=STREAM)

    post(one_region, stream=True)
    get(one_region, "/v1/responses/resp_1/input_items?stream=true")

    assert len(one_region.seen) == len(one_region.events()) == 2


SUBTITLES = {
    "vtt": (b"WEBVTT\n\n00:00:00.000 --> 00:00:04.000\nhello\n\n00:00:04.000 --> 00:01:07.250\nworld\n", 67.25),
    "vtt without hours": (b"WEBVTT\n\n00:00.000 --> 00:04.500\nhello\n", 4.5),
    "srt": (
        b"1\n00:00:00,000 --> 00:00:04,000\nhello\n\n2\n00:59:59,000 --> 01:00:01,500\nworld --> 09:00:00.000",
        3601.5,
    ),
}


@pytest.mark.parametrize("name", SUBTITLES)
def test_subtitles_are_estimated_by_their_last_cue(one_region: OneRegion, name: str) -> None:
    body, seconds = SUBTITLES[name]
    one_region.script(EU[0], body=body, type="text/vtt; charset=utf-8" if "vtt" in name else "text/plain")

    answer = one_region.client.post(
        "/deployments/whisper/audio/transcriptions?api-version=2024-10-21",
        files={"file": ("a.mp3", b"\x00\xff" * 100, "audio/mpeg")},
        data={"response_format": "vtt"},
        headers={"api-key": "key-search"},
    )

    event = taken(one_region)
    assert answer.content == body
    assert (event["type"], event["data"]["quantities"]) == ("settled", {"audioSeconds": seconds})
    assert state(event)[1] == "estimated"


def test_a_streamed_picture_is_pending_though_its_number_was_asked_for(one_region: OneRegion) -> None:
    one_region.script(EU[0], type="text/event-stream", pieces=sse(chunk("x")))

    post(one_region, "/v1/images/generations", model="gpt-image-1", prompt="a cat", n=2, stream=True)

    assert taken(one_region)["type"] == "pending"
