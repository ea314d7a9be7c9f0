"""A closed period stays closed, and whoever wants it open is told what to do instead."""

from datetime import UTC, datetime

from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodChange, begun, concluded, filed
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.closing.correct_period import refuse_reopening

CLOSED_AT = datetime(2026, 4, 4, tzinfo=UTC)
OPEN = BillingPeriod(Month("2026-03"))
CLOSED = concluded(
    begun(OPEN, "a1", "v1", PeriodChange("closing", CLOSED_AT, "ann")),
    "ab" * 32,
    {Month("2026-03"): {UtcDay("2026-03-01"): "f"}},
    PeriodChange("closed", CLOSED_AT, "ann", version="v1"),
)
FILED = filed(CLOSED)


def test_reopening_is_refused_with_what_to_do_instead() -> None:
    assert str(refuse_reopening(FILED)).startswith(
        "2026-03 was closed at 2026-04-04 00:00 UTC by ann and cannot be reopened"
    )
    assert "periods correct 2026-03 --reason TEXT" in str(refuse_reopening(FILED))
    assert str(refuse_reopening(OPEN)) == "2026-03 is open: there is nothing to reopen"
