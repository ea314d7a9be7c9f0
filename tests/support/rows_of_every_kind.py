"""Rows of every kind that a period can have, and what is made of them, for the tests of the files for other tools."""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.services.publishing.files import Files
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.running.progress import Progress, ignore_progress
from tests.support.period_tables import PERIOD, row

Writer = Callable[[PeriodTables, Files, Progress], Awaitable[None]]


def costs(amount: str | None) -> dict[str, Decimal | None]:
    """The same amount for every cost of a row."""
    each = None if amount is None else Decimal(amount)
    return dict.fromkeys(("cost", "exact_cost", "list_cost", "contracted_cost"), each)


def priced(amount: str | None) -> dict[str, Decimal | None]:
    """The same amount for every price of a row."""
    each = None if amount is None else Decimal(amount)
    return dict.fromkeys(("list_unit_price", "contracted_unit_price", "unit_price"), each)


def free_calls(**fields: Any) -> dict[str, Any]:
    named = {"meter": "requests", "unit": "requests", "quantity": Decimal(3), "requests": 3}
    return row(**named, price_id="", price_unit="", **priced(None), **costs("0"), **fields)


def shared(ratio: str, **fields: Any) -> dict[str, Any]:
    """A part of 1 000 USD for a reservation."""
    split = {"kind": "shared", "shared_cost": "ptu-east", "allocation_basis": "usage", "price_id": "ptu-east"}
    share = {"quantity": Decimal(ratio), "allocated_ratio": Decimal(ratio), "unit": "share", "price_unit": "1 share"}
    nowhere = dict.fromkeys(("subscription_id", "product_id", "app_id", "deployment", "model", "backend", "user"), "")
    amount = str(1000 * Decimal(ratio))
    return row(**split, **share, **nowhere, meter="provisioned", **priced("1000"), **costs(amount)) | fields


def correction(amount: str = "-0.25", **fields: Any) -> dict[str, Any]:
    """100 000 tokens less in February."""
    link = {
        "kind": "correction",
        "corrects_period": "2026-02",
        "corrects_charge_id": "c" * 32,
        "correction_reason": "recounted",
    }
    when = {"charge_date": "2026-02-11", "quantity": Decimal(-100_000)}
    return row(**link, **when, **costs(amount)) | fields


def every_kind() -> list[dict[str, Any]]:
    """Costs sum to 1005.5025: 2.50 + 0.0025 + 1.25 + 2 + 0 + 250 + 750 - 0.25."""
    cached = {"meter": "cached_input_tokens", **priced("1.25"), **costs("1.25")}
    return [
        row(),
        row(user="bob@example.com", quantity=Decimal(1000), **costs("0.0025")),
        row(charge_date="2026-03-15", price_id="card/cached_input_tokens@2024-08-06T00Z", **cached),
        row(charge_date="2026-03-31", cost_centre="unallocated", **(priced("2") | costs("2")), state="estimated"),
        free_calls(),
        row(state="unpriced", price_id="", **priced(None), **costs(None), meter="output_tokens"),
        shared("0.25", charge_date="2026-03-01"),
        shared("0.75", charge_date="2026-03-01", cost_centre="product"),
        correction(),
    ]


def written(writer: Writer, tables: PeriodTables) -> dict[str, bytes]:
    """The files that a writer makes, by name."""
    reports = MemoryReports()
    asyncio.run(writer(tables, Files(reports), ignore_progress))
    return {path.removeprefix(f"{PERIOD}/"): content for path, content in reports.files.items()}


def csv_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))
