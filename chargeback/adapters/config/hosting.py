"""Reads the section `hosting` of the rate card: what fine-tuned deployments cost by the hour."""

from collections.abc import Iterator
from decimal import Decimal

from chargeback.adapters.config.decimals import is_decimal
from chargeback.adapters.config.entries import each
from chargeback.adapters.config.in_order import in_order
from chargeback.adapters.config.times import Since, effective
from chargeback.domain.catalogue.hosting import HostingRate
from chargeback.domain.catalogue.prices import Verified
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import Effective, hour_name


class HostingEntry(Since, frozen=True):
    """One entry under `hosting`."""

    model: str
    deployment_types: list[DeploymentType]
    per_hour: str
    source: str
    verified: Verified | None = None


def hosting_rates(
    document: object, currency: str, calendar: Calendar, faults: list[str], *, thorough: bool
) -> dict[tuple[str, str], tuple[HostingRate, ...]]:
    """(model, deployment type) → its rates by time; what is wrong is appended to `faults`."""
    found: dict[tuple[str, str], list[tuple[str, HostingRate]]] = {}
    for place, entry in each(document, HostingEntry, "hosting", faults):
        wrong: list[str] = []
        time = effective(entry, calendar, place, wrong)
        wrong += [f"{place}.{fault}" for fault in (*time.faults(), *_faults(entry))]
        faults += wrong
        for deployment_type in [] if wrong else entry.deployment_types:
            rate = _rate(entry, time, deployment_type, currency)
            found.setdefault((entry.model.casefold(), deployment_type.value), []).append((place, rate))
    return {key: in_order(rates, lambda rate: rate.rate_id, faults, gaps=thorough) for key, rates in found.items()}


def _rate(entry: HostingEntry, time: Effective, deployment_type: DeploymentType, currency: str) -> HostingRate:
    return HostingRate(
        f"hosting/{entry.model.casefold()}/{deployment_type}@{hour_name(time.first)}",
        Decimal(entry.per_hour),
        currency,
        time,
        entry.source,
        entry.verified,
    )


def _faults(entry: HostingEntry) -> Iterator[str]:
    for name, value in (("model", entry.model), ("source", entry.source)):
        if not value.strip():
            yield f"{name}: is empty"
    if not entry.deployment_types or len(set(entry.deployment_types)) < len(entry.deployment_types):
        yield "deploymentTypes: names none, or one twice"
    if not is_decimal(entry.per_hour, places=6):
        yield f'perHour: {entry.per_hour!r} is not a quoted decimal of at most 6 places, such as "1.70"'
