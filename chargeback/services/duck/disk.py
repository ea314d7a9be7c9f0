"""Refuses a period that the temporary disk cannot hold, as soon as its rows are known and before the disk fills.

A Flex Consumption instance has 0.8 GB of temporary disk for everything that it runs:
https://learn.microsoft.com/azure/azure-functions/functions-scale#service-limits.
"""

import shutil
from pathlib import Path

from chargeback.domain.errors import NoRoom

PEAK_OVER_STAGED = 8
"""How much larger the folder gets than the staged rows, at 10 000 to 1 000 000 records: `benchmarks.publish`."""


def room_in(folder: Path, limit_mb: int | None) -> int:
    """Bytes that may be used: the free space there, or less where the host has a limit of its own."""
    free = shutil.disk_usage(folder).free
    return free if limit_mb is None else min(free, limit_mb * 1_000_000)


def require_room(staged: int, room: int, charges: int) -> None:
    """Raise `NoRoom` where rows that take `staged` bytes cannot be settled and written within `room` bytes."""
    needed = staged * PEAK_OVER_STAGED
    if needed > room:
        raise NoRoom(
            f"{charges:,} charges need about {needed / 1e6:,.0f} MB of temporary disk to be settled, and there are"
            f" {room / 1e6:,.0f} MB: publish from a machine with more (python -m chargeback publish), see"
            " 'Size limits' in docs/operations.md"
        )
