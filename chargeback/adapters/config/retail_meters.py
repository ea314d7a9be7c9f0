"""Reads the reviewed table of retail meters: which meter id of the provider's price list belongs to which prices."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from chargeback.adapters.config.entries import Record, Sections, each, sections
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.yaml_files import line_number, read
from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.deployments.served_model import ANY
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.price_list.comparison import ReviewedMeter
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.tiers import DEFAULT_TIER, TIERS

FILE = "retail-meters.yaml"

_METER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Entry(Record, frozen=True):
    name: str
    provider: str
    model: str
    deployment_types: list[DeploymentType]
    meter: Meter
    source: str
    meter_ids: dict[str, str]
    versions: list[str] | None = None
    service_tier: str = DEFAULT_TIER
    variants: list[str] | None = None


class _Capacity(Record, frozen=True):
    word: str
    source: str


SECTIONS = Sections({"meters": list[_Entry]}, {"capacity": list[_Capacity]})


class RetailMeters(NamedTuple):
    """The reviewed table.

    Attributes:
        meters: by their ids.
        capacity: words in the names of meters that are for time, in lower case.
    """

    meters: dict[str, ReviewedMeter]
    capacity: tuple[str, ...]


def load_retail_meters(folder: Path) -> RetailMeters:
    """The table of a folder; raises `InvalidConfig` with every fault as `file:line: place: reason`."""
    faults: list[str] = []
    table = retail_meters(read(path_of(folder, FILE)), faults)
    if faults:
        places = (fault.partition(": ") for fault in faults)
        raise InvalidConfig(
            [f"{FILE}:{line_number(path_of(folder, FILE), place)}: {place}: {reason}" for place, _, reason in places]
        )
    return table


def retail_meter_faults(folder: Path) -> list[str]:
    """What is wrong with the table; without a table nothing is, because only comparing prices needs it."""
    try:
        if path_of(folder, FILE).exists():
            load_retail_meters(folder)
    except InvalidConfig as error:
        return error.faults
    return []


def retail_meters(document: object, faults: list[str]) -> RetailMeters:
    """The table of a document; what is wrong is appended to `faults`."""
    top = sections(document, SECTIONS, faults)
    table: dict[str, ReviewedMeter] = {}
    for place, entry in each(top["meters"], _Entry, "meters", faults):
        faults.extend(f"{place}.{fault}" for fault in _faults(entry))
        keys = tuple(_keys(entry))
        for region, meter_id in entry.meter_ids.items():
            if not _METER_ID.fullmatch(meter_id) or meter_id in table:
                faults.append(f"{place}.meterIds.{region}: {meter_id!r} is not a meter id, or occurs twice")
            table[meter_id] = ReviewedMeter(meter_id, entry.name, region, keys)
    words = [entry.word.casefold() for _, entry in each(top["capacity"] or [], _Capacity, "capacity", faults)]
    faults.extend(f"capacity[{index}].word: is empty" for index, word in enumerate(words) if not word.strip())
    return RetailMeters(table, tuple(words))


def _keys(entry: _Entry) -> Iterator[PriceKey]:
    each_of = product(entry.versions or [ANY], entry.deployment_types, entry.variants or [""])
    for version, deployment_type, variant in each_of:
        model = entry.model.casefold()
        yield PriceKey(entry.provider, model, version, deployment_type, entry.service_tier, ANY, variant, entry.meter)


def _faults(entry: _Entry) -> Iterator[str]:
    for name in ("name", "provider", "model", "source"):
        if not getattr(entry, name).strip():
            yield f"{name}: is empty"
    lists = ("versions", entry.versions), ("deploymentTypes", entry.deployment_types), ("variants", entry.variants)
    for name, values in lists:
        if values is not None and (not values or len(set(values)) < len(values)):
            yield f"{name}: names none, or one twice"
    if entry.service_tier not in TIERS:
        yield f"serviceTier: {entry.service_tier!r} is not one of {', '.join(TIERS)}"
    if not entry.meter_ids:
        yield "meterIds: names none"
