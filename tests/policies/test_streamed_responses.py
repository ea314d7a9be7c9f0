"""A streamed response has no owner that the gateway knows, so a product may forbid that it is stored."""

from typing import Any

import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, OneRegion, product
from tests.policies.scripted_backends import sse
from tests.support.stored_objects import call, code

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)


@pytest.mark.parametrize("body", [{"store": False}, {"stream": True}])
def test_what_is_not_stored_or_not_read_has_no_name_in_the_event(one_region: OneRegion, body: dict[str, Any]) -> None:
    one_region.script(*EU, body={"id": "resp_1", "object": "response"})
    if "stream" in body:
        one_region.script(*EU, type="text/event-stream", pieces=sse({"response": {"id": "resp_1"}}))

    call(one_region, "POST", "/v1/responses", body={"model": "gpt-4o", "input": "x", **body})

    assert "objectId" not in one_region.event()["data"]


def test_a_streamed_response_answers_whoever_has_its_id_and_its_owner_once_one_is_known(one_region: OneRegion) -> None:
    one_region.script(EU[0], body={"id": "resp_s", "object": "response"})
    opened = [call(one_region, "GET", "/v1/responses/resp_s", key).status_code for key in ("key-search", "key-support")]
    seconds = one_region.gateway.cache["object/resp_s"][0]
    one_region.owned("resp_s", by="search")
    known = [call(one_region, "GET", "/v1/responses/resp_s", key).status_code for key in ("key-search", "key-support")]

    assert opened == [200, 200]
    assert known == [200, 404]
    assert seconds < one_region.gateway.cache["object/resp_s"][0] - 86_400


def closed(make_region: MakeRegion, **more: Any) -> OneRegion:
    return make_region(config={"products": [product(streamedResponses="closed", **more)]})


SEALED = '"include":["reasoning.encrypted_content"]'
STREAM = '"model":"gpt-5.4",  "stream":true'


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (f"{{{STREAM}}}", f'{{"store":false,{SEALED},{STREAM}}}'),
        (f'{{"store": true,{STREAM}}}', f'{{{SEALED},"store":false,{STREAM}}}'),
        (f'{{{STREAM},"store":null}}', f'{{{SEALED},{STREAM},"store":false}}'),
        (
            f'{{"include": ["a"],{STREAM}}}',
            f'{{"store":false,"include":["a","reasoning.encrypted_content"],{STREAM}}}',
        ),
        (f"{{{SEALED},{STREAM}}}", f'{{"store":false,{SEALED},{STREAM}}}'),
        (
            f'{{{STREAM},"metadata":{{"store":true}}}}',
            f'{{"store":false,{SEALED},{STREAM},"metadata":{{"store":true}}}}',
        ),
        (
            f'{{{STREAM},"input":"\\"store\\":true, é 2024-01-01T00:00:00Z"}}',
            f'{{"store":false,{SEALED},{STREAM},"input":"\\"store\\":true, é 2024-01-01T00:00:00Z"}}',
        ),
        ('{"model":"gpt-4o","stream":true}', '{"store":false,"model":"gpt-4o","stream":true}'),
        (f'{{{STREAM},"store":false}}', f'{{{STREAM},"store":false}}'),
        ('{"model":"gpt-5.4","stream":false}', '{"model":"gpt-5.4","stream":false}'),
    ],
)
def test_a_product_that_is_closed_stores_no_stream_and_gets_its_reasoning_encrypted(
    make_region: MakeRegion, body: str, sent: str
) -> None:
    one_region = closed(make_region)
    headers = {"api-key": "key-search", "Content-Type": "application/json"}

    one_region.client.post("/v1/responses", content=body.encode(), headers=headers)

    assert one_region.seen[-1].body.decode() == sent


def test_with_an_alias_the_body_has_both_edits(make_region: MakeRegion) -> None:
    one_region = closed(make_region, aliases={"fast": {"*": "gpt-4o"}})

    call(one_region, "POST", "/v1/responses", body={"model": "fast", "input": "x", "stream": True})

    assert one_region.seen[-1].json == {"store": False, "model": "gpt-4o", "input": "x", "stream": True}


def test_a_stream_in_the_background_is_refused_where_streams_are_closed(make_region: MakeRegion) -> None:
    one_region = closed(make_region)
    body = {"model": "gpt-4o", "input": "x", "stream": True, "background": True}

    answers = [
        call(one_region, "POST", "/v1/responses", body=body),
        call(one_region, "POST", "/v1/responses", body={**body, "stream": False}),
    ]

    assert code(answers[0]) == (400, "background_stream_not_offered")
    assert answers[1].status_code == 200


def test_where_streams_are_closed_nobody_finds_a_response_that_has_no_owner(make_region: MakeRegion) -> None:
    one_region = closed(make_region)

    answers = [
        call(one_region, "GET", "/v1/responses/resp_9"),
        call(
            one_region,
            "POST",
            "/v1/responses",
            body={"model": "gpt-4o", "input": "x", "previous_response_id": "resp_9"},
        ),
    ]

    assert [code(answer) for answer in answers] == [(409, "not_known_yet")] * 2
