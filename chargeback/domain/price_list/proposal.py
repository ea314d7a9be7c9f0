"""Which entries of the rate card a proposal closes, adds or corrects, from the differences found. A person decides."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from chargeback.domain.catalogue.prices import PriceKey, price_at
from chargeback.domain.deployments.regions import ZONES
from chargeback.domain.deployments.served_model import ANY
from chargeback.domain.money.exact import to_text
from chargeback.domain.price_list.comparison import Difference, Prices
from chargeback.domain.usage.tiers import DEFAULT_TIER

Entry = dict[str, Any]

_MERGED = ("versions", "regions", "zones", "deploymentTypes")


def proposal(differences: Iterable[Difference], prices: Prices, read_on: str) -> dict[str, list[Entry]]:
    """The changes in the words of the rate card: prices to close, entries to add, prices to correct in place.

    An entry that is added repeats the prices of the closed one that did not change, so that the whole entry can go.
    """
    later = [each for each in differences if not each.corrects]
    return {
        "close": [_closed(each) for each in later if each.old is not None and not each.is_of_a_region],
        "add": list(_added(later, prices, read_on)),
        "correct": [_corrected(each, read_on) for each in differences if each.corrects],
    }


def _closed(difference: Difference) -> Entry:
    assert difference.old is not None
    return {"priceId": difference.old.price_id, "effectiveTo": _hour(difference.since)}


def _corrected(difference: Difference, read_on: str) -> Entry:
    assert difference.old is not None
    return {
        "priceId": difference.old.price_id,
        "meter": difference.key.meter.value,
        "old": to_text(difference.old.list_per_million),
        "perMillion": to_text(difference.new),
        "source": _source(difference.meter_ids, difference.since, read_on),
    }


def _added(differences: list[Difference], prices: Prices, read_on: str) -> Iterator[Entry]:
    entries: dict[tuple[Any, ...], Entry] = {}
    for each in differences:
        group = (*each.key[:-1], each.since)
        entry = entries.setdefault(group, _entry(each.key, each.since))
        if each.old_key is not None and not each.is_of_a_region:
            for meter, amount in _unchanged(each.old_key, prices, each.since):
                entry["perMillion"].setdefault(meter, amount)
        entry["perMillion"][each.key.meter.value] = to_text(each.new)
        entry["meterIds"].update(each.meter_ids)
    merged = list(entries.values())
    for name in _MERGED:
        merged = _merge(merged, name)
    for entry in merged:
        meter_ids, since = entry.pop("meterIds"), entry.pop("since")
        prices_of_entry = entry.pop("perMillion")
        sourced = entry | {"source": _source(meter_ids, since, read_on), "perMillion": prices_of_entry}
        yield {name: value for name, value in sourced.items() if value not in ([], "")}


def _entry(key: PriceKey, since: datetime) -> Entry:
    return {
        "provider": key.provider,
        "model": key.model,
        "versions": [key.version] if key.version != ANY else [],
        "deploymentTypes": [key.deployment_type.value],
        "serviceTier": key.service_tier if key.service_tier != DEFAULT_TIER else "",
        "regions": [key.region] if key.region not in (ANY, *ZONES) else [],
        "zones": [key.region] if key.region in ZONES else [],
        "variant": key.variant,
        "effectiveFrom": _hour(since),
        "perMillion": {},
        "meterIds": set(),
        "since": since,
    }


def _unchanged(key: PriceKey, prices: Prices, moment: datetime) -> Iterator[tuple[str, str]]:
    for other, dated in prices.items():
        if other[:-1] == key[:-1] and (price := price_at(dated, moment)):
            yield other.meter.value, to_text(price.list_per_million)


def _merge(entries: list[Entry], name: str) -> list[Entry]:
    """Entries that differ in nothing but the values of one list become one."""
    merged: list[Entry] = []
    for entry in entries:
        twin = next((each for each in merged if each[name] and entry[name] and _same_but(each, entry, name)), None)
        if twin is None:
            merged.append(entry)
        else:
            twin[name] = sorted({*twin[name], *entry[name]})
            twin["meterIds"].update(entry["meterIds"])
    return merged


def _same_but(one: Entry, other: Entry, name: str) -> bool:
    return all(one[each] == other[each] for each in one if each not in (name, "meterIds"))


def _source(meter_ids: Iterable[str], since: datetime, read_on: str) -> str:
    ids = ", ".join(sorted(meter_ids))
    return f"Azure Retail Prices API, meters {ids}, in effect since {since:%Y-%m-%d}, read {read_on}"


def _hour(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
