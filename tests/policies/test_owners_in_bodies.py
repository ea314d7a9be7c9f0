"""A body names stored objects of its caller alone, however it spells them and whatever it says it is."""

from typing import Any

import httpx
import pytest

from tests.policies.one_region import EU, OneRegion
from tests.support.stored_objects import call, code

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)


BODIES: dict[str, dict[str, Any]] = {
    "previous response": {"previous_response_id": "resp_1"},
    "conversation": {"conversation": "conv_1"},
    "conversation as object": {"conversation": {"id": "conv_1"}},
    "file": {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
    "picture": {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]},
    "vector store": {"tools": [{"type": "file_search", "vector_store_ids": ["vs_own", "vs_1"]}]},
    "container's files": {
        "tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]
    },
    "mask": {"tools": [{"type": "image_generation", "input_image_mask": {"file_id": "file-1"}}]},
    "after many of one's own": {"input": [{"content": [{"file_id": "file-own"}] * 40 + [{"file_id": "file-1"}]}]},
    "case": {"input": [{"content": [{"File_Id": "file-1"}]}]},
    "conversation in another case": {"conversation": {"Id": "conv_1"}},
    "lists in lists": {"tools": [{"type": "file_search", "vector_store_ids": [["vs_1"]]}]},
    "objects in lists": {"tools": [{"type": "file_search", "vector_store_ids": [{"ID": ["vs_1"]}]}]},
    "a line more": {"previous_response_id": "resp_1\n"},
    "below parameters of no tool": {"input": [{"content": [{"x": {"file_id": "file-1"}}]}]},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
@pytest.mark.parametrize("cache", ["there", "lost"])
def test_a_stranger_reads_nothing_through_a_responses_call(
    one_region: OneRegion, body: dict[str, Any], cache: str
) -> None:
    one_region.owned("resp_1", "conv_1", "file-1", "vs_1", by="search")
    one_region.owned("file-own", "vs_own", by="support")
    call(one_region, "POST", "/v1/responses", "key-search", {"model": "gpt-4o", "input": "x", **body})
    if cache == "lost":
        one_region.forget()
    one_region.seen.clear()

    answer = call(one_region, "POST", "/v1/responses", "key-support", {"model": "gpt-4o", "input": "x", **body})

    assert code(answer) == (404, "not_found")
    assert one_region.seen == []


@pytest.mark.parametrize("body", list(BODIES.values())[:-8], ids=list(BODIES)[:-8])
def test_their_owner_names_them_freely(one_region: OneRegion, body: dict[str, Any]) -> None:
    one_region.owned("resp_1", "conv_1", "file-1", "vs_1", "vs_own", account=EU[1])

    answer = call(one_region, "POST", "/v1/responses", "key-search", {"model": "gpt-4o", "input": "x", **body})

    assert answer.status_code == 200
    assert [seen.account for seen in one_region.seen] == [EU[1]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/batches", {"input_file_id": "file-1", "endpoint": "/v1/responses"}),
        ("/v1/fine_tuning/jobs", {"model": "gpt-4o", "training_file": "file-1"}),
        ("/v1/fine_tuning/jobs", {"model": "gpt-4o", "training_file": "file-own", "validation_file": "file-1"}),
        ("/v1/vector_stores", {"file_ids": ["file-own", "file-1"]}),
        ("/v1/vector_stores/vs_own/files", {"file_id": "file-1"}),
        ("/v1/vector_stores/vs_own/file_batches", {"files": [{"file_id": "file-1"}]}),
        ("/v1/conversations", {"items": [{"content": [{"type": "input_file", "file_id": "file-1"}]}]}),
        ("/v1/conversations/conv_own/items", {"items": [{"content": [{"file_id": "file-1"}]}]}),
        ("/v1/chat/completions", {"model": "gpt-4o", "messages": [{"content": [{"file": {"file_id": "file-1"}}]}]}),
        ("/deployments/gpt-image-1/images/edits", {"images": [{"file_id": "file-1"}], "prompt": "x"}),
        ("/v1/images/edits", {"model": "gpt-image-1", "images": [{"file_id": "file-1"}], "prompt": "x"}),
    ],
)
def test_no_other_body_takes_a_strangers_file_either(one_region: OneRegion, path: str, body: dict[str, Any]) -> None:
    one_region.owned("file-1", by="search")
    one_region.owned("file-own", "vs_own", "conv_own", by="support", product="premium")

    assert code(call(one_region, "POST", path, "key-support", body)) == (404, "not_found")
    assert one_region.seen == []


def test_what_describes_a_file_of_a_store_names_none(one_region: OneRegion) -> None:
    one_region.owned("vs_1", "file-1")
    body = {"files": [{"file_id": "file-1", "attributes": {"file_id": "ours", "conversation": "a talk"}}]}

    assert call(one_region, "POST", "/v1/vector_stores/vs_1/file_batches", body=body).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        '{"model":"gpt-4o","input":[{"content":[{"file_id":"file-1","file_id":"file-own"}]}]}',
        '{"model":"gpt-4o","input":[{"content":[{"file\\u005fid":"file-1","file_id":"file-own"}]}]}',
        '{"model":"gpt-4o","input":[{"content":[{"file_id":"file-1"}],"content":[]}]}',
        '{"model":"gpt-4o","input":[{"content":[{"\\u0066ile_id":"file-1"}],"cont\\u0065nt":[]}]}',
        '{"model":"gpt-4o","previous_response_id":"resp_1","previous_response_id":null,"input":"x"}',
        """{'a':1,"model":"gpt-4o","input":[{"content":[{"file_id":"file-1","file_id":"file-own"}]}]}""",
        '{a:1,"model":"gpt-4o","input":[{"content":[{"file_id":"file-1","file_id":"file-own"}]}]}',
        '{"model":"gpt-4o",/*"*/"input":[{"content":[{"file_id":"file-1","file_id":"file-own"}]}]/*":"*/}',
        """{"model":"gpt-4o",'previous_response_id':"resp_1",'previous_response_id':null,"input":"x"}""",
    ],
)
def test_a_name_that_stands_twice_hides_nothing(one_region: OneRegion, text: str) -> None:
    one_region.owned("file-1", "resp_1", by="search")
    one_region.owned("file-own", by="support")
    headers = {"api-key": "key-support", "Content-Type": "application/json"}

    answer = one_region.client.post("/v1/responses", content=text, headers=headers)

    assert code(answer) == (400, "unreadable_body")
    assert one_region.seen == []


@pytest.mark.parametrize("path", ["/v1/vector_stores", "/v1/conversations", "/v1/vector_stores/vs_own/files"])
def test_a_body_that_says_it_is_no_json_hides_nothing(one_region: OneRegion, path: str) -> None:
    one_region.owned("file-1", by="search")
    one_region.owned("vs_own", by="support")
    headers = {"api-key": "key-support", "Content-Type": "text/plain"}

    answer = one_region.client.post(path, content='{"file_ids": ["file-1"], "file_id": "file-1"}', headers=headers)

    assert code(answer) == (415, "unsupported_content_type")
    assert one_region.seen == []


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"file_id": "file-x", "conversation": "a talk"}},
        {"input": [{"role": "user", "content": "x", "metadata": {"conversation": "a talk"}}]},
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "memory_limit": "4g"}}]},
        {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
        {
            "tools": [
                {"type": "function", "name": "f", "parameters": {"properties": {"container": "c"}, "file_id": "y"}}
            ]
        },
        {"text": {"format": {"type": "json_schema", "schema": {"properties": {"file_id": "z"}}}}},
        {"input": [{"role": "assistant", "content": [{"text": "x", "annotations": [{"file_id": "cfile_1"}]}]}]},
        {"input": [{"type": "file_search_call", "results": [{"file_id": "file-of-the-store"}]}]},
        {"input": 'the file_id \\u00e9 ":" and \'container\': {"file_id": "x"}'},
        {"previous_response_id": None, "conversation": None},
        {"previous_response_id": ""},
    ],
)
def test_what_names_no_object_is_none(one_region: OneRegion, body: dict[str, Any]) -> None:
    answer = call(one_region, "POST", "/v1/responses", body={"model": "gpt-4o", "input": "x", **body})

    assert answer.status_code == 200
    assert one_region.asked == []


def test_many_objects_are_asked_for_at_once(one_region: OneRegion) -> None:
    names = [f"file-{number}" for number in range(500)]
    one_region.owned(*names)
    one_region.script(*EU, body={"id": "vs_1", "object": "vector_store"})

    answer = call(one_region, "POST", "/v1/vector_stores", body={"file_ids": names})

    assert answer.status_code == 200
    assert [len(objects) for objects, _ in one_region.asked] == [500]


def test_no_object_hides_behind_hundreds_of_ones_own(one_region: OneRegion) -> None:
    names = [f"file-{number}" for number in range(512)]
    one_region.owned(*names, by="support")
    one_region.owned("file-x", by="search")
    parts = [{"file_id": name} for name in [*names, "file-x"]]
    body = {"model": "gpt-4o", "input": [{"content": parts}]}

    answers = [
        call(one_region, "POST", "/v1/vector_stores", "key-support", {"file_ids": [*names, "file-x"]}),
        call(one_region, "POST", "/v1/responses", "key-support", body),
        call(one_region, "POST", "/v1/responses", "key-support", {**body, "input": [{"content": parts[200:]}]}),
    ]

    assert [code(answer) for answer in answers] == [(400, "unreadable_body")] * 2 + [(404, "not_found")]
    assert one_region.seen == []


def test_a_container_is_never_asked_for(one_region: OneRegion) -> None:
    one_region.owners_status = 503
    body = {"model": "gpt-4o", "input": "x", "tools": [{"type": "code_interpreter", "container": "cntr_1"}]}

    assert call(one_region, "POST", "/v1/responses", body=body).status_code == 200
    assert one_region.asked == []


def test_a_store_that_a_call_names_is_asked_for_once(one_region: OneRegion) -> None:
    one_region.owned("vs_1", account=EU[1])
    one_region.script(*EU, body={"id": "resp_1", "object": "response"})
    body = {"model": "gpt-4o", "input": "x", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}

    answers = [
        call(one_region, "POST", "/v1/responses", key, body).status_code for key in ("key-search", "key-support")
    ]
    again = call(one_region, "POST", "/v1/responses", body=body)

    assert [*answers, again.status_code] == [200, 404, 200]
    assert [objects for objects, _ in one_region.asked] == [["vs_1"]]


EDITS = ("/v1/images/edits", "/deployments/gpt-image-1/images/edits")


@pytest.mark.parametrize("path", EDITS)
@pytest.mark.parametrize("kind", ["text/plain", "text/plain; x=multipart/form-data", "application/octet-stream"])
def test_a_picture_is_named_in_json_or_sent_in_a_form(one_region: OneRegion, path: str, kind: str) -> None:
    text = '{"model": "gpt-image-1", "images": [{"file_id": "file-1"}], "prompt": "x"}'
    headers = {"api-key": "key-support", "Content-Type": kind}

    assert code(one_region.client.post(path, content=text, headers=headers)) in (
        (415, "unsupported_content_type"),
        (400, "unreadable_body"),
    )
    assert one_region.seen == []


def edit(one_region: OneRegion, path: str, head: str, value: str) -> httpx.Response:
    parts = [('name="model"', "gpt-image-1"), (head, value)]
    text = "".join(f"--edge\r\nContent-Disposition: form-data; {name}\r\n\r\n{said}\r\n" for name, said in parts)
    headers = {"api-key": "key-support", "Content-Type": "multipart/form-data; boundary=edge"}
    return one_region.client.post(path, content=f"{text}--edge--\r\n", headers=headers)


@pytest.mark.parametrize("path", EDITS)
@pytest.mark.parametrize(
    ("head", "value"),
    [
        ('name="images[0][file_id]"', "file-1"),
        ('name="images[][File_ID]"', "file-1"),
        ("name*=utf-8''mask.file%5Fid", "file-1"),
        ('name="images"', '[{"file_id": "file-1"}]'),
        ('name="mask"', '{"file\\u005fid": "file-1"}'),
    ],
)
def test_a_form_names_no_stored_file(one_region: OneRegion, path: str, head: str, value: str) -> None:
    assert code(edit(one_region, path, head, value)) == (400, "unreadable_body")
    assert one_region.seen == []


@pytest.mark.parametrize("path", EDITS)
@pytest.mark.parametrize(
    ("head", "value"), [('name="image"; filename="file_id.png"', "file_id"), ('name="prompt"', "draw a file_id")]
)
def test_a_form_with_pictures_passes(one_region: OneRegion, path: str, head: str, value: str) -> None:
    assert edit(one_region, path, head, value).status_code == 200
