"""What fits through a tier that holds 2 MiB of a body, and what the caller is told of what does not."""

import json
from typing import Any

import httpx
import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, OneRegion
from tests.policies.scripted_backends import CHAT
from tests.support.refusals import refused

KEY = {"api-key": "key-search"}
LARGE = 3 * 1024 * 1024
FORM: Any = {"file": ("a.wav", b"\x00\xff" * (LARGE // 2), "audio/wav")}
AZURE = "/deployments/whisper/audio/transcriptions?api-version=2024-10-21"
USAGE = {"prompt_tokens": 3, "total_tokens": 3}


@pytest.fixture
def small(make_region: MakeRegion) -> OneRegion:
    """A gateway of a v2 tier."""
    return make_region(sku="StandardV2")


def kind(one_region: OneRegion) -> tuple[str, dict[str, Any]]:
    """The type and the data of the one event."""
    event = one_region.event()
    return event["type"].split(".")[2], event["data"]


def test_a_json_body_that_would_have_to_be_held_is_told_the_limit_and_the_tier(small: OneRegion) -> None:
    answer = small.chat(padding="x" * LARGE)

    refused(small, answer, 413, "request_too_large")
    message = answer.json()["error"]["message"]
    assert "StandardV2" in message
    assert "2097152" in message
    assert "file ids" in message
    assert small.seen == []


def test_a_json_body_of_untold_size_that_grew_too_large_is_refused_too(small: OneRegion) -> None:
    pieces = iter([b'{"padding": "', b"x" * LARGE, b'"}'])

    answer = small.client.post(
        "/v1/chat/completions", content=pieces, headers={**KEY, "Content-Type": "application/json"}
    )

    assert answer.status_code in (413, 500)
    assert small.event()["type"].endswith("rejected.v1")
    assert small.seen == []


def test_a_large_form_is_told_to_name_its_deployment_in_the_path(small: OneRegion) -> None:
    answer = small.client.post("/v1/audio/transcriptions", data={"model": "whisper"}, files=FORM, headers=KEY)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (413, "request_too_large")
    assert "/openai/deployments/{deployment}/audio/transcriptions" in error["message"]


def test_a_large_form_whose_deployment_stands_in_the_path_passes_unread(small: OneRegion) -> None:
    small.script(EU[0], body={"text": "hello", "usage": {"type": "duration", "seconds": 3}})

    answer = small.client.post(AZURE, files=FORM, headers=KEY)

    assert answer.status_code == 200
    assert len(small.seen[0].body) > LARGE
    assert small.event()["data"]["deployment"] == "whisper"


def test_what_is_not_held_is_sent_once(small: OneRegion) -> None:
    small.script(EU[0], status=503, body=b"")

    answer = small.client.post(AZURE, files=FORM, headers=KEY)

    assert answer.status_code == 503
    assert len(small.seen) == 1


def test_a_small_form_is_held_and_sent_again(small: OneRegion) -> None:
    small.script(EU[0], status=503, body=b"")
    small.script(EU[1], body={"text": "hello"})

    answer = small.client.post(AZURE, files={"file": ("a.wav", b"RIFF", "audio/wav")}, headers=KEY)

    assert answer.status_code == 200
    assert small.seen[0].body == small.seen[1].body


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_of_any_size_is_uploaded_whether_its_size_is_told_or_not(small: OneRegion, *, chunked: bool) -> None:
    small.script(EU[0], status=201, body={"id": "file-1", "object": "file"})
    whole = httpx.Request("POST", "http://x/", data={"purpose": "batch"}, files=FORM)
    body, headers = whole.read(), {**KEY, "Content-Type": whole.headers["Content-Type"]}

    answer = small.client.post("/v1/files", content=iter([body]) if chunked else body, headers=headers)

    assert answer.status_code == 201
    assert len(small.seen[0].body) == len(body)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_boundary_that_names_another_type_does_not_make_a_file_of_it(small: OneRegion, *, chunked: bool) -> None:
    small.script(EU[0], status=201, body={"id": "file-1", "object": "file"})
    whole = httpx.Request(
        "POST",
        "http://x/",
        headers={"Content-Type": "multipart/form-data; boundary=json"},
        data={"purpose": "batch"},
        files=FORM,
    )
    body, headers = whole.read(), {**KEY, "Content-Type": whole.headers["Content-Type"]}

    answer = small.client.post("/v1/files", content=iter([body]) if chunked else body, headers=headers)

    assert answer.status_code == 201


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("operation", ["embeddings", "images/generations"])
def test_an_answer_that_cannot_be_held_reaches_the_caller_and_is_pending(
    small: OneRegion, operation: str, *, told: bool
) -> None:
    large = {"data": [{"b64_json": "A" * LARGE, "index": 0}], "usage": USAGE, "model": "text-embedding-3-large"}
    whole = json.dumps(large).encode()
    small.script(EU[0], **({"body": whole} if told else {"pieces": [whole], "type": "application/json"}))

    model = "text-embedding-3-large" if operation == "embeddings" else "gpt-image-1"
    answer = small.client.post(f"/v1/{operation}", json={"model": model, "input": "x", "prompt": "x"}, headers=KEY)

    assert answer.json() == large
    word, data = kind(small)
    assert word == "pending"
    assert "usage" not in data
    assert "quantities" not in data


def test_a_larger_tier_reads_the_same_answer(make_region: MakeRegion) -> None:
    one_region = make_region(sku="Premium")
    large = {"data": [{"b64_json": "A" * LARGE}], "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}
    one_region.script(EU[0], body=large)

    one_region.client.post("/v1/images/generations", json={"model": "gpt-image-1", "prompt": "x"}, headers=KEY)

    word, data = kind(one_region)
    assert (word, data["usage"]) == ("recorded", large["usage"])


def test_what_no_one_has_to_read_is_never_held(small: OneRegion) -> None:
    small.owned("file-1")
    small.script(EU[0], body=b"x" * LARGE, type="application/octet-stream")

    content = small.client.get("/v1/files/file-1/content", headers=KEY)
    small.script(EU[0], body=json.dumps({"lines": "x" * LARGE}).encode())
    lines = small.client.get("/v1/files/file-1/content", headers=KEY)

    assert [len(content.content), lines.status_code] == [LARGE, 200]


def test_an_ordinary_call_passes_as_it_does_in_any_tier(small: OneRegion) -> None:
    assert small.chat().json() == CHAT
    assert small.event()["data"]["usage"] == CHAT["usage"]
