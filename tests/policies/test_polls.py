"""A later look at a response, batch or job changes nothing about its price: the call that began it decides."""

from typing import Any

import httpx
import pytest

from tests.policies.one_region import EU, OneRegion
from tests.support.stored_responses import CREATED, USAGE, post, response, taken

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)

DRAWER = "x-ms-oai-image-generation-deployment"
BATCH = {"id": "batch_1", "object": "batch", "status": "completed", "created_at": CREATED, "usage": USAGE}
JOB = {"id": "ftjob-1", "created_at": CREATED, "model": "gpt-4o-mini", "status": "succeeded", "trained_tokens": 5}
PICTURE = {"type": "image_generation_call", "size": "1024x1024", "quality": "high"}
CLAIMS: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "service_tier": "flex",
    "trainingType": "Developer",
    "tools": [{"type": "image_generation"}],
    "stream": True,
    "background": True,
    "max_output_tokens": 7,
    "input": "hello",
}
FROM_A_REQUEST = {"requestedTier", "requestedModel", "requestCharacters", "maxOutputTokens", "imageDeployment"}


def call(one_region: OneRegion, method: str, path: str, body: Any = CLAIMS) -> httpx.Response:
    """A call with a body that says what a model, tier and training type may be, and a header that says who draws."""
    return one_region.client.request(method, path, json=body, headers={"api-key": "key-search", DRAWER: "gpt-image-1"})


@pytest.mark.parametrize(
    ("path", "body", "deployment"),
    [
        ("/v1/batches/batch_1", BATCH, None),
        ("/v1/fine_tuning/jobs/ftjob-1", JOB, None),
        ("/v1/responses/resp_1", response(output=[PICTURE]), "gpt-4o"),
    ],
)
def test_the_body_and_the_headers_of_a_look_say_nothing(
    one_region: OneRegion, path: str, body: dict[str, Any], deployment: str | None
) -> None:
    one_region.owned(path.split("/")[-1], deployment="")
    one_region.script(EU[0], body=body)
    for _ in range(2):  # the second finds what the first left in the cache
        call(one_region, "GET", path)
    events = one_region.events()

    for event in events:
        data = event["data"]
        assert event["type"] == "chargeback.usage.settled.v1"
        assert data.get("deployment") == deployment
        assert not FROM_A_REQUEST & data.keys()
        assert "trainingType" not in data
        assert data["stream"] is False
    assert len(events) == 2


def test_what_was_known_of_an_object_stays_whatever_a_look_says(one_region: OneRegion) -> None:
    one_region.owned("batch_1", deployment="gpt-4o")
    one_region.script(EU[0], body=BATCH)

    call(one_region, "GET", "/v1/batches/batch_1")

    assert taken(one_region)["data"]["deployment"] == "gpt-4o"


@pytest.mark.parametrize(
    "path",
    ["/v1/fine_tuning/jobs/ftjob-1/pause", "/v1/fine_tuning/jobs/ftjob-1/anything", "/v1/responses/resp_1/cancel"],
)
def test_no_text_of_a_call_below_an_id_becomes_a_deployment(one_region: OneRegion, path: str) -> None:
    one_region.owned("ftjob-1", "resp_1", deployment="gpt-4o")
    one_region.script(EU[0], body={"object": "anything"})

    call(one_region, "POST", path, {"model": "what did she say 1"})

    data = taken(one_region)["data"]
    assert data["deployment"] == "gpt-4o"
    assert "she say" not in str(data)


@pytest.mark.parametrize(
    ("model", "status", "deployment"),
    [
        ("gpt-4o-mini-2024-07-18", 200, "gpt-4o-mini-2024-07-18"),  # a base model that the service took
        ("ft:gpt-4o-mini-2024-07-18:org:name:7p4lURel", 200, "ft:gpt-4o-mini-2024-07-18:org:name:7p4lURel"),
        ("gpt-4o-mini-2024-07-18", 400, "unknown"),
        ("what did she say 1", 200, "unknown"),
    ],
)
def test_a_job_s_base_model_is_named_where_the_service_took_it(
    one_region: OneRegion, model: str, status: int, deployment: str
) -> None:
    one_region.script(EU[0], status=status, body={**JOB, "status": "pending"})

    post(one_region, "/v1/fine_tuning/jobs", model=model)

    assert taken(one_region)["data"]["deployment"] == deployment
