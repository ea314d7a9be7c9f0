"""Whether the ledger of a day has lost anything since the last audit; if so, an audit must not change the books."""

from collections.abc import Collection, Mapping

from chargeback.domain.errors import LedgerShort
from chargeback.domain.time.days import UtcDay
from chargeback.services.usage.audit_results import AuditResult

MAX_PARTS = 2_000
"""Parts of a day's ledger that an audit remembers; a day of more is known by its events alone."""

_SHOWN = 5


def parts_to_remember(extent: Mapping[str, int]) -> dict[str, int]:
    """The parts of the ledger that an audit remembers."""
    return dict(extent) if len(extent) <= MAX_PARTS else {}


def require_parts(day: UtcDay, before: AuditResult | None, known: Collection[str], extent: Mapping[str, int]) -> None:
    """Raise `LedgerShort` if a part that the last audit read is gone or smaller, or one that was `known` is gone."""
    parts = dict.fromkeys(known, 0) | (before.extent if before else {})
    lost = sorted(name for name, size in parts.items() if name not in extent or extent[name] < size)
    if lost:
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        raise LedgerShort(day, f"gone or shorter than at the last audit: {', '.join(lost[:_SHOWN])}{more}")


def require_events(day: UtcDay, before: AuditResult | None, events: int, missing: int) -> None:
    """Raise `LedgerShort` if there are fewer events than at the last audit, or appends that were acknowledged."""
    accepted = before.loss.missing if before and before.loss else 0
    if missing > accepted:
        raise LedgerShort(day, f"{missing - accepted} appends that were acknowledged are missing")
    known = before.events if before else 0
    if events < known:
        raise LedgerShort(day, f"it has {events} events, and had {known} at the last audit")
