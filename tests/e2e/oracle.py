"""What the month must say, worked out in a few lines that share nothing with the product but the column names."""

import csv
import io
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

PRICES = {"input_tokens": ("2.75", "5.5"), "cached_input_tokens": ("1.375", "2.75"), "output_tokens": ("11", "22")}
"""USD per million before and from noon, as `catalogue_folder` writes them."""

COLUMNS = [
    "billing_period",
    "charge_date",
    "cost_centre",
    "subscription_id",
    "product_id",
    "user",
    "company",
    "billing_code",
    "operation",
    "provider",
    "model",
    "deployment",
    "deployment_type",
    "region",
    "service_tier",
    "meter",
    "quantity",
    "unit",
    "unit_price",
    "price_unit",
    "currency",
    "cost",
    "state",
    "requests",
    "price_id",
    "tenant_id",
    "app_id",
    "user_object_id",
    "apim_user_id",
    "backend",
    "variant",
    "allocation_rule",
    "kind",
    "list_unit_price",
    "contracted_unit_price",
    "list_cost",
    "contracted_cost",
    "charge_id",
    "corrects_period",
    "corrects_charge_id",
    "shared_cost",
    "allocation_basis",
    "allocated_ratio",
    "pricing_currency",
    "exchange_rate",
    "exchange_rate_date",
    "exchange_rate_source",
    "correction_reason",
    "price_verified",
]
CHARGE_ID = COLUMNS.index("charge_id")
ORDER = [0, 1, *range(2, 15), 15, 20, 22, 24, *range(25, 32)]


def calls(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One event a call: the settled one for a stream, else the one there is."""
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        key = (event["source"], event["id"].removesuffix("/settled"))
        if key not in known or "settled" in event["type"]:
            known[key] = event
    return list(known.values())


def chargeback_csv(events: list[dict[str, Any]], period: str, dearer_from: str) -> bytes:
    """The month's CSV for events of the fixed shape that `traffic` makes; prices double at noon of `dearer_from`."""
    sums: dict[tuple[str, ...], int] = defaultdict(int)
    for event in calls(events):
        data, late = event["data"], event["time"] >= f"{dearer_from}T12"
        state = {"recorded": "exact", "rejected": "exact", "pending": "unsettled", "settled": "settled"}
        where = (event["time"][:10], data["username"], data["model"], state[event["type"].split(".")[2]])
        usage = data.get("usage") or {"prompt_tokens": 0, "completion_tokens": 0}
        cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
        sums[*where, "requests", ""] += 1
        for meter, quantity in (
            ("cached_input_tokens", cached),
            ("input_tokens", usage["prompt_tokens"] - cached),
            ("output_tokens", usage["completion_tokens"]),
        ):
            if quantity:
                sums[*where, meter, PRICES[meter][late] if data["model"] == "gpt-4o" else "?"] += quantity
    rows = sorted(
        (_row(period, dearer_from, key, quantity) for key, quantity in sums.items()),
        key=lambda row: [row[i] for i in ORDER],
    )
    _round(rows)
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([COLUMNS, *rows])
    return text.getvalue().encode()


def without_charge_ids(content: bytes) -> bytes:
    """Chargeback CSVs as `chargeback_csv` has them: ids are but names, so all that matters is that none comes twice."""
    rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    ids = [row[CHARGE_ID] for row in rows if row != COLUMNS]
    assert len(set(ids)) == len(ids)
    for row in rows:
        row[CHARGE_ID] = row[CHARGE_ID] if row == COLUMNS else ""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _row(period: str, dearer_from: str, key: tuple[str, ...], quantity: int) -> list[Any]:
    day, user, model, state, meter, price = key
    unit = meter if meter == "requests" else "tokens"
    start = {"2.75": "00", "1.375": "00", "11": "00", "5.5": "12", "22": "12"}.get(price, "")
    if meter == "cached_input_tokens" and price == "2.75":
        start = "12"
    known = price not in ("", "?")
    since = f"{dearer_from}T12Z" if start == "12" else "2024-01-01T00Z"
    cost: Any = Fraction(quantity) * Fraction(price) / 1_000_000 if known else Fraction(0)
    if price == "?" or state == "unsettled":
        cost = ""
    exact = "" if cost == "" else f"{cost.numerator * 10**12 // cost.denominator / Decimal(10**12):f}"
    exact = exact.rstrip("0").rstrip(".") if "." in exact else exact
    return [
        period, day, "product/search", "search", "standard", user, "", "", "chat.completions", "azure-openai", model,
        model, "DataZoneStandard", "swedencentral", "default", meter, quantity, unit, price if known else "",
        f"1000000 {unit}" if known else "", "USD", cost, "unpriced" if price == "?" else state,
        quantity if meter == "requests" else 0,
        f"azure-openai/gpt-4o/any/DataZoneStandard/default/{meter}@{since}"
        if known else "",
        "", "", "", "", "oai-swedencentral.openai.azure.com", "", "search",
        "usage", price if known else "", price if known else "", exact, exact, *[""] * 6,
        "USD", "1", "", "", "", "",
    ]  # fmt: skip


def _round(rows: list[list[Any]]) -> None:
    """Largest remainder over the one cost centre, whose amount is the total."""
    costs = [row for row in rows if row[21] != ""]
    units = [floor(row[21] * 10**6) for row in costs]
    missing = round(sum(row[21] for row in costs) * 10**6) - sum(units)
    by_remainder = sorted(range(len(costs)), key=lambda i: units[i] - costs[i][21] * 10**6)
    for i in by_remainder[:missing]:
        units[i] += 1
    for row, amount in zip(costs, units, strict=True):
        row[21] = f"{amount // 10**6}.{amount % 10**6:06}"
