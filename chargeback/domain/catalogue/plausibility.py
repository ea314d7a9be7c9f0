"""Which prices are implausible: a decimal point in the wrong place, or a price in the wrong unit or column."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import combinations
from statistics import median

from chargeback.domain.catalogue.prices import Dated, Price, PriceKey, price_at
from chargeback.domain.money.exact import to_text
from chargeback.domain.money.numerals import grouped
from chargeback.domain.usage.meters import Meter

FACTOR = 1_000
"""How far apart two prices of one kind are at least when one of them is in the wrong unit."""

LARGEST_PRICE = Decimal(10) ** 13
"""A price per million above that is refused; up to it every file is exact, at any exchange rate."""

_INPUT_OVER_OUTPUT = 10
"""Input never costs this many times the output of the same model."""

_TEXT = (Meter.INPUT, Meter.CACHED_INPUT, Meter.CACHE_WRITE, Meter.CACHE_WRITE_1H, Meter.OUTPUT, Meter.REASONING)

Listed = Mapping[PriceKey, Dated]
Implausible = tuple[Price, str]


def implausible_prices(listed: Listed) -> Iterator[Implausible]:
    """Prices that cannot be right, each with the reason. A price of 0 is intended and never compared."""
    yield from _far_from_neighbours(listed)
    yield from _out_of_proportion(listed)


def far_from_list(prices: Listed) -> Iterator[Implausible]:
    """Contracted prices that cannot be right, compared with the list price."""
    for dated in prices.values():
        for price in dated:
            if _apart(price.contracted_per_million, price.list_per_million):
                yield price, f"{to_text(price.contracted_per_million)} is {FACTOR} times off {_money(price)}"


def too_large(price: Price) -> str:
    """Why a price with its markup is too large for the files; empty where it is not."""
    most = max(price.list_per_million, price.contracted_per_million, price.per_million)
    return (
        f"{grouped(most)} {price.currency} per million is above {grouped(LARGEST_PRICE)}"
        if most > LARGEST_PRICE
        else ""
    )


def _far_from_neighbours(listed: Listed) -> Iterator[Implausible]:
    """Why a price is far from the same meter of the same model for other versions, types, tiers, regions and times."""
    neighbours: dict[tuple[str, str, Meter], list[Price]] = {}
    for key, dated in listed.items():
        neighbours.setdefault((key.provider, key.model, key.meter), []).extend(dated)
    for prices in neighbours.values():
        amounts = [price.list_per_million for price in prices if price.list_per_million]
        if len(amounts) < 2 or max(amounts) < FACTOR * min(amounts):
            continue
        for index, price in enumerate(each for each in prices if each.list_per_million):
            usual = median(amounts[:index] + amounts[index + 1 :])
            if _apart(price.list_per_million, usual):
                yield price, f"{_money(price)} is {FACTOR} times off the model's other prices, such as {to_text(usual)}"


def _out_of_proportion(listed: Listed) -> Iterator[Implausible]:
    """Why a price is out of proportion to the other text meters of the same entry."""
    for key in listed:
        if key.meter is not Meter.INPUT:
            continue
        for price in listed[key]:
            beside = {meter: _beside(listed, key, meter, price) for meter in _TEXT}
            yield from _disproportions({meter: other for meter, other in beside.items() if other is not None})


def _disproportions(beside: Mapping[Meter, Price]) -> Iterator[Implausible]:
    one, cached, out = (beside.get(meter) for meter in (Meter.INPUT, Meter.CACHED_INPUT, Meter.OUTPUT))
    if one and cached and cached.list_per_million > one.list_per_million > 0:
        yield cached, f"cached input at {_money(cached)} costs more than input at {_money(one)}"
    if one and out and one.list_per_million > _INPUT_OVER_OUTPUT * out.list_per_million > 0:
        yield one, f"input at {_money(one)} costs over {_INPUT_OVER_OUTPUT} times what output does, {_money(out)}"
    for first, second in combinations(beside.values(), 2):
        if _apart(second.list_per_million, first.list_per_million):
            low, high = sorted((first, second), key=lambda price: price.list_per_million)
            yield high, f"{_money(high)} is over {FACTOR} times {_money(low)} for {low.meter}"


def _beside(listed: Listed, key: PriceKey, meter: Meter, price: Price) -> Price | None:
    """The price of another meter when `price` took effect."""
    return price_at(listed.get(key._replace(meter=meter), ()), price.effective.first)


def _apart(one: Decimal, other: Decimal) -> bool:
    low, high = sorted((one, other))
    return low > 0 and high >= low * FACTOR


def _money(price: Price) -> str:
    return f"{to_text(price.list_per_million)} {price.currency}"
