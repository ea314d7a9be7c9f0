"""Stored objects answer only the caller who made them: with the cache, without it, in the other region."""

from typing import Any

import httpx
import pytest

from tests.policies.conftest import MakeWorld
from tests.policies.one_region import EU, TENANT, US, World, product
from tests.support.stored_objects import MAKERS, TEAMS, call, code, make

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)


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
