"""One entry of the rate card document: its fields, and the faults it can have."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from chargeback.adapters.config.published_units import PRICE_UNITS, Published
from chargeback.adapters.config.times import Since
from chargeback.domain.catalogue.prices import Verified
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.deployments.regions import ZONES
from chargeback.domain.usage.meters import TOOLS
from chargeback.domain.usage.tiers import DEFAULT_TIER, TIERS

_TOOLS = " and ".join(", ".join(sorted(TOOLS)).rsplit(", ", 1))


class PriceEntry(Since, frozen=True):
    """One entry under `prices`: for each combination of its lists, a price of each of its meters."""

    provider: str
    deployment_types: list[DeploymentType]
    source: str
    model: str | None = None
    per_million: dict[str, Any] | None = None
    per_thousand: dict[str, Any] | None = None
    per_unit: dict[str, Any] | None = None
    per_minute: dict[str, Any] | None = None
    per_hour: dict[str, Any] | None = None
    versions: list[str] | None = None
    service_tier: str = DEFAULT_TIER
    regions: list[str] | None = None
    zones: list[str] | None = None
    variant: str = ""
    verified: Verified | None = None
    observed: date | None = None
    promised_until: str | None = None

    @property
    def published(self) -> Published:
        """Its prices by the field that says their unit."""
        amounts = self.per_million, self.per_thousand, self.per_unit, self.per_minute, self.per_hour
        return dict(zip(PRICE_UNITS, amounts, strict=True))

    @property
    def is_for_tools(self) -> bool:
        """Whether its meters are those of tools only, whose prices may be for every model."""
        return all(name in TOOLS for amounts in self.published.values() for name in amounts or ())


def name_faults(entry: PriceEntry) -> Iterator[str]:
    """Faults in the fields that say what the entry is for, and where it comes from."""
    for name, value in (("provider", entry.provider), ("model", entry.model), ("source", entry.source)):
        if value is not None and not value.strip():
            yield f"{name}: is empty"
    if entry.model is None and not entry.is_for_tools:
        yield f"model: is missing; only {_TOOLS} may have a price for every model"
    for name, values in _lists(entry):
        if values is not None and (not values or not all(values) or len(set(values)) < len(values)):
            yield f"{name}: names none, an empty one, or one twice"
    if entry.service_tier not in TIERS:
        yield f"serviceTier: {entry.service_tier!r} is not one of {', '.join(TIERS)}"
    yield from (f"zones: {zone!r} is not one of {', '.join(ZONES)}" for zone in entry.zones or () if zone not in ZONES)
    yield from (f"regions: {region!r} is a zone" for region in entry.regions or () if region in ZONES)


def place_faults(entry: PriceEntry) -> Iterator[str]:
    """Faults of a regional price, which holds only where it was read: elsewhere Azure has other prices."""
    is_regional = DeploymentType.STANDARD in entry.deployment_types and not entry.is_for_tools
    if is_regional and not (entry.regions or entry.zones):
        yield "regions: a price of Standard deployments names the regions or zones that it was read for"


def _lists(entry: PriceEntry) -> tuple[tuple[str, Sequence[str] | None], ...]:
    return (
        ("versions", entry.versions),
        ("deploymentTypes", entry.deployment_types),
        ("regions", entry.regions),
        ("zones", entry.zones),
    )
