"""Fine-tuning jobs: what ends one, what it is billed by, and how it was trained."""

from typing import Any

import pytest

from tests.policies.one_region import EU, OneRegion
from tests.support.stored_responses import CREATED, get, post, taken

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)

JOB = {"id": "ftjob-1", "created_at": CREATED, "model": "gpt-4o-mini", "status": "running", "trained_tokens": None}
HOURS = {"method": {"type": "reinforcement"}, "finished_at": CREATED + 7_200}


@pytest.mark.parametrize(
    ("job", "type_", "quantities", "error"),
    [
        ({"status": "succeeded", "trained_tokens": 5}, "settled", {"trainingTokens": 5}, None),
        # What was trained before it was cancelled is billed (learn.microsoft.com/azure/foundry/fine-tuning).
        ({"status": "cancelled", "trained_tokens": 3}, "settled", {"trainingTokens": 3}, None),
        ({"status": "cancelled"}, "settled", None, "cancelled"),
        ({"status": "failed", "error": {"code": "invalid_training_file"}}, "settled", None, "invalid_training_file"),
        ({"status": "failed", "error": {"code": None}}, "settled", None, "failed"),
        ({"status": "running", "trained_tokens": 3}, "recorded", None, None),
        ({"status": "succeeded", "trained_tokens": 5, **HOURS}, "settled", {"trainingSeconds": 7200}, None),
        ({"status": "cancelled", "trained_tokens": 5, **HOURS}, "settled", {"trainingSeconds": 7200}, None),
        ({"status": "succeeded", "trained_tokens": "5"}, "recorded", None, None),
    ],
)
def test_a_job_that_has_ended_is_billed_by_tokens_or_by_time(
    one_region: OneRegion, job: dict[str, Any], type_: str, quantities: dict[str, int] | None, error: str | None
) -> None:
    one_region.owned("ftjob-1", deployment="")
    one_region.script(EU[0], body={**JOB, **job})

    get(one_region, "/v1/fine_tuning/jobs/ftjob-1")

    event = taken(one_region)
    data = event["data"]
    assert (event["type"], data.get("quantities"), data.get("errorCode")) == (type_, quantities, error)


def test_the_training_type_is_what_the_call_asks_for_or_the_job_says(one_region: OneRegion) -> None:
    one_region.script(EU[0], body=JOB)
    post(one_region, "/v1/fine_tuning/jobs", trainingType="Developer")
    asked = taken(one_region)
    one_region.script(EU[0], body={**JOB, "status": "succeeded", "trained_tokens": 5, "trainingType": "GlobalStandard"})
    get(one_region, "/v1/fine_tuning/jobs/ftjob-1")
    told = taken(one_region)

    assert (asked["data"]["trainingType"], told["data"]["trainingType"]) == ("Developer", "GlobalStandard")
