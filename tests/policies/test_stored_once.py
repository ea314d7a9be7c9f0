"""Stored responses, batches and jobs are pending until their usage is told, and billed once."""

import pytest

from tests.policies.one_region import EU, OneRegion
from tests.policies.scripted_backends import sse
from tests.support.stored_responses import CREATED, USAGE, get, post, response, taken


def test_a_background_response_is_pending_until_a_get_tells_its_usage(one_region: OneRegion) -> None:
    one_region.script(EU[0], body=response(status="queued", usage=None))
    post(one_region, background=True)
    begun = taken(one_region)
    get(one_region, "/v1/responses/resp_1")
    polled = taken(one_region)
    one_region.script(EU[0], body=response())

    get(one_region, "/v1/responses/resp_1")

    done = taken(one_region)
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
def test_an_absurd_time_of_creation_is_not_believed(one_region: OneRegion, created: object) -> None:
    one_region.script(EU[0], body=response(created_at=created))

    get(one_region, "/v1/responses/resp_1")

    event = taken(one_region)
    assert event["type"] == "settled"
    assert not event["time"].startswith(("2025-12-31", "1969", "1970"))


def test_a_streamed_response_is_pending_without_an_id(one_region: OneRegion) -> None:
    one_region.script(
        EU[0], type="text/event-stream", pieces=sse({"type": "response.completed", "response": response()})
    )

    post(one_region, stream=True)

    event = taken(one_region)
    assert event["type"] == "pending"
    assert "responseId" not in event["data"]


def test_compacting_is_a_call_of_its_own(one_region: OneRegion) -> None:
    one_region.script(EU[0], body=response("cmp_1"))

    post(one_region, "/v1/responses/compact")

    assert taken(one_region)["type"] == "recorded"


def test_a_batch_is_pending_until_it_has_ended(one_region: OneRegion) -> None:
    batch = {
        "id": "batch_1",
        "object": "batch",
        "created_at": CREATED,
        "model": "gpt-4o",
        "status": "validating",
        "usage": None,
    }
    one_region.script(EU[0], body=batch)
    post(one_region, "/v1/batches")
    begun = taken(one_region)
    one_region.script(EU[0], body={**batch, "status": "in_progress", "usage": USAGE})
    get(one_region, "/v1/batches/batch_1")
    running = taken(one_region)
    one_region.script(EU[0], body={**batch, "status": "completed", "usage": USAGE})

    get(one_region, "/v1/batches/batch_1")

    ended = taken(one_region)
    assert (begun["type"], begun["data"]["responseId"]) == ("pending", "batch_1")
    assert (running["type"], "usage" in running["data"]) == ("recorded", False)
    assert (ended["type"], ended["data"]["usage"], ended["time"]) == ("settled", USAGE, begun["time"])


def test_a_fine_tuning_job_is_billed_by_the_tokens_it_was_trained_on(one_region: OneRegion) -> None:
    job = {
        "id": "ftjob-1",
        "created_at": CREATED,
        "model": "gpt-4o-mini",
        "status": "running",
        "trained_tokens": None,
    }
    one_region.script(EU[0], body=job)
    post(one_region, "/v1/fine_tuning/jobs")
    begun = taken(one_region)
    one_region.script(EU[0], body={**job, "status": "succeeded", "trained_tokens": 123456})

    get(one_region, "/v1/fine_tuning/jobs/ftjob-1")

    ended = taken(one_region)
    assert (begun["type"], begun["data"]["responseId"]) == ("pending", "ftjob-1")
    assert (ended["type"], ended["data"]["quantities"]) == ("settled", {"trainingTokens": 123456})
    assert ended["data"]["responseId"] == "ftjob-1"


def test_a_list_below_an_object_is_a_call_like_any_other(one_region: OneRegion) -> None:
    one_region.owned("conv_1")
    one_region.script(EU[0], body={"object": "list", "data": [response()]})

    get(one_region, "/v1/conversations/conv_1/items")

    assert taken(one_region)["type"] == "recorded"
