"""What is read from a body decides what a product may do, so a body that cannot be read is not passed on."""

from typing import Any

import httpx
import pytest

from tests.policies.world import World

KEY = {"api-key": "key-search"}
FORM = {**KEY, "Content-Type": "multipart/form-data; boundary=edge"}
SOUND = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\x00\xff\r\n'
CHAT = "/v1/chat/completions"


def field(name: str, value: str) -> bytes:
    """One field of a form."""
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def send(world: World, *parts: bytes) -> httpx.Response:
    """A form with these parts."""
    return world.client.post("/v1/audio/transcriptions", content=b"".join(parts) + b"--edge--\r\n", headers=FORM)


def nested(depth: int) -> bytes:
    """A body that is nested so deep."""
    return b'{"model": "gpt-4o", "messages": [], "tools": ' + b'{"a":' * (depth - 1) + b"1" + b"}" * depth


@pytest.mark.parametrize("path", [CHAT, "/deployments/gpt-4o/chat/completions?api-version=2024-10-21"])
@pytest.mark.parametrize("body", [b'{"model": "gpt-4o", "messages": [}', b"[]", b'"gpt-4o"', b"{}x", nested(65)])
def test_a_body_that_cannot_be_read_is_refused(world: World, path: str, body: bytes) -> None:
    """JSON is read 64 levels deep (Newtonsoft.Json 13: JsonReader.MaxDepth); the service may read deeper."""
    answer = world.client.post(path, content=body, headers={**KEY, "Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unreadable_body")
    assert "64 levels" in answer.json()["error"]["message"]
    assert world.seen == []


def test_a_body_as_deep_as_can_be_read_passes(world: World) -> None:
    answer = world.client.post(CHAT, content=nested(64), headers={**KEY, "Content-Type": "application/json"})

    assert answer.status_code == 200
    assert world.event()["data"]["deployment"] == "gpt-4o"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_json_that_says_it_is_something_else_is_refused(world: World, kind: str) -> None:
    body = b'{"model": "gpt-4o", "messages": []}'

    answer = world.client.post(CHAT, content=body, headers={**KEY, "Content-Type": kind})

    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_content_type")
    assert world.seen == []


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/embeddings", "/v1/images/generations"])
@pytest.mark.parametrize("body", [{}, {"model": None}, {"model": ["gpt-4o"]}])
def test_a_call_that_names_no_model_is_refused(world: World, path: str, body: dict[str, Any]) -> None:
    answer = world.client.post(path, json=body, headers=KEY)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "model_required")
    assert world.seen == []


def test_the_model_of_a_form_is_found_wherever_it_stands(world: World) -> None:
    large = SOUND.replace(b"RIFF", b"\x00\xff" * 200_000)
    for parts in (
        (field("model", "whisper"), SOUND),
        (SOUND, field("model", "whisper")),
        (large, field("model", "whisper"), large),
    ):
        assert send(world, *parts).status_code == 200

    assert [event["data"]["deployment"] for event in world.events()] == ["whisper"] * 3


def test_a_text_that_looks_like_a_field_is_none(world: World) -> None:
    decoy = 'name="model"\r\n\r\ngpt-4o-transcribe'

    answer = send(world, field("prompt", decoy), field("model", "whisper"), SOUND)

    assert answer.status_code == 200
    assert world.event()["data"]["deployment"] == "whisper"


@pytest.mark.parametrize(
    "parts",
    [
        (SOUND,),
        (field("model", "whisper"), field("model", "gpt-4o-transcribe")),
        (field("model", "whisper"), field("model", "gpt-4o-transcribe").replace(b"\r\n", b"\n")),
        (field("model", "whisper"), field("model", "gpt-4o-transcribe").replace(b'"model"', b"MODEL")),
    ],
)
def test_a_form_without_one_model_has_none(world: World, parts: tuple[bytes, ...]) -> None:
    answer = send(world, *parts)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "model_required")
    assert world.seen == []


def test_what_needs_no_model_needs_no_body_either(world: World) -> None:
    answers = [
        world.client.post("/v1/conversations", json={}, headers=KEY),
        world.client.post("/v1/responses/resp_1/cancel", headers=KEY),
        world.client.post("/v1/chat/completions/chatcmpl-1", json={"metadata": {}}, headers=KEY),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
