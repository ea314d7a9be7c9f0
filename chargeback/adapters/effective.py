"""From when until when an entry of a document holds: whole UTC hours, the end exclusive."""

from collections.abc import Iterator
from datetime import UTC, datetime


def time_faults(effective_from: datetime, effective_to: datetime | None) -> Iterator[str]:
    """What is wrong with the time of an entry: usage is counted by the hour, so it can begin at any whole one."""
    moments = {"effectiveFrom": effective_from, "effectiveTo": effective_to}
    whole = True
    for name, moment in moments.items():
        if moment is not None and (moment.tzinfo is None or moment.timestamp() % 3600):
            whole = False
            yield f"{name}: {moment.isoformat()} is not a whole hour in UTC such as 2024-11-20T00:00:00Z"
    if whole and effective_to is not None and effective_to <= effective_from:
        yield "effectiveTo: is not after effectiveFrom"


def in_utc(moment: datetime | None) -> datetime | None:
    """The same moment, said in UTC."""
    return moment.astimezone(UTC) if moment else None
