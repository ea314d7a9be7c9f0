"""Usage shapes that are not plain OpenAI: they add up to the provider's total, or their line is unpriced."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.usage_event import EVER, read_event
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.usage_objects import Usage, tidied
from tests.support.builders import tokens, usage_event


def meters(**usage: Any) -> dict[str, int]:
    found = read_event(usage_event(usage=usage), EVER).quantities
    return {meter.value: quantity for meter, quantity in found.items() if meter is not Meter.REQUESTS}


def test_anthropic_s_cache_is_input_in_addition_to_its_input_tokens() -> None:
    found = meters(
        input_tokens=1_000, output_tokens=500, cache_read_input_tokens=2_000, cache_creation_input_tokens=300
    )

    assert found == {
        "input_tokens": 1_000,
        "cached_input_tokens": 2_000,
        "cache_write_tokens": 300,
        "output_tokens": 500,
    }


def test_cache_writes_have_two_durations() -> None:
    parts = {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 250}

    found = meters(input_tokens=10, output_tokens=5, cache_creation_input_tokens=350, cache_creation=parts)

    assert found == {"input_tokens": 10, "cache_write_tokens": 100, "cache_write_1h_tokens": 250, "output_tokens": 5}


def test_a_total_says_whether_the_cache_is_part_of_the_input() -> None:
    inside = meters(input_tokens=10, output_tokens=5, total_tokens=15, cache_read_input_tokens=4)
    outside = meters(input_tokens=10, output_tokens=5, total_tokens=19, cache_read_input_tokens=4)

    assert (sum(inside.values()), inside["input_tokens"]) == (15, 6)
    assert (sum(outside.values()), outside["input_tokens"]) == (19, 10)


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 1, "cache_creation_input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 6}},
        {"input_tokens": 1, "cache_read_input_tokens": -1},
        {"prompt_tokens": 1, "cache_read_input_tokens": 2},
    ],
)
def test_a_cache_that_contradicts_itself_is_refused(usage: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        meters(**usage)


def test_reasoning_outside_the_completion_is_counted_where_the_total_says_so() -> None:
    found = meters(
        prompt_tokens=10_120,
        completion_tokens=1_499,
        total_tokens=14_428,
        completion_tokens_details={"reasoning_tokens": 2_809},
    )

    assert found == {"input_tokens": 10_120, "output_tokens": 1_499, "reasoning_tokens": 2_809}


def test_grok_s_total_has_reasoning_that_its_completion_has_not() -> None:
    """BerriAI/litellm #39426."""
    details = {"completion_tokens_details": {"reasoning_tokens": 2809}}
    usage = {"prompt_tokens": 10120, "completion_tokens": 1499, "total_tokens": 14428, **details}

    event = read_event(usage_event(provider="xai", usage=usage), EVER)

    assert event.quantities == {Meter.INPUT: 10120, Meter.OUTPUT: 1499, Meter.REASONING: 2809, Meter.REQUESTS: 1}


def test_an_unknown_counter_in_addition_to_the_known_ones_has_a_meter_without_a_price() -> None:
    found = meters(**tokens(10, 5), server_tool_use={"web_search_requests": 2}, sources_used=3)

    assert found == {"input_tokens": 10, "output_tokens": 5, "unknown_counts": 5}


@pytest.mark.parametrize("details", ["completion_tokens_details", "prompt_tokens_details"])
def test_an_unknown_counter_within_a_known_one_changes_nothing(details: str) -> None:
    known = meters(prompt_tokens=10, completion_tokens=5, total_tokens=15)

    assert meters(prompt_tokens=10, completion_tokens=5, total_tokens=15, **{details: {"video_tokens": 4}}) == known
    assert meters(**tokens(10, 5) | {"completion_tokens_details": {"accepted_prediction_tokens": 4}}) == known


def test_zeros_texts_and_fractions_are_no_unknown_counters() -> None:
    found = meters(**tokens(10, 5), searches=0, tier="priority", queue_time=0.5, list=[1, 2], flag=True, none=None)

    assert found == {"input_tokens": 10, "output_tokens": 5}


def test_a_total_of_unknown_counters_alone_is_taken_and_has_no_price() -> None:
    event = read_event(usage_event(usage={"total_tokens": 7, "search_units": 7}), EVER)

    assert event.quantities == {Meter.UNKNOWN: 7, Meter.REQUESTS: 1}


def test_the_name_of_an_unknown_counter_holds_no_text() -> None:
    usage = {"What did she say?": 5, "prompt_tokens_details": {"sk-ABC 1": 6}, "prompt_tokens": 10, "n" * 60: 1}

    assert tidied(usage)["unknown"] == {"other": 6, "prompt_tokens_details.other": 6}


def test_a_sender_s_own_list_of_unknown_counters_is_read_like_any_other() -> None:
    event = read_event(usage_event(usage={"prompt_tokens": 3, "unknown": {"What did she say?": 5, "a": 1}}), EVER)

    assert b"she" not in event.raw
    assert event.quantities[Meter.UNKNOWN] == 6


def test_more_unknown_counters_than_anybody_needs_are_one() -> None:
    found = tidied({f"counter_{n}": 1 for n in range(1_000)})["unknown"]

    assert len(found) <= 33
    assert sum(found.values()) == 1_000


def test_a_stored_unknown_counter_comes_back_to_its_place_once_it_is_known() -> None:
    stored = {
        "input_tokens": 10,
        "unknown": {"cache_read_input_tokens": 4, "cache_creation.ephemeral_1h_input_tokens": 3, "else.where": 2},
    }

    assert tidied(stored) == {
        "input_tokens": 10,
        "cache_read_input_tokens": 4,
        "cache_creation": {"ephemeral_1h_input_tokens": 3},
        "unknown": {"else.where": 2},
    }


counters = st.recursive(
    st.one_of(st.integers(-5, 10**6), st.none(), st.text(max_size=5), st.booleans()),
    lambda inner: st.dictionaries(st.sampled_from([*Usage.__struct_fields__, "new", "x y"]), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*Usage.__struct_fields__, "new", "x y"]), counters, max_size=5))
def test_what_is_tidied_stays_as_it_is(usage: dict[str, Any]) -> None:
    once = tidied(usage)

    assert tidied(once) == once
    assert msgspec.json.decode(msgspec.json.encode(once)) == once
