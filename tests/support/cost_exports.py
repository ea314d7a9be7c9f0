"""Cost exports made in tests, in the shape in which Azure Cost Management writes them."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

ACCOUNT = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-chargeback"
    "/providers/Microsoft.CognitiveServices/accounts/oai-eastus2-x1"
)
INPUT_METER = "6ac04b45-7d2c-4a4c-8d2e-1f6a5d1f0001"
OUTPUT_METER = "6ac04b45-7d2c-4a4c-8d2e-1f6a5d1f0002"
_DEFAULTS = {
    "BilledCost": "2.5",
    "BillingAccountId": "/providers/Microsoft.Billing/billingAccounts/1234567",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-03-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-03-14T00:00:00Z",
    "ChargePeriodEnd": "2026-03-15T00:00:00Z",
    "ContractedCost": "2.5",
    "ContractedUnitPrice": "0.0025",
    "PricingQuantity": "1000",
    "PricingUnit": "Units",
    "ResourceId": ACCOUNT,
    "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "Azure OpenAI",
    "Tags": '{"azd-env-name":"prod","team":"a, b"}',
    "x_PricingBlockSize": "1000",
    "x_PricingUnitDescription": "1K",
    "x_SkuMeterId": INPUT_METER,
    "x_SkuMeterName": "gpt 4o 1120 Inp glbl Tokens",
}


def exported(**columns: str) -> dict[str, str]:
    """A row of the export: a million input tokens of one account and day for 2.50 USD."""
    return _DEFAULTS | columns


def csv_bytes(rows: Sequence[Mapping[str, str]], *, columns: Sequence[str] = tuple(_DEFAULTS)) -> bytes:
    """The rows as CSV, with the byte order mark that Azure writes."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def gzipped(rows: Sequence[Mapping[str, str]], **options: Any) -> bytes:
    return gzip.compress(csv_bytes(rows, **options))


def parquet_bytes(folder: Path, rows: Sequence[Mapping[str, str]]) -> bytes:
    """The rows as Snappy Parquet: amounts are decimals, times are timestamps."""
    source, target = folder / "rows.csv", folder / "rows.parquet"
    source.write_bytes(csv_bytes(rows))
    amounts = ", ".join(
        f"{name}::DECIMAL(28, 12) AS {name}" for name in ("BilledCost", "PricingQuantity", "x_PricingBlockSize")
    )
    duckdb.sql(
        f"COPY (SELECT * REPLACE ({amounts}, ChargePeriodStart::TIMESTAMP AS ChargePeriodStart)"
        f" FROM read_csv('{source}', all_varchar = true, header = true)) TO '{target}' (FORMAT parquet, CODEC snappy)"
    )
    return target.read_bytes()


def run_files(
    partitions: Mapping[str, bytes],
    *,
    export: str = "costs/focus",
    month: str = "20260301-20260331",
    run: str = "aaaa",
    submitted: str = "2026-04-05T06:00:00.1234567Z",
    end: str = "2026-03-31T00:00:00Z",
    kind: str = "FocusCost",
) -> dict[str, bytes]:
    """The blobs of one run: its partitions and its manifest."""
    folder, begins = f"{export}/{month}/{run}", f"{month[:4]}-{month[4:6]}-{month[6:8]}T00:00:00"
    manifest = {
        "manifestVersion": "2024-04-01",
        "blobCount": len(partitions),
        "exportConfig": {"exportName": "focus", "dataVersion": "1.2-preview", "type": kind},
        "deliveryConfig": {"partitionData": True, "dataOverwriteBehavior": "CreateNewReport"},
        "runInfo": {"submittedTime": submitted, "runId": run, "startDate": begins, "endDate": end},
        "blobs": [{"blobName": f"{folder}/{name}", "byteCount": len(data)} for name, data in partitions.items()],
    }
    blobs = {f"{folder}/{name}": data for name, data in partitions.items()}
    return blobs | {f"{folder}/manifest.json": json.dumps(manifest).encode()}
