"""What calls cost on Azure, by part and deployment profile, from what was measured and from list prices.

Left out: tokens, API Management, private networking, free grants, and what Application Insights adds to a log line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Any

import yaml

from stack.example import ROOT

HOURS = 730
SECONDS = HOURS * 3600
DAYS = HOURS / 24
POSTINGS_A_DAY = 96
CONTAINERS = 3
"""Those of Cosmos DB that have throughput of their own (infra/modules/cosmos.bicep)."""

READY_GROUPS = 2
"""Groups of functions that are kept ready: HTTP and ingest_usage (infra/modules/functions.bicep)."""

ALL_GROUPS = 11
"""Groups of functions, each of which a zone-redundant app keeps two instances of (docs/deploy.md)."""

OPERATIONS_A_CALL = 2
"""Event Grid counts publishing an event and delivering it (azure.microsoft.com/pricing/details/event-grid)."""

SHORTEST_ACTIVITY = 1.0
"""Seconds: Flex Consumption bills an activity of an instance as one second at least
(learn.microsoft.com/azure/azure-functions/flex-consumption-plan#billing).
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a call and a record take.

    Attributes:
        cpu_seconds: processor time of the app for an event.
        commit_seconds: from an event to its acknowledgement, with nothing else to do.
        ledger_bytes_alone: in the ledger, for an event that is committed alone.
        ledger_bytes_together: for one that is committed with many.
        redis_bytes: for a call while its day is open.
        log_bytes: that a commit logs.
        write_units: request units to write a record.
        read_units: request units that a posting reads.
        publish_seconds: processor time to write every file, for a record.
        files: that publishing a month writes.
    """

    cpu_seconds: float
    commit_seconds: float
    ledger_bytes_alone: float
    ledger_bytes_together: float
    redis_bytes: float
    log_bytes: float
    write_units: float
    read_units: float
    publish_seconds: float
    files: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Calls of a month, evenly spread, that fall on so many lines each day."""

    calls: int
    lines: int

    @property
    def per_second(self) -> float:
        """Calls a second."""
        return self.calls / SECONDS


Prices = Mapping[str, float | None]
"""Price of one unit by key; None where it is not known."""

Cost = float | None
"""Dollars of a month; None where a price is not known."""


def load_prices() -> tuple[Prices, Mapping[str, Mapping[str, Any]]]:
    """The price of one unit by key, and the entries as they are in the table."""
    entries = yaml.safe_load((Path(__file__).parent / "azure_prices.yaml").read_text("utf-8"))["prices"]
    return {key: each["price"] and each["price"] / each["per"] for key, each in entries.items()}, entries


def load_profiles() -> Mapping[str, Mapping[str, Any]]:
    """The deployment profiles."""
    profiles: Mapping[str, Mapping[str, Any]] = yaml.safe_load((ROOT / "infra/profiles.yaml").read_text("utf-8"))
    return profiles


def costs(profile: Mapping[str, Any], traffic: Traffic, measured: Measured, prices: Prices) -> dict[str, Cost]:
    """Part → dollars of a month."""
    return {
        "ingest": _ingest(profile, traffic, measured, prices),
        "ledger": _ledger(profile, traffic, measured, prices),
        "Redis": _times(prices[f"redis.{profile['redisSku']}.node-hour"], _redis_nodes(profile) * HOURS),
        "Cosmos DB": _cosmos(profile, traffic, measured, prices),
        "publishing": _publishing(profile, traffic, measured, prices),
        "logs": _times(prices["log-analytics.gb"], _commits(traffic, measured) * measured.log_bytes / 1e9),
    }


def most_calls_in_redis(profile: Mapping[str, Any], measured: Measured) -> float:
    """Calls a month for which Redis has room: four open days, in four fifths of the memory."""
    memory = {"Balanced_B0": 0.5e9, "Balanced_B1": 1e9, "Balanced_B5": 6e9}[profile["redisSku"]]
    return memory * 0.8 / 4 / measured.redis_bytes * DAYS


def _redis_nodes(profile: Mapping[str, Any]) -> int:
    return 2 if profile["redisHighAvailability"] else 1


def _ingest(profile: Mapping[str, Any], traffic: Traffic, measured: Measured, prices: Prices) -> Cost:
    memory = profile["functionMemoryMB"] / 1024
    mode = "always-ready" if profile["functionAlwaysReady"] else "on-demand"
    busy = max(1 - exp(-traffic.per_second * SHORTEST_ACTIVITY), traffic.per_second * measured.cpu_seconds)
    return _sum(
        _times(prices["event-grid.operations"], OPERATIONS_A_CALL * traffic.calls),
        _times(prices[f"functions.{mode}.executions"], traffic.calls),
        _times(prices[f"functions.{mode}.gb-second"], busy * SECONDS * memory),
        _times(prices["functions.always-ready.baseline-gb-second"], _ready_instances(profile) * SECONDS * memory),
    )


def _ready_instances(profile: Mapping[str, Any]) -> int:
    ready: int = READY_GROUPS * profile["functionAlwaysReady"]
    if profile["functionZoneRedundant"]:
        ready = max(2, profile["functionAlwaysReady"]) * READY_GROUPS + 2 * (ALL_GROUPS - READY_GROUPS)
    return ready


def _commits(traffic: Traffic, measured: Measured) -> float:
    """One append and one log line each: a commit takes the events that came during the one before."""
    return traffic.calls / (1 + traffic.per_second * measured.commit_seconds)


def _ledger(profile: Mapping[str, Any], traffic: Traffic, measured: Measured, prices: Prices) -> Cost:
    sku, commits = profile["storageSku"], _commits(traffic, measured)
    alone = commits * (measured.ledger_bytes_alone - measured.ledger_bytes_together)
    stored = (alone + traffic.calls * measured.ledger_bytes_together) / 1e9
    months = profile["retention"]["ledger"] / DAYS
    return _sum(_times(prices[f"blob.{sku}.writes"], commits), _times(prices[f"blob.{sku}.gb-month"], stored * months))


def _cosmos(profile: Mapping[str, Any], traffic: Traffic, measured: Measured, prices: Prices) -> Cost:
    """Serverless by request units; autoscale at a tenth of its maximum, which it never falls below."""
    if maximum := profile["cosmosMaxThroughput"]:
        regions = 2 if profile["multiRegion"] else 1
        return _times(prices["cosmos.autoscale.100-units-hour"], CONTAINERS * maximum / 1000 * HOURS * regions)
    postings = POSTINGS_A_DAY * DAYS
    changed = traffic.lines * postings * (1 - exp(-traffic.calls / (traffic.lines * postings)))
    units = changed * measured.write_units + postings * measured.read_units
    return _times(prices["cosmos.serverless.request-units"], units)


def _publishing(profile: Mapping[str, Any], traffic: Traffic, measured: Measured, prices: Prices) -> Cost:
    """Every day the month so far, which is half of it on average."""
    records = traffic.lines * DAYS * DAYS / 2
    memory = profile["functionMemoryMB"] / 1024
    return _sum(
        _times(prices["functions.on-demand.gb-second"], records * measured.publish_seconds * memory),
        _times(prices[f"blob.{profile['storageSku']}.writes"], measured.files * DAYS),
    )


def _times(price: float | None, quantity: float) -> Cost:
    return None if price is None else price * quantity


def _sum(*parts: Cost) -> Cost:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
