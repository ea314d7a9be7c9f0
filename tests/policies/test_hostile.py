"""Hostile bodies, headers and answers: none fails in the gateway, none costs it much, each is one event."""

import json

import pytest

from tests.policies.one_region import OneRegion
from tests.policies.scripted_backends import USAGE

# What is open in the documentation changes nothing here, so one reading is enough.
pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)

KEY = "key-search"
MEGABYTE = 1 << 20
FORM = "multipart/form-data; boundary=edge"
DEEP = b'{"model": "gpt-4o", "messages": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
OPTIONS = b'\\"stream_options\\":{'
BODIES: dict[str, tuple[str, bytes]] = {
    "deep": ("application/json", DEEP),
    "deep in front": ("application/json", b'{"a":' * 20_000),
    "wide": ("application/json", b'{"model": "gpt-4o", "messages": [' + b'{"a": 1},' * 100_000 + b"{}]}"),
    "many files": ("application/json", b'{"model": "gpt-4o", "input": [' + b'{"file_id": 1},' * 60_000 + b"{}]}"),
    "files within files": ("application/json", b'{"model": "gpt-4o", "x": ' + b'{"file_id":' * 100 + b"1" + b"}" * 101),
    "quotes": ("application/json", b'{"model": "gpt-4o", "x": "' + b'\\"' * (MEGABYTE // 2) + b'"}'),
    "options in a text": ("application/json", b'{"stream": true, "x": "' + OPTIONS * 50_000 + b'"}'),
    "white space": ("application/json", b'{"model"' + b" " * MEGABYTE + b': "gpt-4o"}'),
    "doubled keys": ("application/json", b'{"model": "gpt-4o", "model": "gpt-4o-mini", "stream": false, "stream": 1}'),
    "a great number": ("application/json", b'{"model": "gpt-4o", "n": ' + b"9" * 5_000 + b"}"),
    "not a number": ("application/json", b'{"model": "gpt-4o", "n": NaN, "x": 1e999}'),
    "nul and half letters": ("application/json", b'{"model": "gpt-4o", "user": "\\u0000\\ud800"}'),
    "utf-16": ("application/json", '{"model": "gpt-4o"}'.encode("utf-16")),
    "a mark in front": ("application/json", b'\xef\xbb\xbf{"model": "gpt-4o"}'),
    "an array": ("application/json", b"[1, 2]"),
    "nothing": ("application/json", b""),
    "a date": ("application/json", b'{"model": "2026-01-01T00:00:00Z", "messages": []}'),
    "broken utf-8": ("application/json", b'{"model": "gpt-4o", "x": "\xff\xfe"}'),
    "a form of model fields": (FORM, b"name=model\n" * 90_000),
    "a form of line ends": (FORM, b'--edge\r\nname="model"' + b"\r\n" * 400_000),
    "a form of quotes": (FORM, b'name="model"\r\n' * 70_000),
    "a form without an edge": ("multipart/form-data", b"--x\r\n" * 100_000),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/audio/transcriptions"])
def test_a_hostile_body_reaches_the_backend_or_is_refused_and_is_one_event(
    one_region: OneRegion, path: str, name: str
) -> None:
    kind, body = BODIES[name]

    answer = one_region.client.post(path, content=body, headers={"api-key": KEY, "Content-Type": kind})

    data = one_region.event()["data"]
    assert answer.status_code < 500, answer.text
    assert (data["subscriptionId"], data["statusCode"]) == ("search", answer.status_code)
    if answer.status_code == 200 and name != "options in a text":
        assert one_region.seen[-1].body == body


HEADERS = {
    "long tags": {"x-username": "u" * 4_000, "x-billing-code": "b" * 4_000},
    "tags of quotes": {"x-username": '"}],"subscriptionId":"victim"', "x-company-name": "\\u0000'<>&"},
    "many": {f"x-many-{number}": "v" * 20 for number in range(100)},
    "an identity": {"x-ms-client-principal-id": "victim", "Ocp-Apim-Subscription-Key": "key-legal"},
    "a country": {"X-Client-Country": "US", "X-Azure-FDID": "guessed"},
    "a broken token": {"Authorization": "Bearer eyJ." + "." * 3_000},
    "a date to wait": {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"},
}


@pytest.mark.parametrize("name", HEADERS)
def test_hostile_headers_change_neither_the_payer_nor_the_event(one_region: OneRegion, name: str) -> None:
    one_region.script("oai-swedencentral", headers={"x-ms-region": "é", "Set-Cookie": "a=b"})

    headers = {"api-key": KEY, **HEADERS[name]}

    answer = one_region.client.post("/v1/chat/completions", json={"model": "gpt-4o"}, headers=headers)

    event = one_region.event()
    assert answer.status_code in (200, 401)
    assert event["data"].get("subscriptionId") == "search"
    assert KEY not in json.dumps(event)
    for seen in one_region.seen:
        assert not {"api-key", "ocp-apim-subscription-key", "x-username"} & {key.lower() for key in seen.headers}
        assert KEY not in json.dumps(seen.headers)


ANSWERS: dict[str, bytes] = {
    "deep usage": b'{"model": "m", "usage": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
    "deep before usage": b'{"x": ' + b"[" * 70 + b"]" * 70 + b', "usage": ' + json.dumps(USAGE).encode() + b"}",
    "absurd counts": b'{"usage": {"prompt_tokens": -1, "completion_tokens": 1e30, "total_tokens": "many"}}',
    "a long model": b'{"model": "' + b"m" * 100_000 + b'", "usage": {}}',
    "half": b'{"model": "gpt-4o", "usage": {"prompt_tok',
    "a number": b"17",
    "ten megabytes": b'{"x": "' + b"y" * (10 * MEGABYTE) + b'"}',
    "brackets": b'{"data": [' + b"]" * MEGABYTE + b"}",
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
def test_a_hostile_answer_reaches_the_caller_whole_and_is_one_event(
    one_region: OneRegion, path: str, name: str
) -> None:
    one_region.script("oai-swedencentral", body=ANSWERS[name])

    answer = one_region.client.post(path, json={"model": "gpt-4o"}, headers={"api-key": KEY})

    assert (answer.status_code, answer.content) == (200, ANSWERS[name])
    event = one_region.event()
    assert event["data"]["statusCode"] == 200
    assert len(json.dumps(event)) < 64 * 1024
