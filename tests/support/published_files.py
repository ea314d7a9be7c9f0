"""Books that are published in tests, and the rows of what was published."""

import csv
import io
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.rating.usage_record import Charge, RecordPart, UsageRecord, ndjson, to_document
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import UtcDay
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.states import LineState
from chargeback.services.publishing.period_inputs import PeriodInputs
from chargeback.services.publishing.publish import Writers, publish
from chargeback.services.settled.pack import pack_records
from tests.support.catalogues import catalogue, usage_line

PERIOD = "2026-03"
ISSUE_COLUMNS = (
    "billing_period,charge_date,cost_centre,subscription_id,product_id,user,company,billing_code,operation,provider,"
    "model,deployment,deployment_type,region,service_tier,meter,quantity,unit,unit_price,price_unit,currency,cost,"
    "state,requests,price_id"
)
FURTHER = (
    "kind,list_unit_price,contracted_unit_price,list_cost,contracted_cost,charge_id,corrects_period,"
    "corrects_charge_id,shared_cost,allocation_basis,allocated_ratio,pricing_currency,exchange_rate,"
    "exchange_rate_date,exchange_rate_source,correction_reason,price_verified"
)
IDENTITY = [
    "charge_date", "cost_centre", "subscription_id", "product_id", "user", "company", "billing_code", "operation",
    "provider", "model", "deployment", "deployment_type", "region", "service_tier", "meter", "currency", "state",
    "price_id", "tenant_id", "app_id", "user_object_id", "apim_user_id", "backend", "variant", "allocation_rule",
]  # fmt: skip


PRICES = ("per_million", "list_per_million", "contracted_per_million")


class ListedBooks:
    """Books that list given records, in the order given, a few a page; no day of them is settled."""

    def __init__(self, records: Sequence[UsageRecord]) -> None:
        self._records = records

    async def documents(self, day: str) -> AsyncIterator[bytes]:
        found = [to_document(record) for record in self._records if record.day == day]
        for start in range(0, len(found), 7):
            yield ndjson(found[start : start + 7])

    @asynccontextmanager
    async def rows(self, day: str) -> AsyncIterator[Path]:
        pages = tuple([page async for page in self.documents(day)])
        if pages not in _PACKED:
            with TemporaryDirectory() as folder:
                file = Path(folder, "records.parquet")
                await pack_records(UtcDay(day), self.documents(day), Path(folder), file)
                _PACKED[pages] = file.read_bytes()
        with TemporaryDirectory() as folder:
            file = Path(folder, "records.parquet")
            file.write_bytes(_PACKED[pages])
            yield file


_PACKED: dict[tuple[bytes, ...], bytes] = {}
"""The files of days that were packed, by their pages: many tests publish the same day again."""


def charge(meter: Meter = Meter.INPUT, quantity: int = 1000, cost: str | None = "0.0025", **fields: object) -> Charge:
    priced = meter is not Meter.REQUESTS and cost is not None
    defaults = {
        "state": "exact",
        **dict.fromkeys(PRICES, Decimal("2.5") if priced else None),
        "price_id": f"card/{meter}@2026-01-01T00Z" if priced else "",
        "cost": None if cost is None else Decimal(cost),
    }
    given = defaults | fields
    return Charge(meter, quantity, **given | {"state": LineState(given["state"])})  # type: ignore[arg-type]


def record(
    *charges: Charge,
    day: str = "2026-03-14",
    centre: str = "company/search",
    currency: str = "USD",
    **dimensions: str,
) -> UsageRecord:
    line = usage_line(**dimensions)
    part = RecordPart(day, centre, "by-team", charges or (charge(),))
    return UsageRecord(day, line, {}, currency, "GlobalStandard", "eastus2", (part,))


def month(**fields: Any) -> PeriodInputs:
    """March 2026 in UTC and USD."""
    defaults: dict[str, Any] = {
        "period": PERIOD,
        "catalogue": catalogue(),
        "terms": Terms(),
        "decimals": 6,
    }
    return PeriodInputs(**(defaults | fields))


async def published(
    records: Sequence[UsageRecord], *, writers: Writers = (), **fields: Any
) -> tuple[Manifest, dict[str, bytes]]:
    """What publishing these records gives; `fields` are those of the period."""
    reports = MemoryReports()
    books = ListedBooks(records)
    manifest = await publish(month(**fields), books, reports, writers=writers)  # type: ignore[arg-type]
    return manifest, reports.files


def rows_of(files: Mapping[str, bytes], name: str = "chargeback", period: str = PERIOD) -> list[dict[str, str]]:
    text = files[f"{period}/{name}-{period}.csv"].decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def summed(rows: Sequence[dict[str, str]], *by: str, of: str = "cost") -> dict[tuple[str, ...], Decimal]:
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[tuple(row[name] for name in by)] += Decimal(row[of] or 0)
    return dict(sums)
