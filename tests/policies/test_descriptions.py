"""What an event says of its call in addition to usage: names, codes and numbers, no word of prompt or answer."""

from typing import Any

import pytest

from tests.policies.conftest import MakeWorld
from tests.policies.one_region import World

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
    world: World, path: str, body: dict[str, Any], characters: int, most: int | None
) -> None:
    answer = world.client.post(f"{path}?api-version=2024-10-21", json=body, headers={"api-key": "key-search"})

    data = world.event()["data"]
    assert answer.status_code == 200
    assert (data["requestCharacters"], data.get("maxOutputTokens")) == (characters, most)


def test_the_tier_that_was_asked_for_is_a_word_or_nothing(world: World) -> None:
    world.chat(service_tier="priority")
    asked = world.event()["data"]
    world.chat(service_tier="what did she say")

    assert asked["requestedTier"] == "priority"
    assert "requestedTier" not in world.event()["data"]


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
    world: World, status: int, body: Any, code: str | None
) -> None:
    world.script("oai-swedencentral", "oai-francecentral", "oai-eastus2", "oai-westus3", status=status, body=body)

    answer = world.chat()

    event = world.event()
    assert answer.status_code == status
    assert answer.content == world.answers["oai-swedencentral"][0].content()
    assert event["data"].get("errorCode") == code
    assert "secret words" not in str(event)


def test_a_refusal_of_the_gateway_says_its_code(world: World) -> None:
    world.chat(path="/deployments/nobody-has-this/chat/completions")

    assert world.event()["data"]["errorCode"] == "deploymentnotfound"


def test_the_object_that_a_call_made_is_named_by_it_and_by_no_later_call(world: World) -> None:
    world.script("oai-swedencentral", body={"id": "file-1", "object": "file"})
    key = {"api-key": "key-search"}
    world.client.post("/v1/files", files={"file": b"x"}, data={"purpose": "batch"}, headers=key)
    made = world.event()["data"]
    world.script("oai-swedencentral", body={"id": "batch_1", "object": "batch", "status": "cancelling"})
    world.client.post("/v1/batches/batch_1/cancel", headers=key)
    cancelled = world.event()["data"]
    world.chat()

    assert made["objectId"] == "file-1"
    assert "objectId" not in cancelled
    assert "objectId" not in world.event()["data"]


def test_a_spill_that_the_service_made_itself_names_both_deployments(make_world: MakeWorld) -> None:
    """learn.microsoft.com/azure/foundry/openai/how-to/spillover-traffic-management."""
    world = make_world()
    told = {"x-ms-spillover-from-deployment": "gpt-4o", "x-ms-deployment-name": "gpt-4o-standard"}
    world.script("oai-swedencentral", headers=told)

    world.chat()

    data = world.event()["data"]
    assert (data["spilledFrom"], data["deployment"]) == ("gpt-4o", "gpt-4o-standard")
