"""Which model a call is settled as from the gateway's log, whose rows have the model of the answer's body."""

from datetime import UTC, datetime

import msgspec
import pytest

from chargeback.domain.events.usage_event import EVER, read_event
from chargeback.domain.streams.gateway_log import LoggedCall, LoggedTokens
from chargeback.domain.streams.settlement import PendingCall, Served, recovered, settled, without_event
from tests.support.builders import usage_event

NOW = datetime(2026, 3, 20, 9, 26, tzinfo=UTC)
SOURCE = "/apim/gw/swedencentral"
CASES = [("responses", ""), ("chat/completions", "gpt-4o-2024-05-13")]
"""A deployment whose name looks like a snapshot, which the body of a response repeats."""


def count() -> LoggedTokens:
    return LoggedTokens("a", SOURCE, NOW, "", "gpt-4o-2024-05-13", 10, 5, 15, streamed=True, arrived=NOW)


@pytest.mark.parametrize(("path", "model"), CASES)
def test_a_stream_is_settled_as_the_model_that_answered(path: str, model: str) -> None:
    pending = usage_event(id="a", type="pending", operation=path.replace("/", "."), model=None)

    raw = settled(PendingCall.from_event(pending), count(), Served())

    assert read_event(raw, EVER).line.model == model


@pytest.mark.parametrize(("path", "model"), CASES)
def test_a_call_without_an_event_is_recovered_as_the_model_that_answered(path: str, model: str) -> None:
    call = LoggedCall(
        *("a", SOURCE, NOW, "swedencentral", "POST", f"https://gw/openai/v1/{path}", 200, 5),
        *("oai-swedencentral.openai.azure.com", "search", "standard", ""),
    )

    raw = recovered(without_event(call, count()), count(), Served())

    assert read_event(raw, EVER).line.model == model
    assert "model" in msgspec.json.decode(raw)["data"] or not model
