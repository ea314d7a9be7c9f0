"""What is read from a body decides what a product may do, so a body that cannot be read is not passed on."""

from typing import Any

import httpx
import pytest

from tests.policies.one_region import OneRegion

KEY = {"api-key": "key-search"}
FORM = {**KEY, "Content-Type": "multipart/form-data; boundary=edge"}
SOUND = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\x00\xff\r\n'
CHAT = "/v1/chat/completions"


def field(name: str, value: str) -> bytes:
    """One field of a form."""
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def send(one_region: OneRegion, *parts: bytes) -> httpx.Response:
    """A form with these parts."""
    return one_region.client.post("/v1/audio/transcriptions", content=b"".join(parts) + b"--edge--\r\n", headers=FORM)


def nested(depth: int) -> bytes:
    """A body that is nested so deep."""
    return b'{"model": "gpt-4o", "messages": [], "tools": ' + b'{"a":' * (depth - 1) + b"1" + b"}" * depth


@pytest.mark.parametrize("path", [CHAT, "/deployments/gpt-4o/chat/completions?api-version=2024-10-21"])
@pytest.mark.parametrize("body", [b'{"model": "gpt-4o", "messages": [}', b"[]", b'"gpt-4o"', b"{}x", nested(65)])
def test_a_body_that_cannot_be_read_is_refused(one_region: OneRegion, path: str, body: bytes) -> None:
    """JSON is read 64 levels deep (Newtonsoft.Json 13: JsonReader.MaxDepth); the service may read deeper."""
    answer = one_region.client.post(path, content=body, headers={**KEY, "Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unreadable_body")
    assert "64 levels" in answer.json()["error"]["message"]
    assert one_region.seen == []


def test_a_body_as_deep_as_can_be_read_passes(one_region: OneRegion) -> None:
    answer = one_region.client.post(CHAT, content=nested(64), headers={**KEY, "Content-Type": "application/json"})

    assert answer.status_code == 200
    assert one_region.event()["data"]["deployment"] == "gpt-4o"


@pytest.mark.parametrize("path", [CHAT, "/v1/batches", "/v1/fine_tuning/jobs"])
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=json",
        "application/json; charset=utf-16",
        'application/json; Charset="iso-8859-1"',
    ],
)
def test_json_that_says_it_is_something_else_is_refused(one_region: OneRegion, path: str, kind: str) -> None:
    body = b'{"model": "gpt-4o", "messages": []}'

    answer = one_region.client.post(path, content=body, headers={**KEY, "Content-Type": kind})

    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_content_type")
    assert one_region.seen == []


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/embeddings", "/v1/images/generations"])
@pytest.mark.parametrize("body", [{}, {"model": None}, {"model": ["gpt-4o"]}])
def test_a_call_that_names_no_model_is_refused(one_region: OneRegion, path: str, body: dict[str, Any]) -> None:
    answer = one_region.client.post(path, json=body, headers=KEY)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "model_required")
    assert one_region.seen == []


def test_the_model_of_a_form_is_found_wherever_it_stands(one_region: OneRegion) -> None:
    large = SOUND.replace(b"RIFF", b"\x00\xff" * 200_000)
    for parts in (
        (field("model", "whisper"), SOUND),
        (SOUND, field("model", "whisper")),
        (large, field("model", "whisper"), large),
    ):
        assert send(one_region, *parts).status_code == 200

    assert [event["data"]["deployment"] for event in one_region.events()] == ["whisper"] * 3


def test_a_text_that_looks_like_a_field_is_none(one_region: OneRegion) -> None:
    decoy = 'name="model"\r\n\r\ngpt-4o-transcribe'

    answer = send(one_region, field("prompt", decoy), field("model", "whisper"), SOUND)

    assert answer.status_code == 200
    assert one_region.event()["data"]["deployment"] == "whisper"


@pytest.mark.parametrize(
    "parts",
    [
        (SOUND,),
        (field("model", "whisper"), field("model", "gpt-4o-transcribe")),
        (field("model", "whisper"), field("model", "gpt-4o-transcribe").replace(b'"model"', b"MODEL")),
    ],
)
def test_a_form_without_one_model_has_none(one_region: OneRegion, parts: tuple[bytes, ...]) -> None:
    answer = send(one_region, *parts)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "model_required")
    assert one_region.seen == []


def test_what_needs_no_model_needs_no_body_either(one_region: OneRegion) -> None:
    answers = [
        one_region.client.post("/v1/conversations", json={}, headers=KEY),
        one_region.client.post("/v1/responses/resp_1/cancel", headers=KEY),
        one_region.client.post("/v1/chat/completions/chatcmpl-1", json={"metadata": {}}, headers=KEY),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"'])
def test_json_in_utf_8_passes_however_it_is_written(one_region: OneRegion, charset: str) -> None:
    headers = {**KEY, "Content-Type": f"application/json; charset={charset}"}

    assert one_region.client.post(CHAT, content=b'{"model": "gpt-4o"}', headers=headers).status_code == 200


HEAD = b'--edge\r\nContent-Disposition: form-data; name="model"'


@pytest.mark.parametrize(
    "parts",
    [
        (field("model", "whisper"), field("model", "gpt-4o-transcribe").replace(b"\r\n", b"\n")),
        (field("model", "whisper"), HEAD + b"\r\nX-Long: " + b"x" * 1024 + b"\r\n\r\ngpt-4o-transcribe\r\n"),
        (field("model", "whisper"), HEAD.replace(b"; name", b";\r\n--edge; name") + b"\r\n\r\ngpt-4o-transcribe\r\n"),
        (field("model", "whisper"), b"--edge\r\nX-A: b\n\r\n" + HEAD[8:] + b"\r\n\r\ngpt-4o-transcribe\r\n"),
        (b"before --edge\r\n", field("model", "whisper")),
        (field("model", "whisper"), b"--edge--\r\n", field("model", "gpt-4o-transcribe")),
    ],
)
def test_a_form_that_another_reader_could_read_differently_is_refused(
    one_region: OneRegion, parts: tuple[bytes, ...]
) -> None:
    answer = send(one_region, *parts)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unreadable_body")
    assert one_region.seen == []


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b'; x="--edge"',
        HEAD.replace(b'"model"', b"model"),
        HEAD.replace(b'name="model"', b"name*=utf-8''model"),
        HEAD.replace(b"model", b"mo\\del"),
        HEAD.replace(b"name=", b"name ="),
    ],
)
def test_a_second_model_is_found_however_its_header_is_written(one_region: OneRegion, head: bytes) -> None:
    answer = send(one_region, field("model", "whisper"), head + b"\r\n\r\ngpt-4o-transcribe\r\n")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "model_required")
    assert one_region.seen == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("multipart/form-data; boundary=edge", 200),
        ('Multipart/Form-Data; Boundary="edge"', 200),
        ("multipart/form-data;boundary=edge", 200),
        ("multipart/form-data; xboundary=foo; boundary=edge", 400),
        ("multipart/form-data; boundary=edge; boundary=foo", 400),
        ("multipart/form-data; boundary=edge,foo", 400),
        ("multipart/form-data; charset=utf-8; boundary=edge", 400),
        ("multipart/mixed; boundary=edge", 400),
        ("multipart/form-data", 400),
    ],
)
def test_the_boundary_of_a_form_is_all_that_its_type_may_say(one_region: OneRegion, kind: str, status: int) -> None:
    content = field("model", "whisper") + SOUND + b"--edge--\r\n"

    answer = one_region.client.post("/v1/audio/transcriptions", content=content, headers={**KEY, "Content-Type": kind})

    assert answer.status_code == status
    assert status == 200 or answer.json()["error"]["code"] == "unreadable_body"


def test_a_boundary_with_json_in_it_makes_no_json(one_region: OneRegion) -> None:
    content = (field("model", "whisper") + SOUND + b"--edge--\r\n").replace(b"--edge", b"--json-edge")
    headers = {**KEY, "Content-Type": "multipart/form-data; boundary=json-edge"}

    # The path tells enough, so nobody reads the form, and nothing in it is read as JSON.
    for path in ("/v1/files", "/deployments/whisper/audio/transcriptions?api-version=2024-10-21"):
        assert one_region.client.post(path, content=content, headers=headers).status_code == 200


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_a_body_of_nothing_is_no_broken_json(one_region: OneRegion, body: bytes) -> None:
    headers = {**KEY, "Content-Type": "application/json"}

    assert one_region.client.request("GET", "/v1/models", content=body, headers=headers).status_code == 200


@pytest.mark.parametrize(("count", "status"), [(50, 200), (60, 400)])
def test_more_headers_of_azures_than_can_be_taken_away_are_refused(
    one_region: OneRegion, count: int, status: int
) -> None:
    headers = {**KEY, **{f"x-ms-unknown-{number}": "1" for number in range(count)}}

    answer = one_region.client.post(CHAT, json={"model": "gpt-4o"}, headers=headers)

    assert answer.status_code == status
    assert not [name for seen in one_region.seen for name in seen.headers if name.lower().startswith("x-ms-unknown")]
