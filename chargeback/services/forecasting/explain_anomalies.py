"""Explains an anomaly: compares the records of its day with those of a usual day, by model and other dimensions."""

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.outlook.anomalies import EXPLAINED_BY, Anomaly, Finding, Slot, contributions
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import BookDate, UtcDay, shifted, utc_namesake
from chargeback.domain.usage.lines import Line
from chargeback.services.running.progress import Progress, ignore_progress
from chargeback.services.settled.settled_days import SettledDays
from chargeback.services.usage.hourly_costs import hourly_costs

Sums = dict[str, Decimal]
"""Name → exact cost."""

_NAMES: dict[str, Callable[[Line], str]] = {
    "model": lambda line: line.model or line.deployment,
    "application": lambda line: line.app or line.subscription,
    "user": lambda line: line.user or line.user_object_id,
}


async def explain(
    days: SettledDays,
    calendar: Calendar,
    findings: Sequence[Finding],
    *,
    largest: int = 3,
    progress: Progress = ignore_progress,
) -> list[Anomaly]:
    """The findings with the usage that made the difference.

    Reads the records of the days concerned once each; `progress` is told how many of each day were read so far.
    """
    breakdown = _Breakdown()
    for finding in findings:
        breakdown.want(finding.slot)
        breakdown.want(_reference(finding))
    for day in breakdown.utc_days(calendar):
        read = 0
        async for page in days.records(day):
            for record in page:
                breakdown.add(record)
            read += len(page)
            progress(day, read)
    return [_anomaly(finding, breakdown, largest) for finding in findings]


class _Breakdown:
    """The spend of some slots by name in each dimension."""

    def __init__(self) -> None:
        self._sums: dict[Slot, dict[str, Sums]] = {}
        self._days_of_hours: set[UtcDay] = set()

    def want(self, slot: Slot) -> None:
        """Add up this slot."""
        self._sums.setdefault(slot, {dimension: {} for dimension in EXPLAINED_BY})
        if slot.hour is not None:
            self._days_of_hours.add(UtcDay(slot.date))

    def of(self, slot: Slot, dimension: str) -> Sums:
        """The sums of a slot."""
        return self._sums[slot][dimension]

    def utc_days(self, calendar: Calendar) -> list[UtcDay]:
        """The UTC days whose records have to be read. A date of the books lies within three of them."""
        days = set(self._days_of_hours)
        for slot in self._sums:
            if slot.hour is None:
                around = (shifted(utc_namesake(BookDate(slot.date)), offset) for offset in (-1, 0, 1))
                days |= {day for day in around if slot.date in calendar.dates(day)}
        return sorted(days)

    def add(self, record: UsageRecord) -> None:
        """Add a record to the slots that it belongs to."""
        for part in record.parts:
            if (slot := Slot(part.date, part.cost_centre)) in self._sums:
                self._add(slot, record.line, part.cost)
        if record.day in self._days_of_hours:
            for centre, hour, cost in hourly_costs(record):
                if (slot := Slot(record.day, centre, hour)) in self._sums:
                    self._add(slot, record.line, cost)

    def _add(self, slot: Slot, line: Line, cost: Decimal) -> None:
        for dimension, sums in self._sums[slot].items():
            name = _NAMES[dimension](line) or "-"
            sums[name] = EXACT.add(sums.get(name, ZERO), cost)


def _reference(finding: Finding) -> Slot:
    return Slot(finding.reference, finding.slot.cost_centre, finding.slot.hour)


def _anomaly(finding: Finding, breakdown: _Breakdown, largest: int) -> Anomaly:
    reference = _reference(finding)
    movers = {
        dimension: contributions(breakdown.of(reference, dimension), breakdown.of(finding.slot, dimension), largest)
        for dimension in EXPLAINED_BY
    }
    usual = Decimal(finding.usual).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    return Anomaly(finding.slot, finding.currency, finding.spent, usual, finding.reference, movers)
