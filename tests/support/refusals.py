"""What a refused caller is told, and the event of the refusal."""

import re
from typing import Any

import httpx

from tests.policies.one_region import OneRegion

ADVICE = re.compile(r"\b(send|ask|call|use|name|raise|stream|try (it )?again)\b", re.IGNORECASE)


def turned_away(one_region: OneRegion, answer: httpx.Response, code: str) -> None:
    """A stranger is told what is wrong and makes no event."""
    told(answer, 401, code)
    assert answer.headers["x-usage-event-id"]
    assert one_region.events() == []


def told(answer: httpx.Response, status: int, code: str) -> None:
    """A caller learns what is wrong and what to change."""
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert set(error) == {"code", "message", "type"}
    assert ADVICE.search(error["message"]), f"it does not say what to change: {error['message']}"


def refused(one_region: OneRegion, answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The event of a refusal, after checking what the caller was told."""
    told(answer, status, code)
    event = one_region.event()
    assert event["id"] == answer.headers["x-usage-event-id"]
    assert event["source"] == answer.headers["x-usage-event-source"]
    assert event["type"] == "chargeback.usage.rejected.v1"
    assert event["data"]["statusCode"] == status
    assert event["data"]["operation"] == "chat.completions"
    assert "usage" not in event["data"]
    return event["data"]
