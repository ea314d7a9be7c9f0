"""What the backend is sent: the caller's body byte for byte, with usage asked for where a stream may carry it."""

import json

import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import OneRegion, product

NEW, OLD = "2024-10-21", "2024-06-01"
DEPLOYED = "/deployments/gpt-4o/chat/completions?api-version="


def sent(one_region: OneRegion, path: str, text: str) -> str:
    """The body that the backend got for a body of `text`."""
    headers = {"api-key": "key-search", "Content-Type": "application/json"}
    one_region.client.post(path, content=text.encode(), headers=headers)
    return one_region.seen[-1].body.decode()


@pytest.mark.parametrize(
    "path",
    [
        DEPLOYED + NEW,
        DEPLOYED + "2024-09-01-preview",
        "/v1/chat/completions",
        "/v1/chat/completions?api-version=preview",
    ],
)
def test_a_streamed_chat_call_is_asked_for_its_usage(one_region: OneRegion, path: str) -> None:
    text = '{ "model": "gpt-4o", "messages":[{"role":"user","content":"2024-01-01T00:00:00.000Z"}],  "stream": true}'

    body = sent(one_region, path, text)

    assert json.loads(body)["stream_options"] == {"include_usage": True}
    assert body == text.replace("{", '{"stream_options":{"include_usage":true},', 1)


@pytest.mark.parametrize(
    "options",
    ['{"include_obfuscation": false}', '{ "include_obfuscation" : false }', "{}", "{ }", "null"],
)
def test_other_stream_options_are_kept(one_region: OneRegion, options: str) -> None:
    body = sent(one_region, DEPLOYED + NEW, '{"stream": true, "stream_options": ' + options + ', "messages": []}')

    expected = {**(json.loads(options) or {}), "include_usage": True}
    assert json.loads(body) == {"stream": True, "stream_options": expected, "messages": []}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (DEPLOYED + NEW, '{"stream": false, "messages": []}'),
        (DEPLOYED + NEW, '{"messages": []}'),
        (DEPLOYED + OLD, '{"stream": true, "messages": []}'),
        (DEPLOYED + "latest", '{"stream": true, "messages": []}'),
        (DEPLOYED + NEW, '{"stream": true, "data_sources": [], "messages": []}'),
        (DEPLOYED + NEW, '{"stream": true, "stream_options": {"include_usage": false}}'),
        (DEPLOYED + NEW, '{"stream": true, "stream_options": {"include_usage": true}}'),
        (DEPLOYED + NEW, '{"stream": true, "stream_options": "all"}'),
        (DEPLOYED + NEW, '{"stream": true, "stream_options": {}, "tools": [{"stream_options": {}}]}'),
        (DEPLOYED + NEW, '{"stream": "true", "messages": []}'),
        ("/v1/responses", '{"stream": true, "model": "gpt-4o", "input": "hi"}'),
        ("/deployments/gpt-4o/completions?api-version=" + NEW, '{"stream": true, "prompt": "hi"}'),
    ],
)
def test_every_other_body_is_left_alone(one_region: OneRegion, path: str, text: str) -> None:
    assert sent(one_region, path, text) == text


def test_a_product_may_opt_out(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(injectStreamUsage=False)]})

    assert sent(one_region, DEPLOYED + NEW, '{"stream": true}') == '{"stream": true}'


def test_an_upload_arrives_byte_for_byte(one_region: OneRegion) -> None:
    content = bytes(range(256)) * 4000

    one_region.client.post(
        "/v1/audio/transcriptions",
        data={"model": "whisper"},
        files={"file": ("a.wav", content, "audio/wav")},
        headers={"api-key": "key-search"},
    )

    assert content in one_region.seen[0].body
