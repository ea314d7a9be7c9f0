import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.meters import MAX_QUANTITY, Meter, OwnQuantities, Quantities, Usage, normalise

tokens = st.integers(0, 10**9)


def meters_of(usage: dict[str, object], operation: str = "chat.completions") -> Quantities:
    return normalise(msgspec.convert(usage, Usage), None, operation)


def without_zeros(quantities: Quantities) -> Quantities:
    return {meter: quantity for meter, quantity in quantities.items() if quantity}


@given(st.tuples(*[tokens] * 9))
def test_chat_usage_comes_apart_into_what_it_was_made_of(parts: tuple[int, ...]) -> None:
    text, cached, written, audio, image, answer, reasoning, spoken, drawn = parts

    quantities = meters_of(
        {
            "prompt_tokens": text + cached + written + audio + image,
            "completion_tokens": answer + reasoning + spoken + drawn,
            "total_tokens": sum(parts),
            "prompt_tokens_details": {
                "cached_tokens": cached,
                "cache_write_tokens": written,
                "audio_tokens": audio,
                "image_tokens": image,
            },
            "completion_tokens_details": {
                "reasoning_tokens": reasoning,
                "audio_tokens": spoken,
                "image_tokens": drawn,
                "accepted_prediction_tokens": answer,
                "rejected_prediction_tokens": 0,
            },
        }
    )

    assert sum(quantities.values()) == sum(parts)
    assert quantities == without_zeros(
        {
            Meter.INPUT: text,
            Meter.CACHED_INPUT: cached,
            Meter.CACHE_WRITE: written,
            Meter.INPUT_AUDIO: audio,
            Meter.INPUT_IMAGE: image,
            Meter.OUTPUT: answer,
            Meter.REASONING: reasoning,
            Meter.OUTPUT_AUDIO: spoken,
            Meter.OUTPUT_IMAGE: drawn,
        }
    )


@given(tokens, tokens, tokens, tokens)
def test_responses_usage_comes_apart_like_that_of_chat(text: int, cached: int, answer: int, reasoning: int) -> None:
    quantities = meters_of(
        {
            "input_tokens": text + cached,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": answer + reasoning,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": text + cached + answer + reasoning,
        },
        "responses",
    )

    assert quantities == without_zeros(
        {Meter.INPUT: text, Meter.CACHED_INPUT: cached, Meter.OUTPUT: answer, Meter.REASONING: reasoning}
    )


@given(tokens, tokens, tokens, tokens, tokens, tokens)
def test_cached_audio_and_pictures_of_a_realtime_answer_are_counted_once(
    text: int, audio: int, cached_text: int, cached_audio: int, cached_image: int, spoken: int
) -> None:
    cached = cached_text + cached_audio + cached_image

    quantities = meters_of(
        {
            "input_tokens": text + audio + cached,
            "input_token_details": {
                "text_tokens": text + cached_text,
                "audio_tokens": audio + cached_audio,
                "image_tokens": cached_image,
                "cached_tokens": cached,
                "cached_tokens_details": {
                    "text_tokens": cached_text,
                    "audio_tokens": cached_audio,
                    "image_tokens": cached_image,
                },
            },
            "output_tokens": spoken,
            "output_token_details": {"audio_tokens": spoken, "text_tokens": 0},
            "total_tokens": text + audio + cached + spoken,
        },
        "realtime",
    )

    assert quantities == without_zeros(
        {Meter.INPUT: text, Meter.CACHED_INPUT: cached, Meter.INPUT_AUDIO: audio, Meter.OUTPUT_AUDIO: spoken}
    )


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 10_000))
def test_cached_audio_that_chat_does_not_tell_apart_is_still_counted_once(text: int, audio: int, cached: int) -> None:
    cached = min(cached, text + audio)

    quantities = meters_of(
        {
            "prompt_tokens": text + audio,
            "completion_tokens": 0,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": audio},
        }
    )

    assert sum(quantities.values()) == text + audio
    assert quantities.get(Meter.CACHED_INPUT, 0) == cached


@pytest.mark.parametrize(
    ("operation", "usage", "expected"),
    [
        ("embeddings", {"prompt_tokens": 8, "total_tokens": 8}, {Meter.INPUT: 8}),
        (
            "images.generations",
            {"input_tokens": 50, "output_tokens": 272, "input_tokens_details": {"image_tokens": 40, "text_tokens": 10}},
            {Meter.INPUT: 10, Meter.INPUT_IMAGE: 40, Meter.OUTPUT_IMAGE: 272},
        ),
        (
            "images.edits",
            {"input_tokens": 5, "output_tokens": 30, "output_tokens_details": {"image_tokens": 20, "text_tokens": 10}},
            {Meter.INPUT: 5, Meter.OUTPUT_IMAGE: 20, Meter.OUTPUT: 10},
        ),
        (
            "audio.transcriptions",
            {
                "type": "tokens",
                "input_tokens": 14,
                "output_tokens": 45,
                "total_tokens": 59,
                "input_token_details": {"audio_tokens": 14, "text_tokens": 0},
            },
            {Meter.INPUT_AUDIO: 14, Meter.OUTPUT: 45},
        ),
        ("audio.transcriptions", {"type": "duration", "seconds": 9.2}, {Meter.AUDIO_SECONDS: 10}),
        ("chat.completions", {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, {}),
    ],
)
def test_every_operation_has_its_shape(operation: str, usage: dict[str, object], expected: Quantities) -> None:
    assert meters_of(usage, operation) == expected


def test_what_the_gateway_measured_itself_counts_where_the_answer_says_nothing() -> None:
    own = OwnQuantities(images=2, size="1024x1024", characters=11, audio_seconds=3.01)

    assert normalise(None, own, "images.generations") == {
        Meter.IMAGES: 2,
        Meter.CHARACTERS: 11,
        Meter.AUDIO_SECONDS: 4,
    }


def test_the_seconds_of_the_answer_win_over_the_gateways() -> None:
    quantities = normalise(Usage(seconds=9.0), OwnQuantities(audio_seconds=12.0), "audio.transcriptions")

    assert quantities == {Meter.AUDIO_SECONDS: 9}


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 16}, "usage-contradicts-itself"),
        ({"total_tokens": 16}, "usage-contradicts-itself"),
        ({"prompt_tokens": -1, "completion_tokens": 5}, "absurd-quantity"),
        ({"prompt_tokens": 1, "completion_tokens": -5}, "absurd-quantity"),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 11}}, "usage-contradicts-itself"),
        ({"completion_tokens": 10, "completion_tokens_details": {"reasoning_tokens": 11}}, "usage-contradicts-itself"),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"audio_tokens": -1}}, "usage-contradicts-itself"),
        ({"prompt_tokens": MAX_QUANTITY + 1}, "absurd-quantity"),
        ({"seconds": -0.5}, "absurd-quantity"),
        ({"seconds": 1e300}, "absurd-quantity"),
    ],
)
def test_counts_that_cannot_be_true_are_refused(usage: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        meters_of(usage)

    assert caught.value.reason == reason
