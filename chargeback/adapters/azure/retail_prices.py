"""Reads the provider's public prices from the Azure Retail Prices API, page by page, with retries while it is busy."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from chargeback.domain.errors import StoreUnavailable, UnusablePrices
from chargeback.domain.price_list.comparison import RetailPrice

API = "https://prices.azure.com/api/retail/prices"
SERVICE = "Foundry Models"

_VERSION = "2023-01-01-preview"
_MOST_PAGES = 500
_TRIES = 6
_LONGEST_WAIT = 60.0
_BUSY = {429, 500, 502, 503, 504}
_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=15)

Sleep = Callable[[float], Awaitable[None]]


class _Item(msgspec.Struct, frozen=True, rename="camel"):
    meter_id: str
    meter_name: str
    product_name: str
    arm_region_name: str
    unit_of_measure: str
    retail_price: Decimal
    currency_code: str
    effective_start_date: Annotated[datetime, msgspec.Meta(tz=True)]
    type: str
    tier_minimum_units: Decimal = Decimal(0)


class _Page(msgspec.Struct, frozen=True, rename="pascal"):
    items: list[_Item]
    next_page_link: str | None = None


async def read_retail_prices(
    regions: Sequence[str], *, api: str = API, sleep: Sleep = asyncio.sleep
) -> list[RetailPrice]:
    """The consumption prices of the models in these regions, which are case-sensitive.

    Raises `StoreUnavailable` when the API cannot be read, `UnusablePrices` when its answer cannot be used.
    """
    prices: list[RetailPrice] = []
    pages = 0
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        for region in regions:
            link: URL | None = _first(api, region)
            while link is not None:
                pages += 1
                if pages > _MOST_PAGES:
                    raise UnusablePrices(f"the price list has no end: stopped after {_MOST_PAGES} pages")
                page = _page(await _get(session, link, sleep), str(link))
                prices.extend(_prices(page))
                link = _next(page, link)
    return prices


def saved_retail_prices(files: Sequence[Path]) -> list[RetailPrice]:
    """The prices of saved answers, each file one page as the API gave it."""
    prices: list[RetailPrice] = []
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UnusablePrices(f"{file}: {error.strerror}") from error
        prices.extend(_prices(_page(content, str(file))))
    return prices


def _first(api: str, region: str) -> URL:
    if not region.isalnum():
        raise UnusablePrices(f"{region!r} is not an Azure region such as swedencentral")
    wanted = f"serviceName eq '{SERVICE}' and armRegionName eq '{region}' and priceType eq 'Consumption'"
    query = urlencode({"api-version": _VERSION, "currencyCode": "'USD'", "$filter": wanted}, quote_via=quote)
    return URL(f"{api}?{query}", encoded=True)


def _next(page: _Page, link: URL) -> URL | None:
    """The address of the next page, on the same server: a link elsewhere is not followed."""
    if not page.next_page_link:
        return None
    try:
        following = URL(page.next_page_link, encoded=True)
        same = _server(following) == _server(link)
    except ValueError:
        same = False
    if not same:
        raise UnusablePrices(f"the price list goes on at {page.next_page_link!r}, which is not on {link.host}")
    return following


def _server(link: URL) -> tuple[str, str | None, int | None]:
    return link.scheme, link.host, link.port  # the port is there even where the link leaves it out


async def _get(session: aiohttp.ClientSession, link: URL, sleep: Sleep) -> bytes:
    """One page; a busy server is asked again, after as long as it says."""
    problem = ""
    for attempt in range(_TRIES):
        wait = min(2.0**attempt * random.uniform(1, 1.5), _LONGEST_WAIT)  # noqa: S311 spreads retries
        try:
            async with session.get(link, allow_redirects=False) as response:
                if response.status == 200:
                    return await response.read()
                problem = f"{response.status} {response.reason}"
                if response.status not in _BUSY:
                    break
                wait = _asked_to_wait(response.headers.get("Retry-After", ""), wait)
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = str(error) or type(error).__name__
        if attempt + 1 < _TRIES:
            await sleep(wait)
    raise StoreUnavailable(f"the Azure Retail Prices API does not answer {link}: {problem}")


def _asked_to_wait(retry_after: str, otherwise: float) -> float:
    """Seconds, from either form of the header; never longer than a minute."""
    if retry_after.isdigit():
        return min(float(retry_after), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return otherwise
    return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_WAIT)


def _page(content: bytes, place: str) -> _Page:
    try:
        return msgspec.json.decode(content, type=_Page)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnusablePrices(f"{place}: not a page of retail prices: {error}") from error


def _prices(page: _Page) -> Iterator[RetailPrice]:
    for item in page.items:
        if item.type != "Consumption" or item.tier_minimum_units:
            continue  # reservations, development prices and volume discounts are nobody's price per token
        if item.currency_code != "USD":
            raise UnusablePrices(
                f"{item.meter_id} is priced in {item.currency_code}: only prices in USD are the source"
            )
        yield RetailPrice(
            item.meter_id,
            item.meter_name,
            item.product_name,
            item.arm_region_name,
            item.unit_of_measure,
            item.retail_price,
            _since(item),
        )


def _since(item: _Item) -> datetime:
    try:
        return item.effective_start_date.astimezone(UTC)
    except OverflowError:
        raise UnusablePrices(
            f"{item.meter_id}: {item.effective_start_date} is not a time at which a price can begin"
        ) from None
