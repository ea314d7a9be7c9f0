"""The reader of the Retail Prices API against a local server that pages, refuses and misleads."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chargeback.adapters.azure.retail_prices import read_retail_prices, saved_retail_prices
from chargeback.domain.errors import StoreUnavailable, UnusablePrices
from chargeback.domain.price_list.comparison import RetailPrice

Answer = web.Response | web.StreamResponse


def item(meter_id: str = "m1", **fields: Any) -> dict[str, Any]:
    return {
        "meterId": meter_id,
        "meterName": "4o Inp",
        "armRegionName": "eastus2",
        "unitOfMeasure": "1K",
        "retailPrice": 0.0025,
        "currencyCode": "USD",
        "effectiveStartDate": "2026-03-01T00:00:00Z",
        "type": "Consumption",
        "tierMinimumUnits": 0.0,
        "productName": "Azure OpenAI",
    } | fields


def page(*items: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    return {"BillingCurrency": "USD", "Items": list(items), "NextPageLink": following, "Count": len(items)}


class Asked:
    """What the server was asked, and how long the reader waited between its tries."""

    def __init__(self) -> None:
        self.queries: list[dict[str, str]] = []
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def read(
    answer: Callable[[web.Request, int], Awaitable[Answer] | Answer], *regions: str
) -> tuple[list[RetailPrice], Asked]:
    """The prices that a server with these answers leads to."""
    asked = Asked()

    async def handle(request: web.Request) -> Answer:
        asked.queries.append(dict(request.query))
        found = answer(request, len(asked.queries))
        return await found if isinstance(found, Awaitable) else found

    async def run() -> list[RetailPrice]:
        app = web.Application()
        app.router.add_get("/api/retail/prices", handle)
        async with TestServer(app) as server:
            api = str(server.make_url("/api/retail/prices"))
            return await read_retail_prices(regions or ("eastus2",), api=api, sleep=asked.sleep)

    return asyncio.run(run()), asked


def test_every_page_of_every_region_is_read_in_order() -> None:
    def answer(request: web.Request, count: int) -> Answer:
        if "skip" in request.query:
            return web.json_response(page(item(f"{count}", retailPrice=2.8e-05)))
        return web.json_response(page(item(f"{count}"), following=f"{request.url.origin()}/api/retail/prices?skip=1"))

    prices, asked = read(answer, "eastus2", "swedencentral")

    assert [price.meter_id for price in prices] == ["1", "2", "3", "4"]
    assert [price.amount for price in prices[:2]] == [Decimal("0.0025"), Decimal("0.000028")]
    assert prices[0].since == datetime(2026, 3, 1, tzinfo=UTC)
    assert asked.queries[2] == {
        "api-version": "2023-01-01-preview",
        "currencyCode": "'USD'",
        "$filter": "serviceName eq 'Foundry Models' and armRegionName eq 'swedencentral'"
        " and priceType eq 'Consumption'",
    }


def test_a_busy_server_is_asked_again_after_as_long_as_it_says() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    refusals = [
        web.Response(status=429, headers={"Retry-After": "7"}),
        web.Response(status=503, headers={"Retry-After": until}),
        web.Response(status=503, headers={"Retry-After": "86400"}),
        web.Response(status=500),
    ]

    prices, asked = read(
        lambda _, count: refusals[count - 1] if count <= len(refusals) else web.json_response(page(item()))
    )

    assert len(prices) == 1
    seven, half_a_minute, longest, own = asked.waits
    assert seven == 7
    assert 25 < half_a_minute <= 30
    assert longest == 60
    assert 8 <= own <= 12


def test_a_server_that_stays_busy_is_given_up() -> None:
    with pytest.raises(StoreUnavailable, match="429 Too Many Requests"):
        read(lambda *_: web.Response(status=429))


def test_a_refusal_is_not_asked_again() -> None:
    counts: list[int] = []

    def answer(_: web.Request, count: int) -> Answer:
        counts.append(count)
        return web.Response(status=400)

    with pytest.raises(StoreUnavailable, match="400 Bad Request"):
        read(answer)

    assert counts == [1]


def test_a_broken_connection_is_tried_again() -> None:
    async def answer(request: web.Request, count: int) -> Answer:
        if count <= 3:  # the client library itself tries once more without saying so
            assert request.transport is not None
            request.transport.close()
        return web.json_response(page(item()))

    prices, asked = read(answer)

    assert len(prices) == 1
    assert asked.waits


@pytest.mark.parametrize(
    "link", ["http://127.0.0.2:1/prices", "https://prices.example/prices", "file:///etc/passwd", "http://["]
)
def test_a_link_to_another_server_is_not_followed(link: str) -> None:
    with pytest.raises(UnusablePrices, match="the price list goes on at"):
        read(lambda *_: web.json_response(page(item(), following=link)))


def test_a_redirect_to_another_server_is_not_followed() -> None:
    with pytest.raises(StoreUnavailable, match="302"):
        read(lambda *_: web.Response(status=302, headers={"Location": "http://127.0.0.2:1/prices"}))


def test_a_list_without_end_is_given_up() -> None:
    with pytest.raises(UnusablePrices, match="stopped after 500 pages"):
        read(lambda request, _: web.json_response(page(following=str(request.url))))


def test_prices_in_another_currency_are_refused() -> None:
    with pytest.raises(UnusablePrices, match="m1 is priced in EUR: only prices in USD"):
        read(lambda *_: web.json_response(page(item(currencyCode="EUR"))))


def test_reservations_and_volume_discounts_are_left_out() -> None:
    reserved, discounted = item("r", type="Reservation", currencyCode="EUR"), item("d", tierMinimumUnits=1000.0)

    prices, _ = read(lambda *_: web.json_response(page(reserved, discounted, item("kept"))))

    assert [price.meter_id for price in prices] == ["kept"]


@pytest.mark.parametrize("body", ["<html>", "[]", '{"Items": [{"meterId": 1}]}'])
def test_an_answer_that_is_no_price_list_is_refused(body: str) -> None:
    with pytest.raises(UnusablePrices, match="not a page of retail prices"):
        read(lambda *_: web.Response(text=body))


def test_a_region_that_could_change_the_filter_is_refused() -> None:
    with pytest.raises(UnusablePrices, match="is not an Azure region"):
        read(lambda *_: web.json_response(page()), "x' or 1 eq 1")


def test_saved_answers_are_read_as_the_server_gave_them(tmp_path: Path) -> None:
    files = [tmp_path / "1.json", tmp_path / "2.json"]
    for number, file in enumerate(files):
        file.write_text(json.dumps(page(item(f"{number}"), following="https://elsewhere.example")))

    assert [price.meter_id for price in saved_retail_prices(files)] == ["0", "1"]


def test_a_saved_answer_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusablePrices, match="No such file"):
        saved_retail_prices([tmp_path / "none.json"])
