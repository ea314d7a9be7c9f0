"""Calls of the search team, and a decision about its budget."""

from typing import Any

import httpx

from tests.policies.one_region import OneRegion

SEARCH = {"api-key": "key-search"}


def respond(one_region: OneRegion, **body: Any) -> httpx.Response:
    """A Responses call of the search team."""
    return one_region.client.post("/v1/responses", json={"model": "gpt-4o", "input": "hi", **body}, headers=SEARCH)


FULL = "budget=of%20search|spent=85.10|limit=100.00|currency=USD|until=1798761600|owner=ada%40example.com"
"""What is told of a budget: how much of it is spent, until when it lasts, and whom to ask."""
