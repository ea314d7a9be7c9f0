"""Stored responses, batches and jobs are pending until their usage is told, and billed once."""

import pytest

from tests.policies.one_region import EU, World, sse
from tests.support.stored_responses import CREATED, USAGE, get, post, response, taken


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


def test_a_list_below_an_object_is_a_call_like_any_other(world: World) -> None:
    world.owned("conv_1")
    world.script(EU[0], body={"object": "list", "data": [response()]})

    get(world, "/v1/conversations/conv_1/items")

    assert taken(world)["type"] == "recorded"
