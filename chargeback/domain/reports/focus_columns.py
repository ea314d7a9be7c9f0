"""The columns of the FOCUS files, by version of the format, and the description of each file for machines.

A file has the columns of its version, in the order of 1.2, then our own, which FOCUS wants to begin with `x_`. Where
the FinOps hub knows a column of that meaning, ours has its name.
"""

from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, uuid5


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
    "BillingAccountId": ColumnKind.FREE_TEXT,
    "BillingAccountName": ColumnKind.FREE_TEXT,
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
    "InvoiceId": ColumnKind.FREE_TEXT,
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
    "AllocatedMethodId": ColumnKind.FREE_TEXT,
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
    "x_HostContractedCost": ColumnKind.NUMBER,
    "x_HostContractedUnitPrice": ColumnKind.NUMBER,
    "x_HostListUnitPrice": ColumnKind.NUMBER,
    "x_PriceId": ColumnKind.FREE_TEXT,
    "x_PriceVerified": ColumnKind.TEXT,
    "x_RequestCount": ColumnKind.COUNT,
    "x_SharedCostId": ColumnKind.FREE_TEXT,
    "x_SkuMeterId": ColumnKind.FREE_TEXT,
    "x_SourceName": ColumnKind.TEXT,
    "x_UsageState": ColumnKind.TEXT,
}

FOCUS_COLUMNS: dict[str, ColumnKind] = _FOCUS_1_2 | _FOCUS_1_3 | _OWN
"""Every column of any version."""


class FocusVersion(StrEnum):
    """A version of FOCUS that a period is written in."""

    V1_2 = "1.2"
    V1_3 = "1.3"


_COLUMNS = {FocusVersion.V1_2: _FOCUS_1_2 | _OWN, FocusVersion.V1_3: FOCUS_COLUMNS}


def focus_columns(version: FocusVersion) -> dict[str, ColumnKind]:
    """The columns of a file of this version, in its order."""
    return _COLUMNS[version]


TAG_PREFIX = "chargeback/"
"""Every tag of a file is one that the product sets; FOCUS wants the keys of these to begin with a prefix."""

_CREATED = "2026-11-30T00:00:00Z"
_DATA_TYPES = {ColumnKind.NUMBER: "DECIMAL", ColumnKind.COUNT: "INTEGER", ColumnKind.TIME: "DATETIME"}
_NUMBERS = frozenset({"CommitmentDiscountQuantity"})


def focus_metadata(version: FocusVersion, issuer: str, period: str, file: dict[str, Any]) -> dict[str, Any]:
    """What FOCUS calls metadata: who made a file, in which version, with which columns.

    `file` describes the file. The same columns have the same `SchemaId`, in every period.
    """
    definitions = [_definition(name, kind) for name, kind in focus_columns(version).items()]
    schema = {
        "SchemaId": str(uuid5(NAMESPACE_URL, f"focus {version} {definitions}")),
        "FocusVersion": version.value,
        "CreationDate": _CREATED,
        "ColumnDefinition": definitions,
    }
    found: dict[str, Any] = {"DataGenerator": {"DataGenerator": issuer}, "Schema": schema}
    if version is FocusVersion.V1_3:
        instance = str(uuid5(NAMESPACE_URL, f"{issuer} {version} costs"))
        schema["DatasetInstanceId"] = instance
        found["DatasetInstance"] = {
            "DatasetInstanceId": instance,
            "DatasetInstanceName": f"{issuer}: charges by day",
            "FocusDatasetId": "CostAndUsage",
        }
    return found | {"x_BillingPeriod": period, "x_File": file}


def _definition(name: str, kind: ColumnKind) -> dict[str, Any]:
    if kind is ColumnKind.NUMBER or name in _NUMBERS:
        return {"ColumnName": name, "DataType": "DECIMAL", "NumericPrecision": 38, "NumberScale": 18}
    if kind is ColumnKind.JSON:
        prefixes = {"ProviderTagPrefixes": [TAG_PREFIX]} if name in ("Tags", "AllocatedTags") else {}
        return {"ColumnName": name, "DataType": "JSON", **prefixes}
    if kind in _DATA_TYPES:
        return {"ColumnName": name, "DataType": _DATA_TYPES[kind]}
    return {"ColumnName": name, "DataType": "STRING", "StringEncoding": "UTF-8"}


IDENTITY = (
    "ChargePeriodStart",
    "ChargeClass",
    "SubAccountId",
    "HostProviderName",
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
    "x_BillingExchangeRate",
    "x_BillingExchangeRateDate",
    "x_CorrectionReason",
    "x_CorrectsChargeId",
    "x_CorrectsPeriod",
    "x_CostAllocationRuleName",
    "x_ExchangeRateSource",
    "x_HostContractedUnitPrice",
    "x_HostListUnitPrice",
    "x_PriceId",
    "x_UsageState",
)
"""The columns that tell one row of a period from another."""
