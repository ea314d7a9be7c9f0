"""The public price list: a page with something hostile in it is used row by row, or refused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from chargeback.adapters.azure.retail_prices import saved_retail_prices
from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.retail_meters import load_retail_meters
from chargeback.domain.errors import UnusablePrices
from chargeback.domain.price_list.comparison import compare
from stack.example import EXAMPLE_CONFIG
from tests.fuzz.mutations import damaged, mutated

_CATALOGUE = load_catalogue(EXAMPLE_CONFIG)
_TABLE = load_retail_meters(EXAMPLE_CONFIG).meters
_NOW = datetime(2026, 3, 14, tzinfo=UTC)


def _item(meter_id: str, region: str) -> dict[str, Any]:
    return {
        "meterId": meter_id,
        "meterName": "gpt 4o 1120 Inp glbl Tokens",
        "productName": "Azure OpenAI",
        "armRegionName": region,
        "unitOfMeasure": "1K",
        "retailPrice": 0.0025,
        "currencyCode": "USD",
        "effectiveStartDate": "2024-11-20T00:00:00Z",
        "type": "Consumption",
        "tierMinimumUnits": 0.0,
    }


_PAGE = {
    "Items": [_item(meter.meter_id, meter.region or "swedencentral") for meter in list(_TABLE.values())[:5]],
    "NextPageLink": None,
}


def attempt(random: Random) -> None:
    """Read a changed page and compare it with the card."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "page.json"
        file.write_bytes(_changed(random))
        try:
            prices = saved_retail_prices([file])
        except UnusablePrices:
            return
    found = compare(prices, _TABLE, _CATALOGUE.prices, {"swedencentral"}, _NOW)
    for difference in found.differences:
        assert 0 <= difference.new < 10**13, difference
        assert difference.since.year > 1970, difference


def _changed(random: Random) -> bytes:
    if random.random() < 0.3:
        return damaged(json.dumps(_PAGE).encode(), random)
    return json.dumps(mutated(_PAGE, random)).encode("utf-8", "surrogatepass")
