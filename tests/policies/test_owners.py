"""Stored objects answer only the caller who made them: with the cache, without it, in the other region, in any body."""

import json
from typing import Any

import httpx
import pytest

from tests.policies.conftest import MakeWorld
from tests.policies.one_region import EU, TENANT, US, World, product, sse

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)

TEAMS = ("search", "support")
MAKERS = {
    "/v1/responses": ({"model": "gpt-4o", "input": "hi"}, "resp_1", "response"),
    "/v1/conversations": ({}, "conv_1", "conversation"),
    "/v1/files": ({}, "file-1", "file"),
    "/v1/uploads": ({}, "upload_1", "upload"),
    "/v1/vector_stores": ({}, "vs_1", "vector_store"),
    "/v1/batches": ({"endpoint": "/v1/chat/completions"}, "batch_1", "batch"),
    "/v1/fine_tuning/jobs": ({"model": "gpt-4o"}, "ftjob-1", "fine_tuning.job"),
    "/v1/chat/completions": ({"model": "gpt-4o", "messages": [], "store": True}, "chatcmpl-1", "chat.completion"),
}
BELOW = {
    "/v1/responses": ["/input_items", "/cancel"],
    "/v1/conversations": ["/items"],
    "/v1/files": ["/content"],
    "/v1/uploads": ["/parts", "/complete"],
    "/v1/vector_stores": ["/files", "/search", "/file_batches"],
    "/v1/batches": ["/cancel"],
    "/v1/fine_tuning/jobs": ["/cancel", "/events"],
    "/v1/chat/completions": ["/messages"],
}


def call(world: World, method: str, path: str, key: str = "key-search", body: Any = None) -> httpx.Response:
    content = None if body is None else json.dumps(body)
    headers = {"api-key": key, **({"Content-Type": "application/json"} if body is not None else {})}
    return world.client.request(method, path, content=content, headers=headers)


def make(world: World, kind: str, key: str = "key-search", **more: Any) -> str:
    body, name, what = MAKERS[kind]
    world.script(*EU, *US, body={"id": name, "object": what, "created_at": 1_767_225_599, **more})
    assert call(world, "POST", kind, key, body).status_code == 200
    world.events()
    world.seen.clear()
    return name


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("kind", MAKERS)
def test_what_a_call_made_is_its_callers_own_in_cache_and_event(world: World, kind: str) -> None:
    name = make(world, kind)
    own = [call(world, method, f"{kind}/{name}").status_code for method in ("GET", "DELETE")]
    served = len(world.seen)
    others = [
        call(world, method, f"{kind}/{name}{below}", "key-support", {} if method == "POST" else None)
        for below in ("", *BELOW[kind])
        for method in ("GET", "POST", "DELETE")
    ]

    assert world.received[0][0]["data"]["objectId"] == name
    assert own == [200, 200]
    assert {code(answer) for answer in others} == {(404, "not_found")}
    assert len(world.seen) == served
    assert world.asked == []


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("region", ["swedencentral", "eastus2"])
def test_without_the_cache_the_functions_say_whose_it_is_and_where(
    make_world: MakeWorld, kind: str, region: str
) -> None:
    world = make_world(region=region)
    _, name, what = MAKERS[kind]
    world.owned(name, by="search", account=EU[1])
    world.script(*EU, *US, body={"id": name, "object": what})

    answers = [call(world, "GET", f"{kind}/{name}", key).status_code for key in ("key-search", "key-support") * 2]

    assert answers == [200, 404, 200, 404]
    assert [seen.account for seen in world.seen] == [EU[1], EU[1]]
    assert world.asked == [([name], "Bearer managed-identity-token-for-https://eventgrid.azure.net")]
    (first, *_) = world.events()
    assert first["data"]["deployment"] == "gpt-4o"


def test_an_account_with_a_suffix_is_found_by_its_host(world: World) -> None:
    world.owned("file-1", account=f"{EU[1]}-x1y2")
    call(world, "GET", "/v1/files/file-1")

    assert [seen.account for seen in world.seen] == [EU[1]]


def test_nobody_reaches_what_the_cache_does_not_know_while_the_functions_are_away(world: World) -> None:
    world.owned("file-1")
    world.identity_status = 500
    nobody = call(world, "GET", "/v1/files/file-1")
    world.identity_status, world.owners_status = 200, 503
    away = [call(world, "GET", "/v1/files/file-1"), call(world, "GET", "/v1/responses/resp_1")]
    world.owners_status, world.owners_delay = 200, 3.0
    slow = call(world, "GET", "/v1/files/file-1")

    for answer in (*away, slow, nobody):
        assert code(answer) == (503, "owner_unknown")
        assert (answer.headers["Retry-After"], answer.headers["x-should-retry"]) == ("5", "true")
    assert world.seen == []


@pytest.mark.parametrize("body", [[], "x", {"objects": []}, {"objects": {"file-1": 5}}, {}])
def test_an_answer_that_cannot_be_read_counts_as_no_answer(world: World, body: Any) -> None:
    world.owned("file-1")
    world.owners_body = body

    assert code(call(world, "GET", "/v1/files/file-1")) == (503, "owner_unknown")


@pytest.mark.parametrize(
    "path", ["/v1/files/file-9", "/v1/batches/batch_9", "/v1/conversations/conv_9", "/v1/responses/x"]
)
def test_what_nobody_knows_is_worth_asking_for_again_soon(world: World, path: str) -> None:
    answer = call(world, "GET", path)

    assert code(answer) == (409, "not_known_yet")
    assert (answer.headers["retry-after-ms"], answer.headers["x-should-retry"]) == ("2000", "true")
    assert world.seen == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/files/file-1;x",
        "/v1/files/file-1%0A",
        "/v1/files/file 1",
        "/v1/files/file.1",
        "/v1/responses/resp_1;.",
        "/v1/responses/r\u00e9sp_1",
    ],
)
def test_an_id_of_another_form_is_nobodys(world: World, path: str) -> None:
    world.owned("file-1", "resp_1")

    answer = world.client.get(path, headers={"api-key": "key-search"})

    assert answer.status_code in (403, 404)
    assert world.seen == []


@pytest.mark.parametrize(
    "path",
    [
        "/V1/Files/file-1",
        "/v1//files//file-1",
        "/v1/files/file-1/",
        "/files/file-1",
        "/v1/files/%66ile-1",
        "/v1/files/x/../file-1",
        "/v1/files/./file-1",
        "/v1/files/..%2ffiles/file-1",
        "/deployments/gpt-4o/files/file-1",
        f"/deployments/{'d' * 257}/files/file-1",
        "/v1/vector_stores/vs_2/../../files/file-1",
        "/v1/responses/resp_x/../../files/file-1",
    ],
)
def test_no_spelling_of_a_path_reaches_anothers_object(world: World, path: str) -> None:
    make(world, "/v1/files")
    world.owned("vs_2", by="support")
    request = httpx.Request("GET", f"{world.url}/x", headers={"api-key": "key-support"})
    request.url = httpx.URL(world.url).copy_with(raw_path=f"/openai{path}".encode())

    answer = world.client.send(request)

    assert answer.status_code in (403, 404, 409)
    assert world.seen == []


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
def test_a_stranger_reads_nothing_through_a_responses_call(world: World, body: dict[str, Any], cache: str) -> None:
    world.owned("resp_1", "conv_1", "file-1", "vs_1", by="search")
    world.owned("file-own", "vs_own", by="support")
    call(world, "POST", "/v1/responses", "key-search", {"model": "gpt-4o", "input": "x", **body})
    if cache == "lost":
        world.forget()
    world.seen.clear()

    answer = call(world, "POST", "/v1/responses", "key-support", {"model": "gpt-4o", "input": "x", **body})

    assert code(answer) == (404, "not_found")
    assert world.seen == []


@pytest.mark.parametrize("body", list(BODIES.values())[:-8], ids=list(BODIES)[:-8])
def test_their_owner_names_them_freely(world: World, body: dict[str, Any]) -> None:
    world.owned("resp_1", "conv_1", "file-1", "vs_1", "vs_own", account=EU[1])

    answer = call(world, "POST", "/v1/responses", "key-search", {"model": "gpt-4o", "input": "x", **body})

    assert answer.status_code == 200
    assert [seen.account for seen in world.seen] == [EU[1]]


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
def test_no_other_body_takes_a_strangers_file_either(world: World, path: str, body: dict[str, Any]) -> None:
    world.owned("file-1", by="search")
    world.owned("file-own", "vs_own", "conv_own", by="support", product="premium")

    assert code(call(world, "POST", path, "key-support", body)) == (404, "not_found")
    assert world.seen == []


def test_what_describes_a_file_of_a_store_names_none(world: World) -> None:
    world.owned("vs_1", "file-1")
    body = {"files": [{"file_id": "file-1", "attributes": {"file_id": "ours", "conversation": "a talk"}}]}

    assert call(world, "POST", "/v1/vector_stores/vs_1/file_batches", body=body).status_code == 200


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
def test_a_name_that_stands_twice_hides_nothing(world: World, text: str) -> None:
    world.owned("file-1", "resp_1", by="search")
    world.owned("file-own", by="support")
    headers = {"api-key": "key-support", "Content-Type": "application/json"}

    answer = world.client.post("/v1/responses", content=text, headers=headers)

    assert code(answer) == (400, "unreadable_body")
    assert world.seen == []


@pytest.mark.parametrize("path", ["/v1/vector_stores", "/v1/conversations", "/v1/vector_stores/vs_own/files"])
def test_a_body_that_says_it_is_no_json_hides_nothing(world: World, path: str) -> None:
    world.owned("file-1", by="search")
    world.owned("vs_own", by="support")
    headers = {"api-key": "key-support", "Content-Type": "text/plain"}

    answer = world.client.post(path, content='{"file_ids": ["file-1"], "file_id": "file-1"}', headers=headers)

    assert code(answer) == (415, "unsupported_content_type")
    assert world.seen == []


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
def test_what_names_no_object_is_none(world: World, body: dict[str, Any]) -> None:
    answer = call(world, "POST", "/v1/responses", body={"model": "gpt-4o", "input": "x", **body})

    assert answer.status_code == 200
    assert world.asked == []


def test_many_objects_are_asked_for_at_once(world: World) -> None:
    names = [f"file-{number}" for number in range(500)]
    world.owned(*names)
    world.script(*EU, body={"id": "vs_1", "object": "vector_store"})

    answer = call(world, "POST", "/v1/vector_stores", body={"file_ids": names})

    assert answer.status_code == 200
    assert [len(objects) for objects, _ in world.asked] == [500]


def test_no_object_hides_behind_hundreds_of_ones_own(world: World) -> None:
    names = [f"file-{number}" for number in range(512)]
    world.owned(*names, by="support")
    world.owned("file-x", by="search")
    parts = [{"file_id": name} for name in [*names, "file-x"]]
    body = {"model": "gpt-4o", "input": [{"content": parts}]}

    answers = [
        call(world, "POST", "/v1/vector_stores", "key-support", {"file_ids": [*names, "file-x"]}),
        call(world, "POST", "/v1/responses", "key-support", body),
        call(world, "POST", "/v1/responses", "key-support", {**body, "input": [{"content": parts[200:]}]}),
    ]

    assert [code(answer) for answer in answers] == [(400, "unreadable_body")] * 2 + [(404, "not_found")]
    assert world.seen == []


@pytest.mark.parametrize(
    "path",
    [*MAKERS, "/v1/files/", "/files", "/v1/Batches", "/deployments/gpt-4o/files", f"/deployments/{'d' * 257}/files"],
)
def test_lists_are_refused_with_the_reason(world: World, path: str) -> None:
    answer = call(world, "GET", path)

    assert code(answer) == (403, "operation_not_offered")
    assert "Keep the ids" in answer.json()["error"]["message"]
    assert world.seen == []


def test_models_are_read_and_nothing_else(world: World) -> None:
    model = "/v1/models/gpt-4o-mini.ft-1"
    read = [call(world, "GET", path).status_code for path in ("/v1/models", model)]
    world.seen.clear()
    refused = [call(world, "DELETE", path) for path in (model, model.upper(), "/deployments/x" + model[3:])]

    assert read == [200, 200]
    assert [code(answer) for answer in refused] == [(403, "operation_not_offered")] * 3
    assert world.seen == []


def test_what_lies_on_a_known_account_without_an_owner_is_nobodys_while_the_functions_are_away(world: World) -> None:
    world.script(EU[0], body={"id": "resp_s", "object": "response"})
    opened = call(world, "GET", "/v1/responses/resp_s")
    world.owners_status = 503
    away = call(world, "GET", "/v1/responses/resp_s")

    assert opened.status_code == 200
    assert code(away) == (503, "owner_unknown")


def test_a_container_is_never_asked_for(world: World) -> None:
    world.owners_status = 503
    body = {"model": "gpt-4o", "input": "x", "tools": [{"type": "code_interpreter", "container": "cntr_1"}]}

    assert call(world, "POST", "/v1/responses", body=body).status_code == 200
    assert world.asked == []


def test_a_store_that_a_call_names_is_asked_for_once(world: World) -> None:
    world.owned("vs_1", account=EU[1])
    world.script(*EU, body={"id": "resp_1", "object": "response"})
    body = {"model": "gpt-4o", "input": "x", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}

    answers = [call(world, "POST", "/v1/responses", key, body).status_code for key in ("key-search", "key-support")]
    again = call(world, "POST", "/v1/responses", body=body)

    assert [*answers, again.status_code] == [200, 404, 200]
    assert [objects for objects, _ in world.asked] == [["vs_1"]]


EDITS = ("/v1/images/edits", "/deployments/gpt-image-1/images/edits")


@pytest.mark.parametrize("path", EDITS)
@pytest.mark.parametrize("kind", ["text/plain", "text/plain; x=multipart/form-data", "application/octet-stream"])
def test_a_picture_is_named_in_json_or_sent_in_a_form(world: World, path: str, kind: str) -> None:
    text = '{"model": "gpt-image-1", "images": [{"file_id": "file-1"}], "prompt": "x"}'
    headers = {"api-key": "key-support", "Content-Type": kind}

    assert code(world.client.post(path, content=text, headers=headers)) in (
        (415, "unsupported_content_type"),
        (400, "unreadable_body"),
    )
    assert world.seen == []


def edit(world: World, path: str, head: str, value: str) -> httpx.Response:
    parts = [('name="model"', "gpt-image-1"), (head, value)]
    text = "".join(f"--edge\r\nContent-Disposition: form-data; {name}\r\n\r\n{said}\r\n" for name, said in parts)
    headers = {"api-key": "key-support", "Content-Type": "multipart/form-data; boundary=edge"}
    return world.client.post(path, content=f"{text}--edge--\r\n", headers=headers)


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
def test_a_form_names_no_stored_file(world: World, path: str, head: str, value: str) -> None:
    assert code(edit(world, path, head, value)) == (400, "unreadable_body")
    assert world.seen == []


@pytest.mark.parametrize("path", EDITS)
@pytest.mark.parametrize(
    ("head", "value"), [('name="image"; filename="file_id.png"', "file_id"), ('name="prompt"', "draw a file_id")]
)
def test_a_form_with_pictures_passes(world: World, path: str, head: str, value: str) -> None:
    assert edit(world, path, head, value).status_code == 200


def test_callers_with_tokens_own_what_their_principal_made_whatever_the_client(make_world: MakeWorld) -> None:
    world = make_world(require_role="0")

    def bearer(**claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {world.token(**claims)}"}

    world.script(*EU, body={"id": "file-1", "object": "file"})
    made = world.client.post("/v1/files", json={}, headers=bearer(oid="ada", appid="cli"))
    own = world.client.get("/v1/files/file-1", headers=bearer(oid="ada", appid="portal"))
    other = world.client.get("/v1/files/file-1", headers=bearer(oid="bob", appid="cli"))
    keyed = call(world, "GET", "/v1/files/file-1")

    assert [answer.status_code for answer in (made, own, other, keyed)] == [200, 200, 404, 404]
    assert f"|owner=entra/{TENANT}/ada|" in world.gateway.cache["object/file-1"][1]["v"]


@pytest.mark.parametrize("cache", ["there", "lost"])
def test_a_product_of_one_team_shares_within_itself_and_with_nobody_else(make_world: MakeWorld, cache: str) -> None:
    products = [product(objectOwner="product"), product("premium"), product("europe-resident")]
    world = make_world(config={"products": products})
    make(world, "/v1/files", "key-search")
    world.owned("file-1", by="search", product="standard")
    if cache == "lost":
        world.forget()

    answers = [call(world, "GET", "/v1/files/file-1", f"key-{team}").status_code for team in ("research", "support")]

    assert answers == [200, 404]


def test_the_files_that_a_batch_left_are_its_owners(world: World) -> None:
    make(world, "/v1/batches")
    done = {"id": "batch_1", "status": "completed", "output_file_id": "file-out", "error_file_id": None}
    world.script(*EU, body=done)
    call(world, "GET", "/v1/batches/batch_1")
    (event, *_) = reversed(world.events())

    answers = [
        call(world, "GET", "/v1/files/file-out/content", key).status_code for key in ("key-search", "key-support")
    ]

    assert event["data"]["objectId"] == "file-out"
    assert answers == [200, 404]


def test_the_file_that_an_upload_became_is_its_owners(world: World) -> None:
    make(world, "/v1/uploads")
    world.script(*EU, body={"id": "upload_1", "status": "completed", "file": {"id": "file-new", "object": "file"}})
    call(world, "POST", "/v1/uploads/upload_1/complete", body={"part_ids": []})

    answers = [call(world, "GET", "/v1/files/file-new", f"key-{who}").status_code for who in TEAMS]

    assert answers == [200, 404]


def test_a_call_about_an_object_takes_it_from_nobody(world: World) -> None:
    make(world, "/v1/responses")
    world.script(*EU, body={"id": "resp_1", "object": "response", "status": "cancelled"})
    call(world, "POST", "/v1/responses/resp_1/cancel", body={})
    (event, *_) = reversed(world.events())

    assert "objectId" not in event["data"]
    assert call(world, "GET", "/v1/responses/resp_1").status_code == 200


@pytest.mark.parametrize("body", [{"store": False}, {"stream": True}])
def test_what_is_not_stored_or_not_read_has_no_name_in_the_event(world: World, body: dict[str, Any]) -> None:
    world.script(*EU, body={"id": "resp_1", "object": "response"})
    if "stream" in body:
        world.script(*EU, type="text/event-stream", pieces=sse({"response": {"id": "resp_1"}}))

    call(world, "POST", "/v1/responses", body={"model": "gpt-4o", "input": "x", **body})

    assert "objectId" not in world.event()["data"]


def test_a_streamed_response_answers_whoever_has_its_id_and_its_owner_once_one_is_known(world: World) -> None:
    world.script(EU[0], body={"id": "resp_s", "object": "response"})
    opened = [call(world, "GET", "/v1/responses/resp_s", key).status_code for key in ("key-search", "key-support")]
    seconds = world.gateway.cache["object/resp_s"][0]
    world.owned("resp_s", by="search")
    known = [call(world, "GET", "/v1/responses/resp_s", key).status_code for key in ("key-search", "key-support")]

    assert opened == [200, 200]
    assert known == [200, 404]
    assert seconds < world.gateway.cache["object/resp_s"][0] - 86_400


def closed(make_world: MakeWorld, **more: Any) -> World:
    return make_world(config={"products": [product(streamedResponses="closed", **more)]})


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
    make_world: MakeWorld, body: str, sent: str
) -> None:
    world = closed(make_world)
    headers = {"api-key": "key-search", "Content-Type": "application/json"}

    world.client.post("/v1/responses", content=body.encode(), headers=headers)

    assert world.seen[-1].body.decode() == sent


def test_with_an_alias_the_body_has_both_edits(make_world: MakeWorld) -> None:
    world = closed(make_world, aliases={"fast": {"*": "gpt-4o"}})

    call(world, "POST", "/v1/responses", body={"model": "fast", "input": "x", "stream": True})

    assert world.seen[-1].json == {"store": False, "model": "gpt-4o", "input": "x", "stream": True}


def test_a_stream_in_the_background_is_refused_where_streams_are_closed(make_world: MakeWorld) -> None:
    world = closed(make_world)
    body = {"model": "gpt-4o", "input": "x", "stream": True, "background": True}

    answers = [
        call(world, "POST", "/v1/responses", body=body),
        call(world, "POST", "/v1/responses", body={**body, "stream": False}),
    ]

    assert code(answers[0]) == (400, "background_stream_not_offered")
    assert answers[1].status_code == 200


def test_where_streams_are_closed_nobody_finds_a_response_that_has_no_owner(make_world: MakeWorld) -> None:
    world = closed(make_world)

    answers = [
        call(world, "GET", "/v1/responses/resp_9"),
        call(world, "POST", "/v1/responses", body={"model": "gpt-4o", "input": "x", "previous_response_id": "resp_9"}),
    ]

    assert [code(answer) for answer in answers] == [(409, "not_known_yet")] * 2


def test_an_ordinary_call_looks_up_nothing_more_than_before(world: World) -> None:
    world.chat()

    assert world.asked == []
    assert (world.gateway.spent["awaited"], world.event()["type"]) == (0, "chargeback.usage.recorded.v1")


def test_a_refused_call_is_an_event_with_its_reason_and_without_the_object(world: World) -> None:
    world.owned("file-1", by="search")

    call(world, "GET", "/v1/files/file-1", "key-support")

    data = world.event()["data"]
    assert (data["statusCode"], data["errorCode"], data["subscriptionId"]) == (404, "not_found", "support")
    assert "objectId" not in data
