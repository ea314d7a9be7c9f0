"""Stored responses, batches and jobs: they are found again where they are, and billed once."""

from typing import Any

import httpx
import pytest

from tests.policies.conftest import MakeWorld
from tests.policies.world import EU, US, World, sse

USAGE = {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11}
CREATED = 1_767_225_599  # 2025-12-31T23:59:59Z
MISSING = {"status": 404, "body": {"error": {"code": "not_found", "message": "no such response"}}}
UNKNOWN = {
    "status": 400,
    "body": {"error": {"code": "previous_response_not_found", "message": "no", "param": "previous_response_id"}},
}


def response(name: str = "resp_1", **more: Any) -> dict[str, Any]:
    """A stored response."""
    return {
        "id": name,
        "object": "response",
        "created_at": CREATED,
        "model": "gpt-4o",
        "status": "completed",
        "usage": USAGE,
        **more,
    }


def post(world: World, path: str = "/v1/responses", key: str = "key-search", **body: Any) -> httpx.Response:
    """POST a document."""
    return world.client.post(path, json={"model": "gpt-4o", "input": "hi", **body}, headers={"api-key": key})


def get(world: World, path: str, key: str = "key-search") -> httpx.Response:
    """GET something."""
    return world.client.get(path, headers={"api-key": key})


def taken(world: World) -> dict[str, Any]:
    """The one event, with its type shortened to a word."""
    event = world.event()
    return {**event, "type": event["type"].split(".")[2]}


def test_a_response_is_recorded_with_its_id(world: World) -> None:
    world.script(EU[0], body=response())

    post(world)

    event = taken(world)
    assert (event["type"], event["data"]["usage"], event["data"]["responseId"]) == (
        "recorded",
        USAGE,
        "resp_1",
    )
    assert event["data"]["deployment"] == "gpt-4o"


def test_what_refers_to_a_response_goes_where_it_is(world: World) -> None:
    world.then(EU[0], status=503, body=b"")
    world.then(EU[0], body=response("resp_2"))
    world.script(EU[1], body=response("resp_1"))
    post(world)
    world.seen.clear()

    get(world, "/v1/responses/resp_1")
    post(world, previous_response_id="resp_1")
    world.client.post("/v1/responses/resp_1/cancel", headers={"api-key": "key-search"})
    get(world, "/responses/resp_1/input_items?api-version=2025-03-01-preview")
    world.client.delete("/v1/responses/resp_1", headers={"api-key": "key-search"})

    assert [seen.account for seen in world.seen] == [EU[1]] * 5


def test_a_response_nobody_remembers_is_looked_for_and_then_remembered(world: World) -> None:
    world.script(EU[0], **MISSING)
    world.script(EU[1], body=response("resp_9"))

    answers = [get(world, "/v1/responses/resp_9") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [seen.account for seen in world.seen] == [EU[0], EU[1], EU[1]]


def test_a_previous_response_nobody_remembers_is_looked_for(world: World) -> None:
    world.script(*EU, **UNKNOWN)
    world.script(US[0], body=response("resp_10"))

    answer = post(world, previous_response_id="resp_9")

    assert answer.status_code == 200
    assert [seen.account for seen in world.seen] == [*EU, US[0]]


def test_a_response_that_is_nowhere_is_the_backends_own_404(world: World) -> None:
    world.script(*EU, *US, **MISSING)

    answer = get(world, "/v1/responses/resp_9")

    assert (answer.status_code, answer.json()) == (404, MISSING["body"])
    assert len(world.seen) == 4
    assert world.event()["data"]["attempts"] == 4


def test_a_response_that_may_be_on_an_account_that_is_down_is_not_called_missing(world: World) -> None:
    world.script(*EU, *US, **MISSING)
    world.script(EU[1], status=503, body=b"")

    answer = get(world, "/v1/responses/resp_9")

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_a_resident_product_looks_for_a_response_only_at_home(make_world: MakeWorld) -> None:
    world = make_world(region="eastus2")
    world.script(US[0], body=response("resp_us"))
    post(world)
    world.seen.clear()
    world.script(*EU, **MISSING)

    get(world, "/v1/responses/resp_us", key="key-legal")

    assert [seen.account for seen in world.seen] == list(EU)


def test_a_call_bound_to_an_account_is_not_repeated_elsewhere(world: World) -> None:
    world.script(EU[0], body=response())
    post(world)
    world.seen.clear()
    busy = {"error": {"code": "429", "message": "theirs"}}
    world.script(EU[0], status=429, body=busy, headers={"Retry-After": "3"})

    answer = post(world, previous_response_id="resp_1")

    assert (answer.status_code, answer.json(), answer.headers["Retry-After"]) == (429, busy, "3")
    assert [seen.account for seen in world.seen] == [EU[0]]


def test_a_background_response_is_pending_until_a_get_tells_its_usage(world: World) -> None:
    world.script(EU[0], body=response(status="queued", usage=None))
    post(world, background=True)
    begun = taken(world)
    get(world, "/v1/responses/resp_1")
    polled = taken(world)
    world.script(EU[0], body=response())

    get(world, "/v1/responses/resp_1")

    done = taken(world)
    assert (begun["type"], begun["data"]["responseId"], begun["time"]) == (
        "pending",
        "resp_1",
        "2025-12-31T23:59:59.000Z",
    )
    assert (polled["type"], "usage" in polled["data"]) == ("recorded", False)
    assert (done["type"], done["data"]["usage"], done["data"]["method"]) == ("settled", USAGE, "GET")
    assert (done["data"]["responseId"], done["time"]) == ("resp_1", begun["time"])
    assert done["data"]["deployment"] == "gpt-4o"


@pytest.mark.parametrize("created", ["soon", -1, 10**15, None, 1.5])
def test_an_absurd_time_of_creation_is_not_believed(world: World, created: object) -> None:
    world.script(EU[0], body=response(created_at=created))

    get(world, "/v1/responses/resp_1")

    event = taken(world)
    assert event["type"] == "settled"
    assert not event["time"].startswith(("2025-12-31", "1969", "1970"))


def test_a_streamed_response_is_pending_without_an_id(world: World) -> None:
    world.script(EU[0], type="text/event-stream", pieces=sse({"type": "response.completed", "response": response()}))

    post(world, stream=True)

    event = taken(world)
    assert event["type"] == "pending"
    assert "responseId" not in event["data"]


def test_compacting_is_a_call_of_its_own(world: World) -> None:
    world.script(EU[0], body=response("cmp_1"))

    post(world, "/v1/responses/compact")

    assert taken(world)["type"] == "recorded"


def test_a_batch_is_pending_until_it_has_ended(world: World) -> None:
    batch = {
        "id": "batch_1",
        "object": "batch",
        "created_at": CREATED,
        "model": "gpt-4o",
        "status": "validating",
        "usage": None,
    }
    world.script(EU[0], body=batch)
    post(world, "/v1/batches")
    begun = taken(world)
    world.script(EU[0], body={**batch, "status": "in_progress", "usage": USAGE})
    get(world, "/v1/batches/batch_1")
    running = taken(world)
    world.script(EU[0], body={**batch, "status": "completed", "usage": USAGE})

    get(world, "/v1/batches/batch_1")

    ended = taken(world)
    assert (begun["type"], begun["data"]["responseId"]) == ("pending", "batch_1")
    assert (running["type"], "usage" in running["data"]) == ("recorded", False)
    assert (ended["type"], ended["data"]["usage"], ended["time"]) == ("settled", USAGE, begun["time"])


def test_a_fine_tuning_job_is_billed_by_the_tokens_it_was_trained_on(world: World) -> None:
    job = {
        "id": "ftjob-1",
        "created_at": CREATED,
        "model": "gpt-4o-mini",
        "status": "running",
        "trained_tokens": None,
    }
    world.script(EU[0], body=job)
    post(world, "/v1/fine_tuning/jobs")
    begun = taken(world)
    world.script(EU[0], body={**job, "status": "succeeded", "trained_tokens": 123456})

    get(world, "/v1/fine_tuning/jobs/ftjob-1")

    ended = taken(world)
    assert (begun["type"], begun["data"]["responseId"]) == ("pending", "ftjob-1")
    assert (ended["type"], ended["data"]["quantities"]) == ("settled", {"trainingTokens": 123456})
    assert ended["data"]["responseId"] == "ftjob-1"


def test_a_list_is_a_call_like_any_other(world: World) -> None:
    world.script(EU[0], body={"object": "list", "data": [response()]})

    get(world, "/v1/batches")

    assert taken(world)["type"] == "recorded"
