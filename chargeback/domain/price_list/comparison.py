"""Where the provider's public price list and the rate card differ, matched through a reviewed table of meters.

The names of retail meters are abbreviations that change from model to model, so they are never read: only a meter
whose id somebody has looked up and put into the table is compared.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from chargeback.domain.catalogue.prices import Dated, Price, PriceKey, places_of, price_at
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.deployments.served_model import ANY
from chargeback.domain.money.exact import EXACT, PRICE_DECIMALS, to_text
from chargeback.domain.price_list.coverage import Coverage, MeterSeen, Uncompared, coverage
from chargeback.domain.usage.meters import Meter

_COUNTS = {"1": 1, "100": 100, "1K": 1_000, "1M": 1_000_000}
_SECONDS = {"1 Second": 1, "1 Hour": 3_600, "1/Hour": 3_600}
_EVERYWHERE = {"", "Global"}
_YEARS = range(2000, 2200)
_TOO_HIGH = 10**6
"""A price of one unit that nothing has."""

Prices = Mapping[PriceKey, Dated]


@dataclass(frozen=True, slots=True)
class RetailPrice:
    """One row of the list: what `unit` of a meter costs in a region since a moment."""

    meter_id: str
    meter_name: str
    product: str
    region: str
    unit: str
    amount: Decimal
    since: datetime


@dataclass(frozen=True, slots=True)
class ReviewedMeter:
    """A retail meter that somebody has looked up: its name then, where it is sold, and the prices that it stands for.

    The keys name no region: it is the row's.
    """

    meter_id: str
    name: str
    region: str
    keys: tuple[PriceKey, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A price on which list and card do not agree.

    Attributes:
        key: what it is for; without a region where the card has one price for every region and so has the list.
        old_key, old: the card's price, None where it has none.
        new: the list's price per million.
        since: when that took effect.
        meter_ids: the rows that say so.
    """

    key: PriceKey
    old_key: PriceKey | None
    old: Price | None
    new: Decimal
    since: datetime
    meter_ids: tuple[str, ...]

    @property
    def is_of_a_region(self) -> bool:
        """Whether the card's general price stays, and a region gets one of its own."""
        return self.old_key is not None and self.key.region != self.old_key.region

    @property
    def corrects(self) -> bool:
        """Whether the card's price was wrong from its first hour, and not replaced by a later one."""
        return self.old is not None and not self.is_of_a_region and self.since <= self.old.effective.first


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing list and card.

    Attributes:
        equal: the prices of the card that the list confirms, by id.
        differences: the prices to look at.
        unknown: rows of the list whose meter is not in the table.
        absent: meters of the table, in the regions asked for, that the list does not have.
        refused: rows that cannot be used, each with the reason.
        coverage: how many prices of the card could be compared, and why the others could not.
    """

    equal: frozenset[str]
    differences: tuple[Difference, ...]
    unknown: tuple[RetailPrice, ...]
    absent: tuple[ReviewedMeter, ...]
    refused: tuple[str, ...]
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class _Seen:
    """A row with the card's price for the same thing."""

    key: PriceKey
    old_key: PriceKey | None
    old: Price | None
    new: Decimal
    since: datetime
    meter_id: str

    @property
    def agrees(self) -> bool:
        return self.old is not None and self.old.list_per_million == self.new


def compare(
    rows: Iterable[RetailPrice],
    table: Mapping[str, ReviewedMeter],
    prices: Prices,
    regions: Iterable[str],
    now: datetime,
) -> Comparison:
    """The list against the card, as of `now` or, for a price that is announced, as of its first hour."""
    latest = _latest(rows)
    refused: list[str] = []
    seen = [
        each
        for row in latest.values()
        if row.meter_id in table
        for each in _beside(row, table[row.meter_id], prices, now, refused)
    ]
    asked = set(regions) | _EVERYWHERE
    compared = {each.meter_id for each in seen}
    return Comparison(
        equal=frozenset(each.old.price_id for each in seen if each.old is not None and each.agrees),
        differences=tuple(_differences(seen)),
        unknown=tuple(row for row in latest.values() if row.meter_id not in table),
        absent=tuple(each for each in table.values() if each.meter_id not in latest and each.region in asked),
        refused=tuple(refused),
        coverage=coverage(prices, (_seen(each, prices, latest, compared, asked, now) for each in table.values()), now),
    )


def _seen(
    reviewed: ReviewedMeter,
    prices: Prices,
    latest: Mapping[str, RetailPrice],
    compared: Container[str],
    asked: Container[str],
    now: datetime,
) -> MeterSeen:
    region = ANY if reviewed.region in _EVERYWHERE else reviewed.region
    row = latest.get(reviewed.meter_id)
    moment = now if row is None or row.since.year not in _YEARS else max(now, row.since)
    found = (price_on_card(prices, key._replace(region=region), moment)[0] for key in reviewed.keys)
    keys = [key for key in found if key is not None]
    if reviewed.meter_id in compared:
        return MeterSeen(keys, None)
    if row is not None:
        return MeterSeen(keys, Uncompared.REFUSED)
    return MeterSeen(keys, Uncompared.NOT_IN_LIST if reviewed.region in asked else Uncompared.OTHER_REGION)


def per_million(row: RetailPrice, meter: Meter) -> Decimal:
    """The price per million units of our meter; raises ValueError for a unit that is not known for it."""
    known = _SECONDS if meter in (Meter.AUDIO_SECONDS, Meter.TRAINING_TIME) else _COUNTS
    if row.unit not in known:
        raise ValueError(f"unit {row.unit!r} is not one of {', '.join(known)} for {meter}")
    if not row.amount.is_finite() or not 0 <= row.amount < _TOO_HIGH:
        raise ValueError(f"{row.amount} is not a price")
    scaled = Fraction(row.amount) * 1_000_000 / known[row.unit] * 10**PRICE_DECIMALS
    if scaled.denominator != 1 and known is not _SECONDS:
        raise ValueError(f"{to_text(row.amount)} for {row.unit!r} has over {PRICE_DECIMALS} places per million")
    return Decimal(to_text(EXACT.scaleb(Decimal(round(scaled)), -PRICE_DECIMALS)))  # as on the card, half to even


def _latest(rows: Iterable[RetailPrice]) -> dict[str, RetailPrice]:
    """Each meter's last price: the list keeps announced ones beside those in force."""
    latest: dict[str, RetailPrice] = {}
    for row in rows:
        if row.meter_id not in latest or latest[row.meter_id].since <= row.since:
            latest[row.meter_id] = row
    return latest


def _time_fault(row: RetailPrice) -> str:
    return "" if row.since.year in _YEARS else f"{row.since.isoformat()} is not a time at which a price can begin"


def _beside(
    row: RetailPrice, reviewed: ReviewedMeter, prices: Prices, now: datetime, refused: list[str]
) -> Iterator[_Seen]:
    if fault := _time_fault(row):
        refused.append(f"{row.meter_id} ({row.meter_name}): {fault}")
        return
    if row.region != reviewed.region:
        refused.append(f"{row.meter_id} ({row.meter_name}): is of region {row.region!r}, not of {reviewed.region!r}")
        return
    if not _is_called(row.meter_name, reviewed.name):
        refused.append(f"{row.meter_id} is called {row.meter_name!r} now, and was {reviewed.name!r}: look it up again")
        return
    region = ANY if row.region in _EVERYWHERE else row.region
    for key in reviewed.keys:
        try:
            new = per_million(row, key.meter)
        except ValueError as error:
            refused.append(f"{row.meter_id} ({row.meter_name}): {error}")
            continue
        key_there = key._replace(region=region)
        old_key, old = price_on_card(prices, key_there, max(now, row.since))
        yield _Seen(key_there, old_key, old, new, row.since, row.meter_id)


def _is_called(name: str, reviewed: str) -> bool:
    """Whether a meter still has its name; case and blanks say nothing. An id whose name changed may mean another."""
    return name.casefold().split() == reviewed.casefold().split()


def price_on_card(prices: Prices, key: PriceKey, moment: datetime) -> tuple[PriceKey | None, Price | None]:
    """The card's price, preferring a region's and a version's own, as rating does."""
    for region in places_of(key.region):
        for version in dict.fromkeys((key.version, ANY)):
            found = key._replace(region=region, version=version)
            if price := price_at(prices.get(found, ()), moment):
                return found, price
    return None, None


def _differences(seen: list[_Seen]) -> Iterator[Difference]:
    def general(each: _Seen) -> tuple[PriceKey, str]:
        return each.key._replace(region=ANY), each.old_key.region if each.old_key else ANY

    for (key, card_region), group in groupby(sorted(seen, key=lambda each: (general(each), each.key)), key=general):
        observed = list(group)
        one_price = len({each.new for each in observed}) == 1
        if one_price and key.deployment_type is not DeploymentType.STANDARD:
            if not observed[0].agrees:
                yield _difference(key._replace(region=card_region), observed)
        else:  # what regional deployments cost in the regions that were looked at says nothing about others
            for each in observed:
                if not each.agrees:
                    yield _difference(each.key, [each])


def _difference(key: PriceKey, observed: list[_Seen]) -> Difference:
    first = observed[0]
    return Difference(
        key=key,
        old_key=first.old_key,
        old=first.old,
        new=first.new,
        since=min(each.since for each in observed),
        meter_ids=tuple(sorted({each.meter_id for each in observed})),
    )
