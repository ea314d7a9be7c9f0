"""Reads the tolerances of alerts.yaml: how much may be wrong before people are told."""

from collections.abc import Iterator

import msgspec

from chargeback.adapters.config.entries import Record, one
from chargeback.domain.alerts.tolerances import AlertTolerances

_DEFAULTS = AlertTolerances()
_MOST = {"retiring_days": 3_650}
_MOST_CALLS = 1_000_000_000


class Tolerated(Record, frozen=True):
    """How much is not told, as the file has it."""

    unpriced: int = _DEFAULTS.unpriced
    unsettled: int = _DEFAULTS.unsettled
    conflicts: int = _DEFAULTS.conflicts
    quarantine: int = _DEFAULTS.quarantine
    retiring_days: int = _DEFAULTS.retiring_days


def alert_tolerances(raw: object, faults: list[str]) -> AlertTolerances:
    """The tolerances of a document; what it leaves out has its default. What is wrong is appended to `faults`."""
    found = one({} if raw is None else raw, Tolerated, "tolerances", faults)
    if found is None:
        return _DEFAULTS
    faults.extend(f"tolerances.{fault}" for fault in _faults(found))
    return AlertTolerances(**msgspec.structs.asdict(found))


def _faults(found: Tolerated) -> Iterator[str]:
    for field in msgspec.structs.fields(found):
        value, most = getattr(found, field.name), _MOST.get(field.name, _MOST_CALLS)
        if not 0 <= value <= most:
            yield f"{field.encode_name}: {value} is not between 0 and {most}"
