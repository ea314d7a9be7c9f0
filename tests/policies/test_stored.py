"""Stored responses and files are found again where they are."""

import time
from typing import Any

import pytest

from stack.gateway.readings import READINGS
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, US, OneRegion
from tests.support.stored_responses import USAGE, get, post, response, taken

MISSING = {"status": 404, "body": {"error": {"code": "not_found", "message": "no such response"}}}
UNKNOWN = {
    "status": 400,
    "body": {"error": {"code": "previous_response_not_found", "message": "no", "param": "previous_response_id"}},
}


def test_a_response_is_recorded_with_its_id(one_region: OneRegion) -> None:
    one_region.script(EU[0], body=response())

    post(one_region)

    event = taken(one_region)
    assert (event["type"], event["data"]["usage"], event["data"]["responseId"]) == (
        "recorded",
        USAGE,
        "resp_1",
    )
    assert event["data"]["deployment"] == "gpt-4o"


def test_what_refers_to_a_response_goes_where_it_is(one_region: OneRegion) -> None:
    one_region.then(EU[0], status=503, body=b"")
    one_region.then(EU[0], body=response("resp_2"))
    one_region.script(EU[1], body=response("resp_1"))
    post(one_region)
    one_region.seen.clear()

    get(one_region, "/v1/responses/resp_1")
    post(one_region, previous_response_id="resp_1")
    one_region.client.post("/v1/responses/resp_1/cancel", headers={"api-key": "key-search"})
    get(one_region, "/responses/resp_1/input_items?api-version=2025-03-01-preview")
    one_region.client.delete("/v1/responses/resp_1", headers={"api-key": "key-search"})

    assert [seen.account for seen in one_region.seen] == [EU[1]] * 5


def test_a_response_nobody_remembers_is_looked_for_and_then_remembered(one_region: OneRegion) -> None:
    one_region.script(EU[0], **MISSING)
    one_region.script(EU[1], body=response("resp_9"))

    answers = [get(one_region, "/v1/responses/resp_9") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [seen.account for seen in one_region.seen] == [EU[0], EU[1], EU[1]]


def test_a_previous_response_nobody_remembers_is_looked_for(one_region: OneRegion) -> None:
    one_region.script(*EU, **UNKNOWN)
    one_region.script(US[0], body=response("resp_10"))

    answer = post(one_region, previous_response_id="resp_9")

    assert answer.status_code == 200
    assert [seen.account for seen in one_region.seen] == [*EU, US[0]]


@pytest.mark.parametrize("reading", READINGS)
def test_a_response_that_no_account_has_yet_is_worth_asking_for_again(make_region: MakeRegion, reading: str) -> None:
    one_region = make_region(readings=READINGS[reading])
    one_region.script(*EU, *US, **MISSING)

    answer = get(one_region, "/v1/responses/resp_9")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "response_not_available")
    assert (answer.headers["retry-after-ms"], answer.headers["x-should-retry"]) == ("3000", "true")
    assert len(one_region.seen) == 4
    assert one_region.event()["data"]["attempts"] == 4


def test_a_previous_response_that_no_account_has_yet_is_worth_asking_for_again(one_region: OneRegion) -> None:
    one_region.script(*EU, *US, **UNKNOWN)

    answer = post(one_region, previous_response_id="resp_9")

    assert (answer.status_code, answer.headers["retry-after-ms"]) == (409, "3000")


def test_a_file_that_is_nowhere_is_the_backends_own_404(one_region: OneRegion) -> None:
    one_region.owned("file-9", account="gone")
    one_region.script(*EU, *US, **MISSING)

    answer = get(one_region, "/v1/files/file-9")

    assert (answer.status_code, answer.json()) == (404, MISSING["body"])


def test_a_response_that_was_deleted_is_the_backends_own_404(one_region: OneRegion) -> None:
    one_region.script(EU[0], body=response())
    post(one_region)
    one_region.script(EU[0], **MISSING)

    assert get(one_region, "/v1/responses/resp_1").status_code == 404


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("/v1/files", "file-1"),
        ("/v1/batches", "batch_1"),
        ("/v1/vector_stores", "vs_1"),
        ("/v1/conversations", "conv_1"),
        ("/v1/uploads", "upload_1"),
        ("/v1/fine_tuning/jobs", "ftjob-1"),
    ],
)
def test_an_object_is_found_from_another_geographys_gateway_where_it_was_made(
    make_region: MakeRegion, path: str, made: str
) -> None:
    one_region = make_region(region="eastus2")
    one_region.script(US[0], body={"id": made, "object": "thing"})
    one_region.client.post(path, json={}, headers={"api-key": "key-search"})
    one_region.config.region = "swedencentral"
    one_region.gateway.static_state["deployment"]["Region"] = "swedencentral"
    one_region.seen.clear()

    get(one_region, f"{path}/{made}")

    assert [seen.account for seen in one_region.seen] == [US[0]]


def test_what_is_remembered_of_an_object_is_its_account_and_its_owner(one_region: OneRegion) -> None:
    one_region.script(EU[0], body={"id": "file-1", "object": "file"})

    one_region.client.post("/v1/files", json={}, headers={"api-key": "key-search"})

    kept = one_region.gateway.cache["object/file-1"][1]["v"]
    assert kept == f"account={EU[0]}|owner=subscription/search|product=standard|deployment="


NAMED = [
    {"conversation": "conv_1"},
    {"conversation": {"id": "conv_1"}},
    {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
    {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
    {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
    {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]},
    {"previous_response_id": "resp_1"},
]


@pytest.mark.parametrize("body", NAMED)
def test_a_call_that_names_what_one_account_has_never_leaves_it(one_region: OneRegion, body: dict[str, Any]) -> None:
    for name in ("conv_1", "file-1", "vs_1", "cntr_1", "resp_1"):
        one_region.gateway.cache[f"object/{name}"] = (
            time.monotonic() + 60,
            {"t": "String", "v": f"account={EU[1]}|owner=subscription/search|product=standard|deployment="},
        )
    one_region.script(
        EU[1], status=429, body={"error": {"code": "429", "message": "theirs"}}, headers={"Retry-After": "3"}
    )

    answer = post(one_region, **body)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert [seen.account for seen in one_region.seen] == [EU[1]]


@pytest.mark.parametrize("body", NAMED[:-1])
def test_what_no_cache_knows_is_looked_for_first_where_files_are_made(
    one_region: OneRegion, body: dict[str, Any]
) -> None:
    one_region.owned("conv_1", "file-1", "vs_1", account="gone")
    one_region.script(EU[0], status=404, body={"error": {"code": "not_found", "message": "conversation_not_found"}})
    one_region.script(EU[1], body=response())

    answer = post(one_region, **body)

    assert answer.status_code == 200
    assert [seen.account for seen in one_region.seen] == list(EU)


def test_a_call_that_may_be_anothers_is_busy_when_one_said_so_and_never_not_found(one_region: OneRegion) -> None:
    one_region.owned("conv_1", account="gone")
    one_region.script(*EU, *US, **MISSING)
    one_region.script(EU[0], status=429, body=b"{}", headers={"Retry-After": "7"})

    answer = post(one_region, conversation="conv_1")

    assert (answer.status_code, answer.json()["error"]["code"], answer.headers["Retry-After"]) == (
        429,
        "all_backends_busy",
        "7",
    )


SEALED = {
    "status": 400,
    "body": {"error": {"code": "invalid_encrypted_content", "message": "The encrypted content could not be verified."}},
}
GONE = {"status": 400, "body": {"error": {"code": None, "message": "Item with id 'rs_1' not found."}}}
ITEMS = [
    ({"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAAA", "summary": []}, SEALED),
    ({"type": "item_reference", "id": "rs_1"}, GONE),
    ({"type": "reasoning", "id": "rs_1", "summary": []}, GONE),
]


@pytest.mark.parametrize(("item", "told"), ITEMS)
def test_reasoning_that_only_its_account_can_read_is_brought_there(
    one_region: OneRegion, item: dict[str, Any], told: dict[str, Any]
) -> None:
    one_region.script(EU[0], **told)
    one_region.script(EU[1], body=response())

    answer = post(one_region, store=False, input=[item, {"role": "user", "content": "go on"}])

    assert answer.status_code == 200


@pytest.mark.parametrize(("item", "told"), ITEMS)
def test_reasoning_of_a_busy_account_is_429_and_never_400(
    one_region: OneRegion, item: dict[str, Any], told: dict[str, Any]
) -> None:
    one_region.script(*EU, *US, **told)
    one_region.script(EU[0], status=429, body=b"{}", headers={"Retry-After": "2"})

    answer = post(one_region, store=False, input=[item, {"role": "user", "content": "go on"}])

    assert (answer.status_code, answer.headers["x-should-retry"]) == (429, "true")


def test_the_schema_of_a_tool_pins_nothing(one_region: OneRegion) -> None:
    schema = {"type": "object", "properties": {"container": {"type": "string", "const": "conversation"}}}
    one_region.script(EU[0], status=429, body=b"{}")

    answer = post(one_region, tools=[{"type": "function", "name": "f", "parameters": {**schema, "file_id": "x"}}])

    assert answer.status_code == 200


def test_a_response_that_may_be_on_an_account_that_is_down_is_not_called_missing(one_region: OneRegion) -> None:
    one_region.script(*EU, *US, **MISSING)
    one_region.script(EU[1], status=503, body=b"")

    answer = get(one_region, "/v1/responses/resp_9")

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_a_resident_product_looks_for_a_response_only_at_home(make_region: MakeRegion) -> None:
    one_region = make_region(region="eastus2")
    one_region.script(US[0], body=response("resp_us"))
    one_region.script(*EU, **MISSING)

    get(one_region, "/v1/responses/resp_us", key="key-legal")

    assert [seen.account for seen in one_region.seen] == list(EU)


def test_a_call_bound_to_an_account_is_not_repeated_elsewhere(one_region: OneRegion) -> None:
    one_region.script(EU[0], body=response())
    post(one_region)
    one_region.seen.clear()
    busy = {"error": {"code": "429", "message": "theirs"}}
    one_region.script(EU[0], status=429, body=busy, headers={"Retry-After": "3"})

    answer = post(one_region, previous_response_id="resp_1")

    assert (answer.status_code, answer.json(), answer.headers["Retry-After"]) == (429, busy, "3")
    assert [seen.account for seen in one_region.seen] == [EU[0]]
