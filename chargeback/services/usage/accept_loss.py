"""Accepts that the ledger of a day has lost events for good: the day's books stand, and its month can close.

Lost events cannot be counted again, so the books are the best record that is left: their usage stays, is still rated
with the prices in force, and nothing is returned. A ledger that was only rewritten, with every event in it, still
decides what is in the books.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from chargeback.domain.errors import ChargebackError, LedgerShort
from chargeback.domain.time.days import UtcDay, start_of
from chargeback.log_line import log_line
from chargeback.services.ports.control import Control
from chargeback.services.ports.ledger import Ledger
from chargeback.services.usage.audit import Audited, Auditor
from chargeback.services.usage.audit_results import AcceptedLoss, AuditResult, AuditResults
from chargeback.services.usage.ingest import OPEN_DAYS, is_open
from chargeback.services.usage.ledger_parts import LedgerParts
from chargeback.services.usage.recount import recount
from chargeback.services.usage.shortfall import parts_to_remember, require_events, require_parts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepts the loss, and why."""

    reason: str
    by: str
    now: datetime


async def accept_loss(
    ledger: Ledger, control: Control, auditor: Auditor, day: UtcDay, accept: Acceptance, *, workers: int = 0
) -> Audited:
    """Accept that the ledger of an ended day will never have more than now, and audit the day.

    Raises `ChargebackError` where the day is still open or nothing of its ledger is missing, `Superseded` where an
    audit ended meanwhile.
    """
    if is_open(day, accept.now):
        raise ChargebackError(
            f"{day} is still open: the count in Redis may be all that is left of it;"
            " wait until Redis no longer counts it"
        )
    results, parts = AuditResults(control), LedgerParts(ledger, control)
    before, token = await results.get(day)
    extent, known = await ledger.extent(day), await parts.known(day)
    async with recount(ledger, day, workers=workers) as recounted:
        events, missing, calls = recounted.events, recounted.missing, recounted.calls
    _require_short(day, before, known, extent, events, missing)
    loss = _loss(accept, before, events, await _late(ledger, day, before), missing)
    result = before or AuditResult(
        day=day, events=0, calls=calls, duplicates=0, unreadable=0, at=accept.now.isoformat(), final=False
    )
    result = replace(result, events=events, extent=parts_to_remember(extent), losses=(*result.losses, loss))
    await results.swap(result, token)
    await parts.forget(day, known - extent.keys())
    log_line(
        log,
        "loss_accepted",
        level=logging.WARNING,
        day=day,
        by=accept.by,
        reason=accept.reason,
        events=events,
        missing=missing,
        books_stand=loss.books_stand,
    )
    return await auditor.audit_day(day, accept.now)


def _loss(accept: Acceptance, before: AuditResult | None, events: int, late: int, missing: int) -> AcceptedLoss:
    """What is accepted; the books stand unless the ledger has all events and only its parts were written again."""
    stood = before is not None and any(loss.books_stand for loss in before.losses)
    only_rewritten = before is not None and not stood and events >= before.events and not missing
    return AcceptedLoss(
        reason=accept.reason,
        by=accept.by,
        at=accept.now.isoformat(),
        events=events - late,
        missing=missing,
        books_stand=not only_rewritten,
    )


async def _late(ledger: Ledger, day: UtcDay, before: AuditResult | None) -> int:
    """Events that are not in the books: they came when no posting and no audit of the day brought them in."""
    since = start_of(day) + timedelta(days=OPEN_DAYS)
    if before is not None:
        since = max(since, datetime.fromisoformat(before.at))
    after, count = since.timestamp() * 1e6, 0
    async for block in ledger.stamped_blocks(day):
        if block.written > after:
            count += block.text.count(b"\n")
    return count


def _require_short(
    day: UtcDay, before: AuditResult | None, known: frozenset[str], extent: dict[str, int], events: int, missing: int
) -> None:
    try:
        require_parts(day, before, known, extent)
        require_events(day, before, events, missing)
    except LedgerShort:
        return
    raise ChargebackError(f"nothing of the ledger of {day} is missing: there is no loss to accept")
