"""Every estimate says in words why it is one, and nothing that is known exactly says anything."""

from typing import Any

import pytest

from chargeback.domain.events.documents import read_document
from chargeback.domain.events.doubts import doubts
from chargeback.domain.events.usage_event import EVER, read_event
from tests.support.builders import tokens, usage_event

JOB = {"type": "settled", "method": "GET", "operation": "fine_tuning.jobs", "responseId": "j", "usage": None}
LONG = {"operation": "responses", "usage": tokens(300_000, 1)}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (
            {"type": "settled", "usageSource": "estimated", "estimateBasis": "mean of 10 streamed calls of x"},
            "mean of 10",
        ),
        ({"requestedTier": "priority"}, "priority was asked for"),
        ({"operation": "responses", "tools": {"web_search": 0}}, "web_search"),
        ({"operation": "responses", "tools": {"code_interpreter_call": 1, "code_interpreter": 0}}, "earlier call"),
        ({"operation": "responses", "tools": {"image_generation_call:1024x1024/low": 1}}, "size and quality"),
        ({**LONG, "tools": {"mcp_call": 5}}, "several times"),
        ({**JOB, "quantities": {"trainingTokens": 5}}, "training type"),
        ({**JOB, "quantities": {"trainingSeconds": 5}}, "queue"),
    ],
)
def test_an_estimate_says_why(arguments: dict[str, Any], word: str) -> None:
    event = read_event(usage_event(**({"usage": tokens(1, 1)} | arguments)), EVER)

    (why,) = doubts(read_document(event.raw).data, event.quantities)

    assert word in why
    assert event.line.state == "estimated"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        LONG,
        {"requestedTier": "priority", "serviceTier": "default"},
        {"operation": "responses", "tools": {"web_search_call": 1, "function": 0}},
        {**JOB, "quantities": {"trainingTokens": 5}, "trainingType": "Developer"},
    ],
)
def test_what_is_known_has_no_doubts(arguments: dict[str, Any]) -> None:
    event = read_event(usage_event(**({"usage": tokens(1, 1)} | arguments)), EVER)

    assert list(doubts(read_document(event.raw).data, event.quantities)) == []
    assert event.line.state == "exact"
