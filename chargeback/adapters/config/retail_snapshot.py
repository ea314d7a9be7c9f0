"""Checks that the rate card does not contradict the committed snapshot of the provider's price list."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from chargeback.adapters.config.entries import Record, Sections, each, sections
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.published_units import prices_per_million, unit_faults
from chargeback.adapters.config.yaml_files import line_number, read
from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.deployments.served_model import ANY
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import to_text
from chargeback.domain.price_list.comparison import Prices, price_on_card
from chargeback.domain.usage.tiers import DEFAULT_TIER

FILE = "retail-snapshot.yaml"


class _Fact(Record, frozen=True):
    name: str
    seen: date
    provider: str
    model: str
    deployment_types: list[DeploymentType]
    per_million: dict[str, Any]
    since: date | None = None
    versions: list[str] | None = None
    service_tier: str = DEFAULT_TIER
    regions: list[str] | None = None
    zones: list[str] | None = None
    variant: str = ""


SECTIONS = Sections({"prices": list[_Fact]})


class Checked(NamedTuple):
    """How many prices were compared, and what contradicts the card, each as `file:line: place: reason`."""

    compared: int
    faults: list[str]


def check_snapshot(folder: Path, prices: Prices) -> Checked:
    """Compare the snapshot of a folder with a card; raises `InvalidConfig` where it cannot be read."""
    path, faults = path_of(folder, FILE), list[str]()
    top = sections(read(path), SECTIONS, faults)
    facts = list(each(top["prices"], _Fact, "prices", faults))
    faults.extend(
        f"{place}.{fault}" for place, fact in facts for fault in unit_faults({"perMillion": fact.per_million})
    )
    if faults:
        raise InvalidConfig([_with_line(path, fault) for fault in faults])
    found = [(place, fact, key, amount) for place, fact in facts for key, amount in _priced(fact)]
    wrong = [
        f"{place}.perMillion.{key.meter}: {fact.name!r} had {to_text(amount)} on {day}, the card {said}"
        for place, fact, key, amount in found
        for day in dict.fromkeys(filter(None, (fact.since, fact.seen)))
        if (said := _on_card(prices, key, day)) != to_text(amount)
    ]
    return Checked(len(found), [_with_line(path, fault) for fault in wrong])


def _priced(fact: _Fact) -> Iterator[tuple[PriceKey, Any]]:
    places = [*(fact.regions or []), *(fact.zones or [])] or [ANY]
    each_of = (
        fact.versions or [ANY],
        fact.deployment_types,
        places,
        prices_per_million({"perMillion": fact.per_million}),
    )
    for version, kind, place, (meter, amount) in product(*each_of):
        key = PriceKey(fact.provider, fact.model, version, kind, fact.service_tier, place, fact.variant, meter)
        yield key, amount


def _on_card(prices: Prices, key: PriceKey, day: date) -> str:
    price = price_on_card(prices, key, datetime(day.year, day.month, day.day, tzinfo=UTC))[1]
    return to_text(price.list_per_million) if price else "none"


def _with_line(path: Path, fault: str) -> str:
    place, _, reason = fault.partition(": ")
    return f"{path.name}:{line_number(path, place)}: {place}: {reason}"
