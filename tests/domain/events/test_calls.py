"""Which call an event belongs to and how far it settles it; how a body is split into events."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.usage_event import EVER, Phase, UsageEvent, read_event, split_batch
from tests.support.builders import tokens, usage_event
from tests.support.strategies import json_values


def read(**arguments: Any) -> UsageEvent:
    return read_event(usage_event(**arguments), EVER)


@pytest.mark.parametrize(
    ("arguments", "phase"),
    [
        ({"type": "pending"}, Phase.PENDING),
        ({"type": "settled"}, Phase.SETTLED),
        ({"type": "settled", "method": "GET"}, Phase.POLL),
        ({"type": "recorded"}, Phase.FINAL),
        ({"type": "recorded", "method": "GET"}, Phase.FINAL),
        ({"type": "rejected"}, Phase.FINAL),
    ],
)
def test_an_event_s_type_and_method_decide_its_phase(arguments: dict[str, Any], phase: Phase) -> None:
    assert read(**arguments).phase is phase


def test_source_and_id_identify_a_call_whatever_else_it_says() -> None:
    first, again = read(id="a"), read(id="a", usage=tokens(1, 1), time="2026-03-19T00:00:00Z")

    assert first.call == again.call
    assert first.call != read(id="b").call
    assert first.call != read(id="a", source="/apim/gw/eastus2").call


def test_a_later_phase_is_the_same_call() -> None:
    pending, settled = read(id="a", type="pending"), read(id="a/settled", type="settled")

    assert pending.call == settled.call


def test_a_background_response_polled_from_two_regions_is_one_call() -> None:
    created = read(id="a", type="pending", responseId="resp_1", operation="responses")
    polls = [
        read(id=f"poll-{region}", type="settled", method="GET", responseId="resp_1", source=f"/apim/gw/{region}")
        for region in ("swedencentral", "eastus2")
    ]

    assert {poll.call for poll in polls} == {created.call}


def test_a_response_that_was_answered_at_once_is_known_by_its_own_id() -> None:
    one, other = read(id="a", responseId="resp_1"), read(id="b", responseId="resp_1")

    assert one.call != other.call


def test_source_and_id_do_not_run_into_each_other() -> None:
    assert read(source="ab", id="c").call != read(source="a", id="bc").call


# Batches


def test_a_body_is_one_event_or_an_array_of_them() -> None:
    one, other = usage_event(), usage_event()

    assert split_batch(one) == [one]
    assert split_batch(b" \n" + one + b"\r\n") == [one]
    assert split_batch(b"[" + one + b" , " + other + b"]") == [one, other]
    assert split_batch(b"\t[]\n") == []


def test_what_is_no_event_in_a_batch_is_left_to_the_reader() -> None:
    assert split_batch(b'[1, null, {"a": 2}, []]') == [b"1", b"null", b'{"a": 2}', b"[]"]


@pytest.mark.parametrize("body", [b"", b"  ", b"[", b"[1,]", b"{} {}", b"[] []", b"text", b"\x00", b"[" * 100_000])
def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidEvent) as refused:
        split_batch(body)

    assert refused.value.reason == "not-json"


@given(st.lists(json_values, max_size=5))
def test_a_batch_splits_into_its_values(values: list[Any]) -> None:
    parts = split_batch(msgspec.json.encode(values))

    assert [msgspec.json.decode(part) for part in parts] == msgspec.json.decode(msgspec.json.encode(values))


@given(st.binary(max_size=100))
def test_any_body_splits_or_is_refused(body: bytes) -> None:
    try:
        parts = split_batch(body)
    except InvalidEvent:
        return

    assert all(isinstance(part, bytes) for part in parts)
