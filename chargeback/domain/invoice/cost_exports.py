"""Which run of a cost export counts for a month: the one that covers most days, and the newest of several.

A daily export writes the whole month to date again with every run, and the months' runs lie beside each other unless
the export overwrites. Runs are therefore never added up: exactly one of them is the invoice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chargeback.domain.errors import InvalidConfig, InvoiceMissing
from chargeback.domain.time.days import UtcDay, start_of
from chargeback.domain.time.months import Month, utc_days_of

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ExportRun:
    """One run of an export.

    Attributes:
        name: its folder, or what else tells it from others.
        first: first day of its charges; empty where nobody says.
        last: last day of its charges, inclusive.
        submitted: when it was started (UTC); None where nobody says.
        files: the names of its partitions.
        faults: why it cannot be used, such as a partition that is not there.
    """

    name: str
    first: str
    last: str
    submitted: datetime | None
    files: tuple[str, ...]
    faults: tuple[str, ...] = ()

    def covers(self, period: Month) -> int:
        """How many days of a month the run has charges of; 1 where only its content can tell."""
        return sum(self.first <= day <= self.last for day in utc_days_of(period)) if self.first else 1

    def is_final_of(self, day: UtcDay, lag: timedelta) -> bool:
        """Whether the run knows all that was used on a day: Azure reports usage up to `lag` after it."""
        if self.last and day > self.last:
            return False
        end = start_of(day) + timedelta(days=1)
        return self.submitted is None or end + lag <= self.submitted


def choose_run(runs: Iterable[ExportRun], period: Month, place: str) -> ExportRun:
    """The run that is the invoice of a month.

    Raises `InvoiceMissing` where there is none, `InvalidConfig` saying what is wrong where no run is complete.

    An incomplete run, such as one that is being written, is passed over for an older one that is complete.
    """
    candidates = [run for run in runs if run.covers(period)]
    if not candidates:
        raise InvoiceMissing(f"{place}: has no FOCUS cost export of {period}")
    complete = [run for run in candidates if not run.faults]
    if not complete:
        raise InvalidConfig([f"{place}: no run of {period} is complete", *_newest_first(candidates)[0].faults])
    return max(complete, key=lambda run: (run.covers(period), run.submitted or _LONG_AGO, run.name))


def _newest_first(runs: Sequence[ExportRun]) -> list[ExportRun]:
    return sorted(runs, key=lambda run: (run.submitted or _LONG_AGO, run.name), reverse=True)
