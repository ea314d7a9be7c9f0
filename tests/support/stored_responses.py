"""Stored responses: what a backend answers, and what callers ask of them."""

from typing import Any

import httpx

from tests.policies.one_region import OneRegion

USAGE = {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11}
CREATED = 1_767_225_599  # 2025-12-31T23:59:59Z


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


def post(one_region: OneRegion, path: str = "/v1/responses", key: str = "key-search", **body: Any) -> httpx.Response:
    """POST a document."""
    return one_region.client.post(path, json={"model": "gpt-4o", "input": "hi", **body}, headers={"api-key": key})


def get(one_region: OneRegion, path: str, key: str = "key-search") -> httpx.Response:
    """GET something."""
    return one_region.client.get(path, headers={"api-key": key})


def taken(one_region: OneRegion) -> dict[str, Any]:
    """The one event, with its type shortened to a word."""
    event = one_region.event()
    return {**event, "type": event["type"].split(".")[2]}
