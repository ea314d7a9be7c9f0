"""What an event says of its call in addition to usage: names, codes and numbers, no word of prompt or answer."""

from typing import Any

import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import OneRegion

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)

CHAT = "/deployments/gpt-4o/chat/completions"
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1000}}
BODIES: list[tuple[str, dict[str, Any], int, int | None]] = [
    (CHAT, {"messages": [{"role": "user", "content": "Twelve chars"}], "max_tokens": 40}, 12, 40),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Look"}, PICTURE]}]},
        4,
        None,
    ),
    (
        "/v1/responses",
        {"model": "gpt-4.1", "input": "Hello", "instructions": "Be kind", "max_output_tokens": 9},
        12,
        9,
    ),
    ("/v1/embeddings", {"model": "text-embedding-3-large", "input": ["one", "three"]}, 8, None),
    ("/v1/embeddings", {"model": "text-embedding-3-large", "input": [[1, 2, 3], [4]]}, 16, None),
    (CHAT, {"messages": [], "max_completion_tokens": 10**30}, 0, None),
    (CHAT, {"messages": [], "max_completion_tokens": -1}, 0, None),
    (CHAT, {"messages": None, "max_completion_tokens": "many"}, 0, None),
]


@pytest.mark.parametrize(("path", "body", "characters", "most"), BODIES)
def test_an_estimate_needs_no_prompt_because_the_event_has_its_size(
    one_region: OneRegion, path: str, body: dict[str, Any], characters: int, most: int | None
) -> None:
    answer = one_region.client.post(f"{path}?api-version=2024-10-21", json=body, headers={"api-key": "key-search"})

    data = one_region.event()["data"]
    assert answer.status_code == 200
    assert (data["requestCharacters"], data.get("maxOutputTokens")) == (characters, most)


def test_the_tier_that_was_asked_for_is_a_word_or_nothing(one_region: OneRegion) -> None:
    one_region.chat(service_tier="priority")
    asked = one_region.event()["data"]
    one_region.chat(service_tier="what did she say")

    assert asked["requestedTier"] == "priority"
    assert "requestedTier" not in one_region.event()["data"]


CODES = [
    (400, {"error": {"code": "content_filter", "message": "secret words"}}, "content_filter"),
    (404, {"error": {"code": "DeploymentNotFound", "message": "no"}}, "deploymentnotfound"),
    (422, {"error": {"code": "a b" + "c" * 100}}, "a_b" + "c" * 61),
    (400, {"error": {"code": None}}, None),
    (400, {"error": "text"}, None),
    (400, {"error": {"code": {"an": "object"}}}, None),
    (400, [1], None),
    (400, b"{broken", None),
]


@pytest.mark.parametrize(("status", "body", "code"), CODES)
def test_a_failure_says_its_code_and_reaches_the_caller_whole(
    one_region: OneRegion, status: int, body: Any, code: str | None
) -> None:
    one_region.script("oai-swedencentral", "oai-francecentral", "oai-eastus2", "oai-westus3", status=status, body=body)

    answer = one_region.chat()

    event = one_region.event()
    assert answer.status_code == status
    assert answer.content == one_region.answers["oai-swedencentral"][0].content()
    assert event["data"].get("errorCode") == code
    assert "secret words" not in str(event)


def test_a_refusal_of_the_gateway_says_its_code(one_region: OneRegion) -> None:
    one_region.chat(path="/deployments/nobody-has-this/chat/completions")

    assert one_region.event()["data"]["errorCode"] == "deploymentnotfound"


def test_the_object_that_a_call_made_is_named_by_it_and_by_no_later_call(one_region: OneRegion) -> None:
    one_region.script("oai-swedencentral", body={"id": "file-1", "object": "file"})
    key = {"api-key": "key-search"}
    one_region.client.post("/v1/files", files={"file": b"x"}, data={"purpose": "batch"}, headers=key)
    made = one_region.event()["data"]
    one_region.script("oai-swedencentral", body={"id": "batch_1", "object": "batch", "status": "cancelling"})
    one_region.client.post("/v1/batches/batch_1/cancel", headers=key)
    cancelled = one_region.event()["data"]
    one_region.chat()

    assert made["objectId"] == "file-1"
    assert "objectId" not in cancelled
    assert "objectId" not in one_region.event()["data"]


def test_a_spill_that_the_service_made_itself_names_both_deployments(make_region: MakeRegion) -> None:
    """learn.microsoft.com/azure/foundry/openai/how-to/spillover-traffic-management."""
    one_region = make_region()
    told = {"x-ms-spillover-from-deployment": "gpt-4o", "x-ms-deployment-name": "gpt-4o-standard"}
    one_region.script("oai-swedencentral", headers=told)

    one_region.chat()

    data = one_region.event()["data"]
    assert (data["spilledFrom"], data["deployment"]) == ("gpt-4o", "gpt-4o-standard")
