"""How a charge is expressed in FOCUS, the FinOps Foundation's format for costs: its columns and their values.

The columns are those of FOCUS 1.2, in its order, then those that 1.3 adds for allocated costs and providers, then our
own, which FOCUS wants to begin with `x_`. Where the FinOps hub knows a column of that meaning, ours has its name.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from chargeback.domain.terms.shared_costs import IDLE
from chargeback.domain.time.days import BookDate
from chargeback.domain.usage.meters import Meter


class ColumnKind(StrEnum):
    """What a column holds."""

    TEXT = "text"  # words of ours, which never need quotes
    FREE_TEXT = "free text"  # may be what a caller chose, so that a spreadsheet has to be kept from evaluating it
    JSON = "json"
    NUMBER = "number"  # exact, with a decimal point
    COUNT = "count"
    TIME = "time"  # UTC, whole seconds
    NOTHING = "nothing"  # part of the format, never filled by us


_FOCUS_1_2 = {
    "AvailabilityZone": ColumnKind.NOTHING,
    "BilledCost": ColumnKind.NUMBER,
    "BillingAccountId": ColumnKind.TEXT,
    "BillingAccountName": ColumnKind.TEXT,
    "BillingAccountType": ColumnKind.TEXT,
    "BillingCurrency": ColumnKind.TEXT,
    "BillingPeriodEnd": ColumnKind.TIME,
    "BillingPeriodStart": ColumnKind.TIME,
    "CapacityReservationId": ColumnKind.NOTHING,
    "CapacityReservationStatus": ColumnKind.NOTHING,
    "ChargeCategory": ColumnKind.TEXT,
    "ChargeClass": ColumnKind.TEXT,
    "ChargeDescription": ColumnKind.FREE_TEXT,
    "ChargeFrequency": ColumnKind.TEXT,
    "ChargePeriodEnd": ColumnKind.TIME,
    "ChargePeriodStart": ColumnKind.TIME,
    "CommitmentDiscountCategory": ColumnKind.NOTHING,
    "CommitmentDiscountId": ColumnKind.NOTHING,
    "CommitmentDiscountName": ColumnKind.NOTHING,
    "CommitmentDiscountQuantity": ColumnKind.NOTHING,
    "CommitmentDiscountStatus": ColumnKind.NOTHING,
    "CommitmentDiscountType": ColumnKind.NOTHING,
    "CommitmentDiscountUnit": ColumnKind.NOTHING,
    "ConsumedQuantity": ColumnKind.NUMBER,
    "ConsumedUnit": ColumnKind.TEXT,
    "ContractedCost": ColumnKind.NUMBER,
    "ContractedUnitPrice": ColumnKind.NUMBER,
    "EffectiveCost": ColumnKind.NUMBER,
    "InvoiceId": ColumnKind.TEXT,
    "InvoiceIssuerName": ColumnKind.FREE_TEXT,
    "ListCost": ColumnKind.NUMBER,
    "ListUnitPrice": ColumnKind.NUMBER,
    "PricingCategory": ColumnKind.TEXT,
    "PricingCurrency": ColumnKind.TEXT,
    "PricingCurrencyContractedUnitPrice": ColumnKind.NUMBER,
    "PricingCurrencyEffectiveCost": ColumnKind.NUMBER,
    "PricingCurrencyListUnitPrice": ColumnKind.NUMBER,
    "PricingQuantity": ColumnKind.NUMBER,
    "PricingUnit": ColumnKind.TEXT,
    "ProviderName": ColumnKind.FREE_TEXT,
    "PublisherName": ColumnKind.FREE_TEXT,
    "RegionId": ColumnKind.FREE_TEXT,
    "RegionName": ColumnKind.FREE_TEXT,
    "ResourceId": ColumnKind.FREE_TEXT,
    "ResourceName": ColumnKind.FREE_TEXT,
    "ResourceType": ColumnKind.TEXT,
    "ServiceCategory": ColumnKind.TEXT,
    "ServiceName": ColumnKind.FREE_TEXT,
    "ServiceSubcategory": ColumnKind.TEXT,
    "SkuId": ColumnKind.FREE_TEXT,
    "SkuMeter": ColumnKind.TEXT,
    "SkuPriceDetails": ColumnKind.JSON,
    "SkuPriceId": ColumnKind.FREE_TEXT,
    "SubAccountId": ColumnKind.FREE_TEXT,
    "SubAccountName": ColumnKind.FREE_TEXT,
    "SubAccountType": ColumnKind.TEXT,
    "Tags": ColumnKind.JSON,
}

_FOCUS_1_3 = {
    "AllocatedMethodDetails": ColumnKind.JSON,
    "AllocatedMethodId": ColumnKind.TEXT,
    "AllocatedResourceId": ColumnKind.FREE_TEXT,
    "AllocatedResourceName": ColumnKind.FREE_TEXT,
    "AllocatedTags": ColumnKind.JSON,
    "HostProviderName": ColumnKind.FREE_TEXT,
    "ServiceProviderName": ColumnKind.FREE_TEXT,
}

_OWN = {
    "x_BilledUnitPrice": ColumnKind.NUMBER,
    "x_BillingExchangeRate": ColumnKind.NUMBER,
    "x_BillingExchangeRateDate": ColumnKind.TEXT,
    "x_ChargeId": ColumnKind.TEXT,
    "x_ChargeRows": ColumnKind.COUNT,
    "x_CorrectionReason": ColumnKind.TEXT,
    "x_CorrectsChargeId": ColumnKind.TEXT,
    "x_CorrectsPeriod": ColumnKind.TEXT,
    "x_CostAllocationRuleName": ColumnKind.FREE_TEXT,
    "x_CostCenter": ColumnKind.FREE_TEXT,
    "x_ExchangeRateSource": ColumnKind.FREE_TEXT,
    "x_PriceId": ColumnKind.FREE_TEXT,
    "x_RequestCount": ColumnKind.COUNT,
    "x_SourceName": ColumnKind.TEXT,
    "x_UsageState": ColumnKind.TEXT,
}

FOCUS_COLUMNS: dict[str, ColumnKind] = _FOCUS_1_2 | _FOCUS_1_3 | _OWN

IDENTITY = (
    "ChargePeriodStart",
    "ChargeClass",
    "SubAccountId",
    "ProviderName",
    "ResourceId",
    "RegionId",
    "SkuPriceId",
    "SkuMeter",
    "SkuPriceDetails",
    "Tags",
    "PricingCurrency",
    "PricingUnit",
    "PricingCurrencyListUnitPrice",
    "PricingCurrencyContractedUnitPrice",
    "x_BilledUnitPrice",
    "x_BillingExchangeRate",
    "x_BillingExchangeRateDate",
    "x_CorrectionReason",
    "x_CorrectsChargeId",
    "x_CorrectsPeriod",
    "x_CostAllocationRuleName",
    "x_ExchangeRateSource",
    "x_PriceId",
    "x_UsageState",
)
"""The columns that tell one row of a period from another."""

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


class Provider(NamedTuple):
    """Who sells the usage: FOCUS's provider, publisher and invoice issuer in one, and the service."""

    name: str
    service: str


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


def consumed_unit(unit: str) -> str:
    """A unit in the spelling of FOCUS: `Tokens`, `Shares`."""
    words = _in_words(unit)
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
