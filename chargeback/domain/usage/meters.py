"""The meters, and how each provider's usage object becomes quantities of them that do not overlap.

The meters of one call never overlap, so that their sum is the provider's own total: cached, cache-write,
audio and image tokens are taken out of the input, reasoning, audio and image tokens out of the output.
Anthropic counts cache reads and writes in addition to its input_tokens; here all of them are input.
"""

from collections.abc import Mapping
from enum import StrEnum
from math import ceil
from typing import NamedTuple

import msgspec

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.usage.usage_objects import Details, OwnQuantities, Usage, unknown_outside

MAX_QUANTITY = 10**12
"""Upper bound of one meter of one event; sums of 5 000 events then stay exact in a double (2**53)."""


class Meter(StrEnum):
    """A measured quantity; the names are those of records, rate cards and reports."""

    INPUT = "input_tokens"
    CACHED_INPUT = "cached_input_tokens"
    CACHE_WRITE = "cache_write_tokens"
    INPUT_AUDIO = "input_audio_tokens"
    INPUT_IMAGE = "input_image_tokens"
    OUTPUT = "output_tokens"
    REASONING = "reasoning_tokens"
    OUTPUT_AUDIO = "output_audio_tokens"
    OUTPUT_IMAGE = "output_image_tokens"
    IMAGES = "images"
    AUDIO_SECONDS = "audio_seconds"
    CHARACTERS = "characters"
    TRAINING = "training_tokens"
    REQUESTS = "requests"
    # At the end, so that the columns of files keep their places.
    CACHE_WRITE_1H = "cache_write_1h_tokens"
    UNKNOWN = "unknown_counts"
    CACHED_AUDIO = "cached_input_audio_tokens"
    CACHED_IMAGE = "cached_input_image_tokens"
    CODE_INTERPRETER = "code_interpreter_sessions"
    FILE_SEARCH = "file_search_calls"
    WEB_SEARCH = "web_search_calls"
    ROUTER = "router_input_tokens"
    TRAINING_TIME = "training_seconds"

    # Enum hashes in Python code; a meter is looked up several times an event.
    __hash__ = str.__hash__


TOOLS = frozenset({Meter.CODE_INTERPRETER, Meter.FILE_SEARCH, Meter.WEB_SEARCH})
"""Tools of a call that are charged in addition to its tokens: the same for every model, also on reserved capacity."""

UNITS: dict[Meter, str] = {
    meter: "tokens" if meter.endswith("_tokens") else meter.value.rpartition("_")[2] for meter in Meter
} | {Meter.ROUTER: "routed tokens"}
"""The unit of each meter, as the reports print it.

What a model router reads is input of the model that it chose as well, so a sum of tokens must not have it twice.
"""

INPUTS = (
    Meter.INPUT,
    Meter.CACHED_INPUT,
    Meter.CACHE_WRITE,
    Meter.CACHE_WRITE_1H,
    Meter.INPUT_AUDIO,
    Meter.INPUT_IMAGE,
    Meter.CACHED_AUDIO,
    Meter.CACHED_IMAGE,
)
"""The meters whose sum is the whole input of a call."""

Quantities = dict[Meter, int]

_NONE = Details()

# Members bound once: an attribute of an Enum class costs a Python-level lookup, and this runs for every event.
_INPUT, _CACHED, _WRITTEN, _INPUT_AUDIO, _INPUT_IMAGE = tuple(Meter)[:5]
_OUTPUT, _REASONING, _OUTPUT_AUDIO, _OUTPUT_IMAGE = tuple(Meter)[5:9]


def normalise(usage: Usage | None, own: OwnQuantities | None, operation: str) -> Quantities:
    """Turn what one call reported into disjoint quantities, without the request itself.

    Meters that are zero are left out. Raises `InvalidEvent` for negative, contradictory or absurd counts.
    """
    quantities: Quantities = {}
    if usage is not None:
        _add_tokens(quantities, usage, operation)
        if usage.seconds is not None and not quantities:
            quantities[Meter.AUDIO_SECONDS] = _whole_seconds(usage.seconds)
    # A picture or a recording is billed by what its provider counts; the gateway's own count fills in for it.
    if own is not None and not (any(quantities.values()) and operation.startswith(("images.", "audio."))):
        _add_own(quantities, own)
    for quantity in quantities.values():
        if not 0 < quantity <= MAX_QUANTITY:
            return _without_zeros(quantities)
    return quantities


def quantity_of(quantities: Mapping[Meter, int], meter: Meter) -> int:
    """The quantity of a meter; a router's fee is on the whole input."""
    if meter is Meter.ROUTER:
        return sum(quantities.get(each, 0) for each in INPUTS)
    return quantities.get(meter, 0)


def unknown_counts(usage: Usage | None) -> int:
    """What the provider counted that no meter covers; it has no price, so its line is unpriced."""
    return min(unknown_outside(usage), MAX_QUANTITY) if usage is not None and usage.unknown else 0


def is_measured(usage: Usage | None, own: OwnQuantities | None) -> bool:
    """Whether the call reported any count at all, be it zero; a usage object without one says nothing."""
    of_usage = usage and (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.input_tokens,
        usage.output_tokens,
        usage.total_tokens,
        usage.cache_creation_input_tokens,
        usage.cache_read_input_tokens,
        usage.seconds,
    )
    of_own = own and (own.images, own.audio_seconds, own.characters, own.training_tokens, own.training_seconds)
    return any(count is not None for count in (*(of_usage or ()), *(of_own or ())))


def _without_zeros(quantities: Quantities) -> Quantities:
    for meter, quantity in quantities.items():
        if not 0 <= quantity <= MAX_QUANTITY:
            raise InvalidEvent("absurd-quantity", f"{meter} is {quantity}; allowed are 0 to {MAX_QUANTITY}")
    return {meter: quantity for meter, quantity in quantities.items() if quantity}


def _add_tokens(quantities: Quantities, usage: Usage, operation: str) -> None:
    incoming = usage.prompt_tokens if usage.prompt_tokens is not None else usage.input_tokens
    outgoing = usage.completion_tokens if usage.completion_tokens is not None else usage.output_tokens
    cache = _cache(usage)
    if incoming is None and outgoing is None and cache is None:
        if usage.total_tokens and not unknown_counts(usage):
            raise InvalidEvent("usage-contradicts-itself", "usage has total_tokens but neither input nor output")
        return
    incoming, outgoing = incoming or 0, outgoing or 0
    of_input = usage.prompt_tokens_details or usage.input_tokens_details or usage.input_token_details
    of_output = usage.completion_tokens_details or usage.output_tokens_details or usage.output_token_details
    if cache is not None:
        of_input = cache.beside(of_input)
        if usage.prompt_tokens is None and usage.total_tokens != incoming + outgoing:
            incoming += cache.tokens
    if usage.total_tokens is not None and usage.total_tokens != incoming + outgoing:
        outgoing += _reasoning_beside(usage, incoming, outgoing, of_output)
    _split_input(quantities, incoming, of_input, cache.hour if cache else 0)
    _split_output(quantities, outgoing, of_output, pictures=operation.startswith("images."))


class _Cache(NamedTuple):
    """Input tokens that Anthropic reads from its cache or writes to it, which its input_tokens do not include."""

    read: int
    minutes: int
    hour: int

    @property
    def tokens(self) -> int:
        return self.read + self.minutes + self.hour

    def beside(self, details: Details | None) -> Details:
        """The details of the input with what they do not say themselves."""
        read = details.cached_tokens if details else None
        written = details.cache_write_tokens if details else None
        return msgspec.structs.replace(
            details or _NONE,
            cached_tokens=self.read if read is None else read,
            cache_write_tokens=self.minutes if written is None else written,
        )


def _cache(usage: Usage) -> _Cache | None:
    """What was cached for five minutes and for an hour; a write whose duration is not said is one of five minutes."""
    written, parts = usage.cache_creation_input_tokens, usage.cache_creation
    if written is None and parts is None and usage.cache_read_input_tokens is None:
        return None
    minutes = (parts.ephemeral_5m_input_tokens or 0) if parts else 0
    hour = (parts.ephemeral_1h_input_tokens or 0) if parts else 0
    read = usage.cache_read_input_tokens or 0
    total = minutes + hour if written is None else written
    if min(read, minutes, hour, total - minutes - hour) < 0:
        raise _contradiction("cached", total)
    return _Cache(read, total - hour, hour)


def _reasoning_beside(usage: Usage, incoming: int, outgoing: int, details: Details | None) -> int:
    """Some models report reasoning outside the completion, and only their total tells; else the counts must agree."""
    reasoning = (details.reasoning_tokens or 0) if details else 0
    if reasoning > 0 and usage.total_tokens == incoming + outgoing + reasoning:
        return reasoning
    if unknown_counts(usage):
        return 0
    raise InvalidEvent(
        "usage-contradicts-itself",
        f"usage.total_tokens is {usage.total_tokens}, input + output is {incoming + outgoing}",
    )


def _split_input(quantities: Quantities, total: int, details: Details | None, written_for_an_hour: int) -> None:
    if details is None:
        quantities[_INPUT] = total
        return
    beside_cached = details.audio_tokens or details.image_tokens or details.cache_write_tokens or written_for_an_hour
    if not (beside_cached or details.cached_tokens_details):
        _take_out_one(quantities, "input", total, _INPUT, _CACHED, details.cached_tokens or 0)
        return
    of_cached = details.cached_tokens_details or _NONE
    if min(of_cached.audio_tokens or 0, of_cached.image_tokens or 0) < 0:
        raise InvalidEvent("usage-contradicts-itself", "a part of the cached input tokens is negative")
    audio = (details.audio_tokens or 0) - (of_cached.audio_tokens or 0)
    image = (details.image_tokens or 0) - (of_cached.image_tokens or 0)
    if details.cached_tokens_details is None and (audio > 0 or image > 0):
        audio, image = _less_cached(total, details, audio, image)
    _take_out(
        quantities,
        "input",
        total,
        _INPUT,
        (
            *_cached_by_kind(details.cached_tokens or 0, of_cached),
            (_WRITTEN, details.cache_write_tokens),
            (Meter.CACHE_WRITE_1H, written_for_an_hour),
            (_INPUT_AUDIO, audio),
            (_INPUT_IMAGE, image),
        ),
    )


def _cached_by_kind(cached: int, of_cached: Details) -> tuple[tuple[Meter, int], ...]:
    """Cached text, audio and images, which sum to what was cached, whatever its parts claim."""
    audio = min(of_cached.audio_tokens or 0, max(cached, 0))
    image = min(of_cached.image_tokens or 0, max(cached, 0) - audio)
    return (_CACHED, cached - audio - image), (Meter.CACHED_AUDIO, audio), (Meter.CACHED_IMAGE, image)


def _less_cached(total: int, details: Details, audio: int, image: int) -> tuple[int, int]:
    """Audio and images outside the cache. Chat does not tell, but tokens above the total were counted twice."""
    cached = details.cached_tokens or 0
    over = cached + (details.cache_write_tokens or 0) + audio + image - total
    if not 0 < over <= cached:
        return audio, image
    of_audio = min(over, max(audio, 0))
    return audio - of_audio, image - (over - of_audio)


def _split_output(quantities: Quantities, total: int, details: Details | None, *, pictures: bool) -> None:
    if details is None:
        quantities[_OUTPUT_IMAGE if pictures else _OUTPUT] = total
        return
    image = details.image_tokens
    if pictures and image is None:
        image = total - (details.text_tokens or 0)
    if not (image or details.audio_tokens):
        _take_out_one(quantities, "output", total, _OUTPUT, _REASONING, details.reasoning_tokens or 0)
        return
    _take_out(
        quantities,
        "output",
        total,
        _OUTPUT,
        ((_REASONING, details.reasoning_tokens), (_OUTPUT_AUDIO, details.audio_tokens), (_OUTPUT_IMAGE, image)),
    )


def _take_out(
    quantities: Quantities, side: str, total: int, rest: Meter, parts: tuple[tuple[Meter, int | None], ...]
) -> None:
    """Give each part its own meter and what is left to `rest`."""
    left = total
    for meter, part in parts:
        if part:
            if part < 0:
                left = -1
                break
            quantities[meter] = part
            left -= part
    if left < 0:
        raise _contradiction(side, total)
    if left:
        quantities[rest] = left


def _take_out_one(quantities: Quantities, side: str, total: int, rest: Meter, meter: Meter, part: int) -> None:
    """`_take_out` for the usual case of a single part, which is faster."""
    if not 0 <= part <= total:
        raise _contradiction(side, total)
    if part:
        quantities[meter] = part
    if part != total:
        quantities[rest] = total - part


def _contradiction(side: str, total: int) -> InvalidEvent:
    return InvalidEvent(
        "usage-contradicts-itself", f"the parts of the {side} tokens do not fit into their total of {total}"
    )


def _add_own(quantities: Quantities, own: OwnQuantities) -> None:
    if own.images is not None:
        quantities[Meter.IMAGES] = own.images
    if own.characters is not None:
        quantities[Meter.CHARACTERS] = own.characters
    if own.training_tokens is not None:
        quantities[Meter.TRAINING] = own.training_tokens
    if own.training_seconds is not None:
        quantities[Meter.TRAINING_TIME] = own.training_seconds
    # How long speech is tells how many tokens it has; no provider bills the seconds.
    if own.audio_seconds is not None and own.characters is None and Meter.AUDIO_SECONDS not in quantities:
        quantities[Meter.AUDIO_SECONDS] = _whole_seconds(own.audio_seconds)


def _whole_seconds(seconds: float) -> int:
    """Audio is metered by the second begun."""
    if not 0 <= seconds <= MAX_QUANTITY:
        raise InvalidEvent("absurd-quantity", f"audio of {seconds} seconds")
    return ceil(seconds)
