"""Refuses dates that the temporary disk cannot hold, as soon as their charges are known and before the disk fills."""

import shutil
from pathlib import Path

from chargeback.domain.errors import NoRoom
from chargeback.domain.money.numerals import grouped

PEAK_OVER_STAGED = 2.5
"""How much larger a folder gets than the database with the staged charges: 1.9 to 2.1 in `benchmarks.publish`."""


def room_in(folder: Path, limit_mb: int) -> int:
    """Bytes that may be used: so many megabytes, or the free space there where that is less."""
    return min(shutil.disk_usage(folder).free, limit_mb * 1_000_000)


def require_room(staged: int, room: int, charges: int) -> None:
    """Raise `NoRoom` where charges of some dates that take `staged` bytes cannot be arranged within `room` bytes."""
    needed = staged * PEAK_OVER_STAGED
    if needed > room:
        raise NoRoom(
            f"{grouped(charges)} charges of a few dates need about {grouped(round(needed / 1e6))} MB of temporary disk,"
            f" and there are {grouped(round(room / 1e6))} MB: see 'Size limits' in docs/operations.md"
        )
