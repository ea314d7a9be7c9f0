"""Where the records of a period come from: what the last audit of each of its days read from the ledger."""

from collections.abc import Sequence
from typing import Any

from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.control import Control
from chargeback.services.usage.audit_results import AuditResults

_COUNTS = ("events", "calls", "duplicates", "unreadable")


async def lineage_of(control: Control, days: Sequence[UtcDay]) -> dict[str, Any]:
    """UTC day → counts; without days that were never audited."""
    audits = await AuditResults(control).all()
    return {day: {name: getattr(audits[day], name) for name in _COUNTS} for day in days if day in audits}
