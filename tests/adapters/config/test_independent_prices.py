"""The list prices of the shipped rate card against a price list that others keep."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from genai_prices import Usage, calc_price

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.domain.catalogue.prices import LONG_CONTEXT, PriceKey
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.usage.meters import Meter
from stack.example import EXAMPLE_CONFIG

CARD = load_catalogue(EXAMPLE_CONFIG).prices
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SHORT, LONG = 100_000, 300_000

NO_AUDIO = "the other list has no price for audio of this model and takes that of text"
OF_OPENAI = "the other list has OpenAI's own price; the map of Azure's prices that the card was read from says more"
UNDATED = "the other list has one Azure price for all times, the one after the cut"
DISAGREEMENTS = {
    "gpt-4o-audio-preview/2024-12-17/GlobalStandard/default/input_audio_tokens@2024-12-17T00Z": NO_AUDIO,
    "gpt-4o-audio-preview/2024-12-17/GlobalStandard/default/output_audio_tokens@2024-12-17T00Z": NO_AUDIO,
    "gpt-4o-mini-audio-preview/2024-12-17/GlobalStandard/default/input_audio_tokens@2024-12-17T00Z": NO_AUDIO,
    "gpt-4o-mini-audio-preview/2024-12-17/GlobalStandard/default/output_audio_tokens@2024-12-17T00Z": NO_AUDIO,
    "gpt-audio/2025-08-28/GlobalStandard/default/input_audio_tokens@2025-08-28T00Z": OF_OPENAI,
    "gpt-audio/2025-08-28/GlobalStandard/default/output_audio_tokens@2025-08-28T00Z": OF_OPENAI,
    "o3/2025-04-16/GlobalStandard/default/input_tokens@2025-04-16T00Z": UNDATED,
    "o3/2025-04-16/GlobalStandard/default/cached_input_tokens@2025-04-16T00Z": UNDATED,
    "o3/2025-04-16/GlobalStandard/default/output_tokens@2025-04-16T00Z": UNDATED,
    **{
        f"{model}/any/GlobalStandard/default/{variant}{meter}@2026-07-09T00Z": UNDATED
        for model in ("gpt-5.6", "gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna")
        for variant in ("", "long-context/")
        for meter in ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens")
    },
}
"""The known ones, each with its reason; a new one has to be looked into."""


@dataclass(frozen=True)
class Compared:
    """A price of the card and the other list's, per million."""

    price_id: str
    ours: Decimal
    theirs: Decimal


def usages(meter: Meter, inputs: int) -> tuple[Usage, Usage] | None:
    """Two calls whose prices differ by what `inputs` units of the meter cost, at that length of the context."""
    nothing = Usage(input_tokens=0, output_tokens=0)
    whole = Usage(input_tokens=inputs, output_tokens=0)
    return {
        Meter.INPUT: (whole, nothing),
        Meter.CACHED_INPUT: (Usage(input_tokens=inputs, cache_read_tokens=inputs), nothing),
        Meter.CACHE_WRITE: (Usage(input_tokens=inputs, cache_write_tokens=inputs), nothing),
        Meter.OUTPUT: (Usage(input_tokens=inputs, output_tokens=inputs), whole),
        Meter.INPUT_AUDIO: (Usage(input_tokens=inputs, input_audio_tokens=inputs), nothing),
        Meter.OUTPUT_AUDIO: (Usage(input_tokens=inputs, output_tokens=inputs, output_audio_tokens=inputs), whole),
    }.get(meter)


def theirs(key: PriceKey, moment: datetime) -> Decimal | None:
    """What the other list says a million units cost; None where it does not say."""
    inputs = LONG if key.variant == LONG_CONTEXT else SHORT
    calls = usages(key.meter, inputs)
    if calls is None:
        return None
    name = f"{key.model}-{key.version}" if key.version else key.model
    try:
        dear, cheap = (
            calc_price(call, name, provider_id="azure", genai_request_timestamp=moment).total_price for call in calls
        )
    except LookupError:
        return None
    return (dear - cheap) * 1_000_000 / inputs


def compared() -> Iterator[Compared]:
    for key, dated in CARD.items():
        if (key.deployment_type, key.service_tier, key.region) != (DeploymentType.GLOBAL_STANDARD, "default", ""):
            continue
        if key.variant not in ("", LONG_CONTEXT):
            continue
        for price in dated:
            moment = min(price.effective.end or NOW, NOW) - timedelta(hours=1)
            other = theirs(key, moment)
            if other is not None:
                yield Compared(price.price_id.removeprefix("azure-openai/"), price.list_per_million, other)


def test_the_card_agrees_with_an_independent_price_list_but_for_known_disagreements() -> None:
    every = list(compared())

    assert {each.price_id for each in every if each.ours != each.theirs} == set(DISAGREEMENTS)
    # 257 prices of 66 models when this was written.
    assert len(every) >= 250
    assert len({each.price_id.split("/")[0] for each in every}) >= 60
