"""The rounded rows of a period in a file, which every writer of a published file opens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from os import getpid
from pathlib import Path

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.time.months import Month
from chargeback.services.duck.engine import Engine, open_engine


@dataclass(frozen=True, slots=True)
class PeriodTables:
    """The rows of a period in a DuckDB file that any number of processes may read; picklable.

    Attributes:
        database: has the views `rows` and `previous_rows` (the period before; empty where it was never published),
            both with the columns of `domain.reports.rows`.
        period: YYYY-MM.
        start: UTC, inclusive.
        end: UTC, exclusive.
        time_zone: IANA name; the days of the rows are its days.
        currency: the books'.
        decimals: places of the printed costs.
        is_closed: whether these are the final files.
        previous: the period before.
        centres: cost centre path → name, in the order of the tree; without `unallocated`.
        budgets: those of cost centres for the period, at most one each.
    """

    database: Path
    period: Month
    start: datetime
    end: datetime
    time_zone: str
    currency: str
    decimals: int
    is_closed: bool
    previous: str
    centres: dict[str, str] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()

    def open(self, package: str, *, memory_limit_mb: int, words: Mapping[str, object] | None = None) -> Engine:
        """Open the file for reading, with the statements of a package; once a process."""
        return open_engine(
            package,
            self.database,
            # This process has its own: others that read the same file may spill at the same time.
            spill=Path(f"{self.database}.spill-{getpid()}"),
            memory_limit_mb=memory_limit_mb,
            words=words,
            threads=1,
            is_read_only=True,
        )
