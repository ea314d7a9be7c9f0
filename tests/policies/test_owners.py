"""Stored objects answer only the caller who made them: with the cache, without it, in the other region."""

from typing import Any

import httpx
import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, TENANT, US, OneRegion, product
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
def test_what_a_call_made_is_its_callers_own_in_cache_and_event(one_region: OneRegion, kind: str) -> None:
    name = make(one_region, kind)
    own = [call(one_region, method, f"{kind}/{name}").status_code for method in ("GET", "DELETE")]
    served = len(one_region.seen)
    others = [
        call(one_region, method, f"{kind}/{name}{below}", "key-support", {} if method == "POST" else None)
        for below in ("", *BELOW[kind])
        for method in ("GET", "POST", "DELETE")
    ]

    assert one_region.received[0][0]["data"]["objectId"] == name
    assert own == [200, 200]
    assert {code(answer) for answer in others} == {(404, "not_found")}
    assert len(one_region.seen) == served
    assert one_region.asked == []


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("region", ["swedencentral", "eastus2"])
def test_without_the_cache_the_functions_say_whose_it_is_and_where(
    make_region: MakeRegion, kind: str, region: str
) -> None:
    one_region = make_region(region=region)
    _, name, what = MAKERS[kind]
    one_region.owned(name, by="search", account=EU[1])
    one_region.script(*EU, *US, body={"id": name, "object": what})

    answers = [call(one_region, "GET", f"{kind}/{name}", key).status_code for key in ("key-search", "key-support") * 2]

    assert answers == [200, 404, 200, 404]
    assert [seen.account for seen in one_region.seen] == [EU[1], EU[1]]
    assert one_region.asked == [([name], "Bearer managed-identity-token-for-https://eventgrid.azure.net")]
    (first, *_) = one_region.events()
    assert first["data"]["deployment"] == "gpt-4o"


def test_an_account_with_a_suffix_is_found_by_its_host(one_region: OneRegion) -> None:
    one_region.owned("file-1", account=f"{EU[1]}-x1y2")
    call(one_region, "GET", "/v1/files/file-1")

    assert [seen.account for seen in one_region.seen] == [EU[1]]


def test_nobody_reaches_what_the_cache_does_not_know_while_the_functions_are_away(one_region: OneRegion) -> None:
    one_region.owned("file-1")
    one_region.identity_status = 500
    nobody = call(one_region, "GET", "/v1/files/file-1")
    one_region.identity_status, one_region.owners_status = 200, 503
    away = [call(one_region, "GET", "/v1/files/file-1"), call(one_region, "GET", "/v1/responses/resp_1")]
    one_region.owners_status, one_region.owners_delay = 200, 3.0
    slow = call(one_region, "GET", "/v1/files/file-1")

    for answer in (*away, slow, nobody):
        assert code(answer) == (503, "owner_unknown")
        assert (answer.headers["Retry-After"], answer.headers["x-should-retry"]) == ("5", "true")
    assert one_region.seen == []


@pytest.mark.parametrize("body", [[], "x", {"objects": []}, {"objects": {"file-1": 5}}, {}])
def test_an_answer_that_cannot_be_read_counts_as_no_answer(one_region: OneRegion, body: Any) -> None:
    one_region.owned("file-1")
    one_region.owners_body = body

    assert code(call(one_region, "GET", "/v1/files/file-1")) == (503, "owner_unknown")


@pytest.mark.parametrize(
    "path", ["/v1/files/file-9", "/v1/batches/batch_9", "/v1/conversations/conv_9", "/v1/responses/x"]
)
def test_what_nobody_knows_is_worth_asking_for_again_soon(one_region: OneRegion, path: str) -> None:
    answer = call(one_region, "GET", path)

    assert code(answer) == (409, "not_known_yet")
    assert (answer.headers["retry-after-ms"], answer.headers["x-should-retry"]) == ("2000", "true")
    assert one_region.seen == []


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
def test_an_id_of_another_form_is_nobodys(one_region: OneRegion, path: str) -> None:
    one_region.owned("file-1", "resp_1")

    answer = one_region.client.get(path, headers={"api-key": "key-search"})

    assert answer.status_code in (403, 404)
    assert one_region.seen == []


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
def test_no_spelling_of_a_path_reaches_anothers_object(one_region: OneRegion, path: str) -> None:
    make(one_region, "/v1/files")
    one_region.owned("vs_2", by="support")
    request = httpx.Request("GET", f"{one_region.url}/x", headers={"api-key": "key-support"})
    request.url = httpx.URL(one_region.url).copy_with(raw_path=f"/openai{path}".encode())

    answer = one_region.client.send(request)

    assert answer.status_code in (403, 404, 409)
    assert one_region.seen == []


@pytest.mark.parametrize(
    "path",
    [*MAKERS, "/v1/files/", "/files", "/v1/Batches", "/deployments/gpt-4o/files", f"/deployments/{'d' * 257}/files"],
)
def test_lists_are_refused_with_the_reason(one_region: OneRegion, path: str) -> None:
    answer = call(one_region, "GET", path)

    assert code(answer) == (403, "operation_not_offered")
    assert "Keep the ids" in answer.json()["error"]["message"]
    assert one_region.seen == []


def test_models_are_read_and_nothing_else(one_region: OneRegion) -> None:
    model = "/v1/models/gpt-4o-mini.ft-1"
    read = [call(one_region, "GET", path).status_code for path in ("/v1/models", model)]
    one_region.seen.clear()
    refused = [call(one_region, "DELETE", path) for path in (model, model.upper(), "/deployments/x" + model[3:])]

    assert read == [200, 200]
    assert [code(answer) for answer in refused] == [(403, "operation_not_offered")] * 3
    assert one_region.seen == []


def test_what_lies_on_a_known_account_without_an_owner_is_nobodys_while_the_functions_are_away(
    one_region: OneRegion,
) -> None:
    one_region.script(EU[0], body={"id": "resp_s", "object": "response"})
    opened = call(one_region, "GET", "/v1/responses/resp_s")
    one_region.owners_status = 503
    away = call(one_region, "GET", "/v1/responses/resp_s")

    assert opened.status_code == 200
    assert code(away) == (503, "owner_unknown")


def test_callers_with_tokens_own_what_their_principal_made_whatever_the_client(make_region: MakeRegion) -> None:
    one_region = make_region(require_role="0")

    def bearer(**claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {one_region.token(**claims)}"}

    one_region.script(*EU, body={"id": "file-1", "object": "file"})
    made = one_region.client.post("/v1/files", json={}, headers=bearer(oid="ada", appid="cli"))
    own = one_region.client.get("/v1/files/file-1", headers=bearer(oid="ada", appid="portal"))
    other = one_region.client.get("/v1/files/file-1", headers=bearer(oid="bob", appid="cli"))
    keyed = call(one_region, "GET", "/v1/files/file-1")

    assert [answer.status_code for answer in (made, own, other, keyed)] == [200, 200, 404, 404]
    assert f"|owner=entra/{TENANT}/ada|" in one_region.gateway.cache["object/file-1"][1]["v"]


@pytest.mark.parametrize("cache", ["there", "lost"])
def test_a_product_of_one_team_shares_within_itself_and_with_nobody_else(make_region: MakeRegion, cache: str) -> None:
    products = [product(objectOwner="product"), product("premium"), product("europe-resident")]
    one_region = make_region(config={"products": products})
    make(one_region, "/v1/files", "key-search")
    one_region.owned("file-1", by="search", product="standard")
    if cache == "lost":
        one_region.forget()

    answers = [
        call(one_region, "GET", "/v1/files/file-1", f"key-{team}").status_code for team in ("research", "support")
    ]

    assert answers == [200, 404]


def test_the_files_that_a_batch_left_are_its_owners(one_region: OneRegion) -> None:
    make(one_region, "/v1/batches")
    done = {"id": "batch_1", "status": "completed", "output_file_id": "file-out", "error_file_id": None}
    one_region.script(*EU, body=done)
    call(one_region, "GET", "/v1/batches/batch_1")
    (event, *_) = reversed(one_region.events())

    answers = [
        call(one_region, "GET", "/v1/files/file-out/content", key).status_code for key in ("key-search", "key-support")
    ]

    assert event["data"]["objectId"] == "file-out"
    assert answers == [200, 404]


def test_the_file_that_an_upload_became_is_its_owners(one_region: OneRegion) -> None:
    make(one_region, "/v1/uploads")
    one_region.script(*EU, body={"id": "upload_1", "status": "completed", "file": {"id": "file-new", "object": "file"}})
    call(one_region, "POST", "/v1/uploads/upload_1/complete", body={"part_ids": []})

    answers = [call(one_region, "GET", "/v1/files/file-new", f"key-{who}").status_code for who in TEAMS]

    assert answers == [200, 404]


def test_a_call_about_an_object_takes_it_from_nobody(one_region: OneRegion) -> None:
    make(one_region, "/v1/responses")
    one_region.script(*EU, body={"id": "resp_1", "object": "response", "status": "cancelled"})
    call(one_region, "POST", "/v1/responses/resp_1/cancel", body={})
    (event, *_) = reversed(one_region.events())

    assert "objectId" not in event["data"]
    assert call(one_region, "GET", "/v1/responses/resp_1").status_code == 200


def test_an_ordinary_call_looks_up_nothing_more_than_before(one_region: OneRegion) -> None:
    one_region.chat()

    assert one_region.asked == []
    assert (one_region.gateway.spent["awaited"], one_region.event()["type"]) == (0, "chargeback.usage.recorded.v1")


def test_a_refused_call_is_an_event_with_its_reason_and_without_the_object(one_region: OneRegion) -> None:
    one_region.owned("file-1", by="search")

    call(one_region, "GET", "/v1/files/file-1", "key-support")

    data = one_region.event()["data"]
    assert (data["statusCode"], data["errorCode"], data["subscriptionId"]) == (404, "not_found", "support")
    assert "objectId" not in data
