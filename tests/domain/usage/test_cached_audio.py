"""Cached audio and pictures of an answer are counted once."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.usage.meters import Meter, Quantities, Usage, normalise

tokens = st.integers(0, 10**9)


def meters_of(usage: dict[str, object], operation: str = "chat.completions") -> Quantities:
    return normalise(msgspec.convert(usage, Usage), None, operation)


def without_zeros(quantities: Quantities) -> Quantities:
    return {meter: quantity for meter, quantity in quantities.items() if quantity}


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
        {
            Meter.INPUT: text,
            Meter.CACHED_INPUT: cached_text,
            Meter.CACHED_AUDIO: cached_audio,
            Meter.CACHED_IMAGE: cached_image,
            Meter.INPUT_AUDIO: audio,
            Meter.OUTPUT_AUDIO: spoken,
        }
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
