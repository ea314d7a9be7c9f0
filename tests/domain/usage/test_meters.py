"""Every provider's usage object becomes disjoint meters that add up to the provider's own total."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.usage.meters import MAX_QUANTITY, UNITS, Meter, Quantities, normalise
from chargeback.domain.usage.usage_objects import OwnQuantities, Usage

CHAT = "chat.completions"


def meters(usage: dict[str, Any] | None = None, operation: str = CHAT, **own: Any) -> dict[str, int]:
    """The meters by name, through the decoder that events take."""
    found = normalise(
        None if usage is None else msgspec.convert(usage, Usage),
        msgspec.convert(own, OwnQuantities) if own else None,
        operation,
    )
    return {meter.value: quantity for meter, quantity in found.items()}


def tokens_of(found: Quantities | dict[str, int]) -> int:
    return sum(quantity for meter, quantity in found.items() if meter.endswith("_tokens"))


SHAPES: dict[str, tuple[str, dict[str, Any], dict[str, int]]] = {
    "chat": (
        CHAT,
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10, "audio_tokens": 5},
            "completion_tokens_details": {
                "reasoning_tokens": 20,
                "audio_tokens": 6,
                "accepted_prediction_tokens": 3,
                "rejected_prediction_tokens": 2,
            },
        },
        {
            "input_tokens": 45,
            "cached_input_tokens": 40,
            "cache_write_tokens": 10,
            "input_audio_tokens": 5,
            "output_tokens": 24,
            "reasoning_tokens": 20,
            "output_audio_tokens": 6,
        },
    ),
    "chat, a picture in the prompt": (
        CHAT,
        {
            "prompt_tokens": 100,
            "completion_tokens": 1,
            "prompt_tokens_details": {"image_tokens": 70, "text_tokens": 30},
        },
        {"input_tokens": 30, "input_image_tokens": 70, "output_tokens": 1},
    ),
    "chat, an older API without details": (
        CHAT,
        {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
        {"input_tokens": 9, "output_tokens": 4},
    ),
    "responses": (
        "responses",
        {
            "input_tokens": 80,
            "input_tokens_details": {"cached_tokens": 64},
            "output_tokens": 30,
            "output_tokens_details": {"reasoning_tokens": 30},
            "total_tokens": 110,
        },
        {"input_tokens": 16, "cached_input_tokens": 64, "reasoning_tokens": 30},
    ),
    "embeddings": ("embeddings", {"prompt_tokens": 12, "total_tokens": 12}, {"input_tokens": 12}),
    "gpt-image": (
        "images.generations",
        {
            "input_tokens": 50,
            "input_tokens_details": {"image_tokens": 40, "text_tokens": 10},
            "output_tokens": 1056,
            "total_tokens": 1106,
        },
        {"input_tokens": 10, "input_image_tokens": 40, "output_image_tokens": 1056},
    ),
    "gpt-image with text in its output": (
        "images.edits",
        {
            "input_tokens": 10,
            "output_tokens": 100,
            "output_tokens_details": {"image_tokens": 90, "text_tokens": 10},
        },
        {"input_tokens": 10, "output_image_tokens": 90, "output_tokens": 10},
    ),
    "transcription by tokens": (
        "audio.transcriptions",
        {
            "type": "tokens",
            "input_tokens": 14,
            "input_token_details": {"audio_tokens": 14, "text_tokens": 0},
            "output_tokens": 45,
            "total_tokens": 59,
        },
        {"input_audio_tokens": 14, "output_tokens": 45},
    ),
    "transcription by duration": (
        "audio.transcriptions",
        {"type": "duration", "seconds": 8.2},
        {"audio_seconds": 9},
    ),
    "speech by tokens": (
        "audio.speech",
        {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115},
        {"input_tokens": 14, "output_tokens": 101},
    ),
    "realtime with cached audio": (
        "realtime",
        {
            "total_tokens": 253,
            "input_tokens": 132,
            "output_tokens": 121,
            "input_token_details": {
                "text_tokens": 119,
                "audio_tokens": 13,
                "cached_tokens": 70,
                "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 6},
            },
            "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
        },
        {
            "input_tokens": 55,
            "cached_input_tokens": 64,
            "cached_input_audio_tokens": 6,
            "input_audio_tokens": 7,
            "output_tokens": 30,
            "output_audio_tokens": 91,
        },
    ),
    "batch": (
        "batches",
        {
            "input_tokens": 5_000_000,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 900_000,
            "output_tokens_details": {"reasoning_tokens": 100_000},
            "total_tokens": 5_900_000,
        },
        {"input_tokens": 5_000_000, "output_tokens": 800_000, "reasoning_tokens": 100_000},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_operation_s_usage_becomes_its_meters(shape: str) -> None:
    operation, usage, expected = SHAPES[shape]

    found = meters(usage, operation)

    assert found == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"images": 4, "size": "1024x1024", "quality": "hd"}, {"images": 4}),
        ({"characters": 1_200}, {"characters": 1_200}),
        ({"audioSeconds": 61.01}, {"audio_seconds": 62}),
        ({"audioSeconds": 60}, {"audio_seconds": 60}),
        ({"trainingTokens": 3_000_000}, {"training_tokens": 3_000_000}),
    ],
)
def test_what_the_gateway_measured_itself_has_a_meter(own: dict[str, Any], expected: dict[str, int]) -> None:
    assert meters(**own) == expected


def test_the_provider_s_seconds_are_not_counted_in_addition_to_the_gateway_s() -> None:
    found = meters({"seconds": 10}, "audio.transcriptions", audioSeconds=12)

    assert found == {"audio_seconds": 10}


def test_null_details_are_no_details() -> None:
    usage = {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": None,
        "prompt_tokens_details": None,
        "completion_tokens_details": {"reasoning_tokens": None, "audio_tokens": None},
    }

    assert meters(usage) == {"input_tokens": 3, "output_tokens": 2}


def test_explicit_zeros_leave_no_meter() -> None:
    usage = {
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": 0},
    }

    assert meters(usage) == {}


part = st.integers(0, 10**6)


@given(part, part, part, part, part, part, part, part)
def test_the_meters_of_a_call_add_up_to_the_provider_s_total(
    text: int, cached: int, written: int, audio: int, image: int, words: int, reasoning: int, spoken: int
) -> None:
    incoming, outgoing = text + cached + written + audio + image, words + reasoning + spoken
    usage = {
        "prompt_tokens": incoming,
        "completion_tokens": outgoing,
        "total_tokens": incoming + outgoing,
        "prompt_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": written,
            "audio_tokens": audio,
            "image_tokens": image,
        },
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": spoken},
    }

    found = meters(usage)

    assert tokens_of(found) == usage["total_tokens"]
    assert found.get("input_tokens", 0) == text
    assert found.get("output_tokens", 0) + found.get("reasoning_tokens", 0) == words + reasoning
    assert 0 not in found.values()


counts = st.one_of(st.none(), st.integers(-5, 200), st.just(MAX_QUANTITY + 1))
details = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "text_tokens", "reasoning_tokens"),
            counts,
        )
        | {
            "cached_tokens_details": st.fixed_dictionaries(
                {}, optional={"audio_tokens": counts, "image_tokens": counts}
            )
        },
    ),
)


@given(
    incoming=counts,
    outgoing=counts,
    total=counts,
    of_input=details,
    of_output=details,
    operation=st.sampled_from([CHAT, "images.generations"]),
)
def test_whatever_the_counts_say_they_add_up_or_are_refused(
    incoming: int | None,
    outgoing: int | None,
    total: int | None,
    of_input: dict[str, Any] | None,
    of_output: dict[str, Any] | None,
    operation: str,
) -> None:
    usage = {
        "input_tokens": incoming,
        "output_tokens": outgoing,
        "total_tokens": total,
        "input_tokens_details": of_input,
        "output_tokens_details": of_output,
    }

    try:
        found = meters(usage, operation)
    except InvalidEvent:
        return

    assert tokens_of(found) == (incoming or 0) + (outgoing or 0)
    assert all(0 < quantity <= MAX_QUANTITY for quantity in found.values())


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        ({"prompt_tokens": -1, "completion_tokens": 0}, "absurd-quantity"),
        ({"prompt_tokens": MAX_QUANTITY + 1, "completion_tokens": 0}, "absurd-quantity"),
        ({"prompt_tokens": 10**30, "completion_tokens": 0}, "absurd-quantity"),
        ({"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 11}, "usage-contradicts-itself"),
        ({"total_tokens": 11}, "usage-contradicts-itself"),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}}, "usage-contradicts-itself"),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": -1}}, "usage-contradicts-itself"),
        ({"completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 6}}, "usage-contradicts-itself"),
        (
            {"input_tokens": 5, "input_token_details": {"cached_tokens_details": {"audio_tokens": -2}}},
            "usage-contradicts-itself",
        ),
        ({"seconds": -0.5}, "absurd-quantity"),
        ({"seconds": 1e13}, "absurd-quantity"),
    ],
)
def test_counts_that_cannot_be_are_refused(usage: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        meters(usage)

    assert refused.value.reason == reason


@pytest.mark.parametrize("count", [1.0, 1.5, "1", True, [1], {"n": 1}])
def test_a_count_that_is_no_integer_is_refused(count: Any) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"prompt_tokens"):
        meters({"prompt_tokens": count})


def test_every_meter_has_a_unit() -> None:
    assert {UNITS[meter] for meter in Meter} == {
        *("tokens", "images", "seconds", "characters", "requests", "counts"),
        *("sessions", "calls", "routed tokens"),
    }
