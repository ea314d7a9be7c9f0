"""Estimates the tokens of speech whose answer counts none, from its length or from the characters spoken.

A model like gpt-4o-mini-tts is billed by tokens, tts by characters, and the answer of both is sound alone. Both are
counted; rating charges what the rate card has prices for.
"""

from math import ceil

from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.domain.usage.usage_objects import OwnQuantities

SPEECH = "audio.speech"

TOKENS = (Meter.INPUT, Meter.OUTPUT_AUDIO)
"""The meters of speech that are estimated."""

_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_MINUTE = 1_250
"""A minute of gpt-4o-mini-tts costs about 0.015 USD, a million of its audio tokens 12 USD (openai.com/api/pricing)."""

_CHARACTERS_PER_MINUTE = 900
"""Characters of 150 spoken words."""


def speech_tokens(own: OwnQuantities | None) -> Quantities:
    """The tokens of text and of sound, rounded up; nothing where nobody knows how much was to be spoken."""
    if own is None or not own.characters:
        return {}
    minutes = own.audio_seconds / 60 if own.audio_seconds else own.characters / _CHARACTERS_PER_MINUTE
    return {
        Meter.INPUT: ceil(own.characters / _CHARACTERS_PER_TOKEN),
        Meter.OUTPUT_AUDIO: ceil(minutes * _TOKENS_PER_MINUTE),
    }
