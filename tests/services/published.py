"""Books that are published in tests, and the rows of what was published."""

import csv
import io
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

from chargeback.adapters.memory import MemoryReports
from chargeback.domain.meters import Meter
from chargeback.domain.records import ChargeRow, Part, UsageRecord
from chargeback.domain.report import Manifest
from chargeback.services.publish import publish
from tests.domain.catalogues import catalogue, usage_line

PERIOD = "2026-03"
ISSUE_COLUMNS = (
    "billing_period,charge_date,cost_centre,subscription_id,product_id,user,company,billing_code,operation,provider,"
    "model,deployment,deployment_type,region,service_tier,meter,quantity,unit,unit_price,price_unit,currency,cost,"
    "state,requests,price_id"
)
IDENTITY = [
    "charge_date", "cost_centre", "subscription_id", "product_id", "user", "company", "billing_code", "operation",
    "provider", "model", "deployment", "deployment_type", "region", "service_tier", "meter", "currency", "state",
    "price_id", "tenant_id", "app_id", "user_object_id", "apim_user_id", "backend", "variant", "allocation_rule",
]  # fmt: skip


PRICES = ("per_million", "list_per_million", "contracted_per_million")


class ListedBooks:
    """Books that list given records, in the order given, a few a page."""

    def __init__(self, records: Sequence[UsageRecord]) -> None:
        self._records = records

    async def records(self, day: str) -> AsyncIterator[Sequence[UsageRecord]]:
        found = [record for record in self._records if record.day == day]
        for start in range(0, len(found), 7):
            yield found[start : start + 7]


def charge(
    meter: Meter = Meter.INPUT, quantity: int = 1000, cost: str | None = "0.0025", **fields: object
) -> ChargeRow:
    priced = meter is not Meter.REQUESTS and cost is not None
    defaults = {
        "state": "exact",
        **dict.fromkeys(PRICES, Decimal("2.5") if priced else None),
        "price_id": f"card/{meter}@2026-01-01T00Z" if priced else "",
        "cost": None if cost is None else Decimal(cost),
    }
    return ChargeRow(meter, quantity, **(defaults | fields))  # type: ignore[arg-type]


def record(
    *charges: ChargeRow,
    day: str = "2026-03-14",
    centre: str = "company/search",
    currency: str = "USD",
    **dimensions: str,
) -> UsageRecord:
    line = usage_line(**dimensions)
    part = Part(day, centre, "by-team", charges or (charge(),))
    return UsageRecord(day, line, {}, currency, "GlobalStandard", "eastus2", (part,))


async def published(
    records: Sequence[UsageRecord], *, decimals: int = 6, days: Sequence[str] | None = None
) -> tuple[Manifest, dict[str, bytes]]:
    reports = MemoryReports()
    manifest = await publish(
        PERIOD,
        ListedBooks(records),  # type: ignore[arg-type]
        reports,
        days=sorted({record.day for record in records}) if days is None else days,
        catalogue=catalogue(),
        decimals=decimals,
    )
    return manifest, reports.files


def rows_of(files: dict[str, bytes], name: str = "chargeback") -> list[dict[str, str]]:
    text = files[f"{PERIOD}/{name}-{PERIOD}.csv"].decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def summed(rows: Sequence[dict[str, str]], *by: str, of: str = "cost") -> dict[tuple[str, ...], Decimal]:
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[tuple(row[name] for name in by)] += Decimal(row[of] or 0)
    return dict(sums)
