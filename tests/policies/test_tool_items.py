"""The items of a response: the event says by their type how many there were, and never what was in them."""

from typing import Any

import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import OneRegion, product
from tests.policies.scripted_backends import sse

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)

USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
SEARCH = {"type": "web_search_call", "action": {"type": "search", "query": "secret"}}
CODE = {"type": "code_interpreter_call", "container_id": "cntr_1", "code": "secret"}
TEXT = {"type": "message", "content": [{"type": "output_text", "text": "secret"}]}


def answered(
    one_region: OneRegion, items: list[Any], *, more: dict[str, Any] | None = None, **asked: Any
) -> dict[str, Any]:
    """The event's data of a response with these items."""
    body = {"id": "resp_1", "model": "gpt-4.1", "usage": USAGE, "output": items, **(more or {})}
    one_region.script("oai-swedencentral", body=body)
    drawer = {"x-ms-oai-image-generation-deployment": "gpt-image-1"}
    one_region.client.post(
        "/v1/responses", json={"model": "gpt-4.1", "input": "hi", **asked}, headers={"api-key": "key-search", **drawer}
    )
    event = one_region.event()
    assert "secret" not in str(event)
    data: dict[str, Any] = event["data"]
    return data


@pytest.mark.parametrize(
    ("items", "tools"),
    [
        ([TEXT, {"type": "reasoning"}, {"type": "function_call", "arguments": "secret"}], None),
        (
            [SEARCH, SEARCH, {**SEARCH, "action": {"type": "open_page"}}],
            {"web_search_call": 2, "web_search_page_call": 1},
        ),
        ([{"type": "file_search_call", "queries": ["secret"]}, TEXT], {"file_search_call": 1}),
        ([CODE, CODE, {**CODE, "container_id": "cntr_2"}], {"code_interpreter_call": 2}),
        ([{"type": "mcp_call", "output": "secret"}, {"type": "holodeck_call"}], {"mcp_call": 1, "holodeck_call": 1}),
        ([{"type": "Tell me a secret"}, "secret", 7, None, {"type": ["secret"]}, {}], {"other": 3}),
    ],
)
def test_items_are_counted_by_their_type(one_region: OneRegion, items: list[Any], tools: dict[str, int] | None) -> None:
    data = answered(one_region, items)

    assert (data.get("tools"), data["usage"]) == (tools, USAGE)
    assert "imageDeployment" not in data


def test_a_picture_says_its_size_its_quality_and_who_drew_it(one_region: OneRegion) -> None:
    picture = {"type": "image_generation_call", "size": "1024x1024", "quality": "high", "result": "secret"}

    data = answered(one_region, [picture, picture, TEXT])

    assert (data["tools"], data["imageDeployment"]) == ({"image_generation_call:1024x1024/high": 2}, "gpt-image-1")


@pytest.mark.parametrize(
    ("more", "tools"),
    [
        ({"previous_response_id": "resp_0"}, {"code_interpreter_call": 1, "code_interpreter": 0}),
        ({"conversation": {"id": "conv_1"}}, {"code_interpreter_call": 1, "code_interpreter": 0}),
        ({"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}, {"code_interpreter": 0}),
        ({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, {"code_interpreter_call": 1}),
    ],
)
def test_a_container_of_an_earlier_call_was_paid_by_that_one(one_region: OneRegion, more: dict, tools: dict) -> None:
    assert answered(one_region, [CODE], more=more)["tools"] == tools


def test_of_a_stream_the_event_says_which_tools_it_had(one_region: OneRegion) -> None:
    one_region.script("oai-swedencentral", type="text/event-stream", pieces=sse({"type": "response.completed"}))
    tools = [{"type": "function", "name": "f"}, {"type": "web_search_preview"}, {"type": "Tell me a secret"}]

    one_region.client.post(
        "/v1/responses",
        json={"model": "gpt-4.1", "input": "hi", "stream": True, "tools": tools},
        headers={"api-key": "key-search"},
    )

    assert one_region.event()["data"]["tools"] == {"web_search_preview": 0}


def test_an_exact_stream_counts_the_items_of_its_last_event(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(exactStreams=True)]})
    done = {"type": "response.completed", "response": {"id": "resp_1", "usage": USAGE, "output": [SEARCH, TEXT]}}
    one_region.script("oai-swedencentral", type="text/event-stream", pieces=sse({"type": "response.created"}, done))

    one_region.client.post(
        "/v1/responses",
        json={"model": "gpt-4.1", "input": "hi", "stream": True, "tools": [{"type": "web_search"}]},
        headers={"api-key": "key-search"},
    )

    assert one_region.event()["data"]["tools"] == {"web_search_call": 1}


@pytest.mark.parametrize("exact", [False, True])
def test_a_response_fetched_as_a_stream_counts_the_items_that_the_plain_look_counts(
    make_region: MakeRegion, *, exact: bool
) -> None:
    one_region = make_region(config={"products": [product(exactStreams=exact)]})
    body = {"id": "resp_1", "model": "gpt-4.1", "status": "completed", "usage": USAGE, "output": [SEARCH, CODE, TEXT]}
    one_region.then("oai-swedencentral", type="text/event-stream", pieces=sse({"type": "response.completed"}))
    one_region.then("oai-swedencentral", body=body)

    for query in ("?stream=true", ""):
        one_region.client.get(f"/v1/responses/resp_1{query}", headers={"api-key": "key-search"})

    streamed, plain = (event["data"] for event in one_region.events())
    assert streamed["tools"] == plain["tools"] == {"web_search_call": 1, "code_interpreter_call": 1}
    assert (streamed["stream"], plain["stream"]) == (True, False)
    told = ("usage", "responseId", "deployment", "statusCode")
    assert [streamed[name] for name in told] == [plain[name] for name in told]


def test_a_response_that_failed_ends_its_call_fetched_as_a_stream_too(one_region: OneRegion) -> None:
    failed = {"id": "resp_1", "model": "gpt-4.1", "status": "failed", "error": {"code": "server_error"}, "output": []}
    one_region.then("oai-swedencentral", type="text/event-stream", pieces=sse({"type": "response.failed"}))
    one_region.then("oai-swedencentral", body=failed)

    one_region.client.get("/v1/responses/resp_1?stream=true", headers={"api-key": "key-search"})

    event = one_region.event()
    assert (event["type"], event["data"]["errorCode"]) == ("chargeback.usage.settled.v1", "server_error")


def test_a_response_begun_in_the_background_says_which_tools_it_has_and_who_draws(one_region: OneRegion) -> None:
    tools = [{"type": "image_generation"}, {"type": "code_interpreter", "container": {"type": "auto"}}]
    begun = {"status": "queued", "usage": None}

    data = answered(one_region, [], more=begun, background=True, tools=tools)

    assert (data["tools"], data["imageDeployment"]) == ({"image_generation": 0, "code_interpreter": 0}, "gpt-image-1")


def test_a_response_without_items_used_no_tool(one_region: OneRegion) -> None:
    data = answered(one_region, [], tools=[{"type": "web_search"}])

    assert "tools" not in data
