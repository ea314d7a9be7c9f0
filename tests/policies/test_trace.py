"""The gateway's own log keeps the very event of each call, so that one that got lost can be taken from there."""

import json
from typing import Any

import pytest

from tests.policies.one_region import EU, OneRegion
from tests.policies.scripted_backends import sse

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)


def traced(one_region: OneRegion) -> list[dict[str, Any]]:
    """The events that the log of calls holds, oldest first."""
    rows = one_region.gateway.log.rows["ApiManagementGatewayLogs"]
    return [json.loads(trace["message"]) for row in rows for trace in row["TraceRecords"] if trace["source"] == "usage"]


def test_the_log_keeps_the_event_as_it_is_sent(one_region: OneRegion) -> None:
    one_region.chat()
    one_region.script(EU[0], pieces=sse(), type="text/event-stream")
    one_region.chat(stream=True)
    one_region.script(EU[0], status=400, body={"error": {"code": "bad", "message": "no"}})
    one_region.chat()

    events = one_region.events()
    assert [event["type"].split(".")[2] for event in events] == ["recorded", "pending", "rejected"]
    assert traced(one_region) == events


def test_the_log_keeps_the_event_that_the_topic_did_not_take(one_region: OneRegion) -> None:
    one_region.topic_status = 503

    answer = one_region.chat()

    (event,) = traced(one_region)
    assert answer.status_code == 200
    assert event["id"] == answer.headers["x-usage-event-id"]
    assert event["data"]["usage"]["total_tokens"] > 0


def test_a_call_that_is_refused_before_it_is_sent_is_kept_as_well(one_region: OneRegion) -> None:
    one_region.chat(path="/deployments/none-of-ours/chat/completions")

    assert traced(one_region) == one_region.events()
    assert len(traced(one_region)) == 1
