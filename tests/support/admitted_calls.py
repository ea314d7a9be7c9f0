"""Calls of products with rules of their own, and what they are told when a rule refuses them."""

from typing import Any

import httpx

from tests.policies.one_region import OneRegion

LEGAL = {"api-key": "key-legal"}
SEARCH = {"api-key": "key-search"}
NAMES = {"fast": {"europe": "gpt-4o-mini", "america": "gpt-5.4-nano"}, "best": {"eastus2": "gpt-5.5", "*": "gpt-4.1"}}


def refused(one_region: OneRegion, answer: httpx.Response, code: str, status: int = 403) -> str:
    """What a caller is told, after checking that nothing was sent and that the event says so."""
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), error
    assert set(error) == {"code", "message", "type"}
    assert one_region.seen == []
    assert one_region.event()["type"] == "chargeback.usage.rejected.v1"
    return str(error["message"])


def respond(one_region: OneRegion, headers: dict[str, str] = LEGAL, **body: Any) -> httpx.Response:
    """A Responses call."""
    return one_region.client.post("/v1/responses", json={"model": "gpt-4o", "input": "hi", **body}, headers=headers)
