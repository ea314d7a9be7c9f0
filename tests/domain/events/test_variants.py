"""The variant of a call follows from its size, its quality and the length of its context."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from chargeback.domain.events.usage_event import AcceptedTimes, read_event

ACCEPTED = AcceptedTimes.around(datetime(2026, 11, 21, tzinfo=UTC), max_age=timedelta(days=1), clock_skew=timedelta(0))


def variant_of(operation: str, **data: object) -> str:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/apim/test/eastus2",
        "type": "chargeback.usage.recorded.v1",
        "time": "2026-11-20T10:00:00Z",
        "data": {"operation": operation, **data},
    }
    return read_event(json.dumps(event).encode(), ACCEPTED).line.variant


@pytest.mark.parametrize(
    ("operation", "expected"), [("chat.completions", "long-context"), ("responses", "long-context"), ("batches", "")]
)
def test_only_one_call_can_have_a_long_context(operation: str, expected: str) -> None:
    usage = {"prompt_tokens": 272_001, "completion_tokens": 5, "total_tokens": 272_006}

    assert variant_of(operation, usage=usage) == expected


def test_a_picture_without_usage_is_known_by_size_and_quality() -> None:
    assert variant_of("images.generations", quantities={"images": 1, "size": "1024x1024"}) == "1024x1024/standard"
    assert (
        variant_of("images.generations", quantities={"images": 1, "size": "1024x1792", "quality": "hd"})
        == "1024x1792/hd"
    )
