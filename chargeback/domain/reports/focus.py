"""How a charge is expressed in the words of FOCUS, the FinOps Foundation's format for costs; see `focus_columns`."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from chargeback.domain.terms.shared_costs import IDLE
from chargeback.domain.time.days import BookDate
from chargeback.domain.usage.meters import Meter

SKU_METERS = {
    Meter.INPUT: "Input Tokens",
    Meter.CACHED_INPUT: "Cached Input Tokens",
    Meter.CACHE_WRITE: "Cache Write Tokens",
    Meter.INPUT_AUDIO: "Input Audio Tokens",
    Meter.INPUT_IMAGE: "Input Image Tokens",
    Meter.OUTPUT: "Output Tokens",
    Meter.REASONING: "Reasoning Tokens",
    Meter.OUTPUT_AUDIO: "Output Audio Tokens",
    Meter.OUTPUT_IMAGE: "Output Image Tokens",
    Meter.IMAGES: "Images",
    Meter.AUDIO_SECONDS: "Audio Seconds",
    Meter.CHARACTERS: "Characters",
    Meter.TRAINING: "Training Tokens",
    Meter.REQUESTS: "Requests",
    Meter.CACHE_WRITE_1H: "Cache Write 1h Tokens",
    Meter.UNKNOWN: "Unknown Counts",
    Meter.CACHED_AUDIO: "Cached Input Audio Tokens",
    Meter.CACHED_IMAGE: "Cached Input Image Tokens",
    Meter.CODE_INTERPRETER: "Code Interpreter Sessions",
    Meter.FILE_SEARCH: "File Search Calls",
    Meter.WEB_SEARCH: "Web Search Calls",
    Meter.ROUTER: "Model Router Input Tokens",
    Meter.TRAINING_TIME: "Training Seconds",
    "provisioned": "Provisioned Throughput",
    IDLE: "Idle Provisioned Throughput",
    "hosting": "Fine-Tuned Model Hosting",
    "fee": "Platform Fee",
    "true-up": "Invoice True-Up",
}


class Nature(NamedTuple):
    """What kind of charge a meter makes.

    Attributes:
        category: ChargeCategory.
        frequency: ChargeFrequency.
        subcategory: ServiceSubcategory; the category is always AI and Machine Learning.
        service: ServiceName; empty = the provider's.
    """

    category: str
    frequency: str
    subcategory: str
    service: str = ""


_USAGE = Nature("Usage", "Usage-Based", "Generative AI")
_NATURES = {
    "provisioned": Nature("Usage", "Recurring", "Generative AI"),
    IDLE: Nature("Usage", "Recurring", "Generative AI"),
    "hosting": Nature("Usage", "Recurring", "Generative AI"),
    # Not a purchase: FOCUS takes one for the prepayment of other charges, whose effective cost is 0.
    "fee": Nature("Usage", "Recurring", "AI Platforms", "AI platform"),
    "true-up": Nature("Adjustment", "One-Time", "Generative AI"),
}


class TokenKind(NamedTuple):
    """What a meter of tokens counts, as properties of a price; empty where it does not apply.

    Attributes:
        direction: Input or Output.
        cache_action: Read or Write.
    """

    direction: str = ""
    cache_action: str = ""


_TOKEN_KINDS: dict[str, TokenKind] = {
    Meter.INPUT: TokenKind("Input"),
    Meter.INPUT_AUDIO: TokenKind("Input"),
    Meter.INPUT_IMAGE: TokenKind("Input"),
    Meter.CACHED_INPUT: TokenKind("Input", "Read"),
    Meter.CACHED_AUDIO: TokenKind("Input", "Read"),
    Meter.CACHED_IMAGE: TokenKind("Input", "Read"),
    Meter.CACHE_WRITE: TokenKind("Input", "Write"),
    Meter.CACHE_WRITE_1H: TokenKind("Input", "Write"),
    Meter.ROUTER: TokenKind("Input"),
    Meter.OUTPUT: TokenKind("Output"),
    Meter.REASONING: TokenKind("Output"),
    Meter.OUTPUT_AUDIO: TokenKind("Output"),
    Meter.OUTPUT_IMAGE: TokenKind("Output"),
}


class Provider(NamedTuple):
    """Who runs the models, which FOCUS calls the host, and the service."""

    name: str
    service: str


_MEASURES = {
    "tokens": "Tokens",
    "capacity": "Weighted Input Tokens",
    "requests": "Requests",
    "quantity": "Metered Units",
}

AZURE_OPENAI = Provider("Microsoft", "Azure OpenAI")
_PROVIDERS = {"": AZURE_OPENAI, "azure-openai": AZURE_OPENAI, "openai": Provider("OpenAI", "OpenAI API")}


def nature(meter: str) -> Nature:
    """Usage, unless the meter is what a shared cost is for."""
    return _NATURES.get(meter, _USAGE)


def provider(provider_id: str) -> Provider:
    """A provider that is not known is called by its id."""
    return _PROVIDERS.get(provider_id) or Provider(provider_id, provider_id)


def sku_meter(meter: str) -> str:
    """A meter as FOCUS readers expect it: `Cached Input Tokens`."""
    return SKU_METERS.get(meter) or _in_words(meter)


def token_kind(meter: str) -> TokenKind:
    """What a meter of tokens counts; nothing for any other meter."""
    return _TOKEN_KINDS.get(meter, TokenKind())


def measured_in(measure: str, currency: str) -> str:
    """The unit of an `allocation_measure`; cost is measured in the currency of the books."""
    return currency if measure == "cost" else _MEASURES.get(measure, "")


def consumed_unit(unit: str) -> str:
    """A unit in the spelling of FOCUS: `Tokens`, `Shares`, `PTU-Hours`."""
    words = "-".join(map(_in_words, unit.split("-")))
    return words if not words or words.endswith("s") else f"{words}s"


class PricingUnit(NamedTuple):
    """The unit that a price is for.

    Attributes:
        text: such as `1000000 Tokens`.
        per_unit: how much of it one unit is, exactly: `0.000001`.
    """

    text: str
    per_unit: Decimal


def pricing_unit(price_unit: str, unit: str) -> PricingUnit:
    """The pricing unit of a row with this `price_unit`; where nothing is charged, the unit itself.

    Raises ValueError for a block that is not a power of ten up to a million: its quantities would not be exact.
    """
    block, _, priced = price_unit.partition(" ")
    if not block.isdecimal():
        return PricingUnit(consumed_unit(price_unit or unit), Decimal(1))
    if block not in {str(10**power) for power in range(7)}:
        raise ValueError(f"a price per {price_unit}: only powers of ten up to 1000000 have exact quantities")
    named = consumed_unit(priced)
    return PricingUnit(named if block == "1" else f"{block} {named}", Decimal(1).scaleb(1 - len(block)))


def charge_period(date: BookDate, time_zone: str) -> tuple[datetime, datetime]:
    """The UTC instants between which a day (YYYY-MM-DD) of a time zone lies: 23, 24 or 25 hours."""
    zone = ZoneInfo(time_zone)
    midnight = datetime.fromisoformat(date)
    start, end = (each.replace(tzinfo=zone).astimezone(UTC) for each in (midnight, midnight + timedelta(days=1)))
    return start, end


def _in_words(name: str) -> str:
    letters = "".join(each if each.isascii() and each.isalnum() else " " for each in name)
    return " ".join(word[:1].upper() + word[1:] for word in letters.split())
