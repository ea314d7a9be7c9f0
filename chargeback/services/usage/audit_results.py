"""Keeps the result of the last audit of each day: whether the day is final and what its ledger held."""

import msgspec

from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.control import Control

KIND = "audit"


class AcceptedLoss(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A person's decision that a day's ledger will not come back as it was.

    Attributes:
        reason: why, in the words of who accepted it.
        at: when, UTC, ISO 8601.
        events: events that the ledger still had, without those that came too late for the books.
        missing: appends that were acknowledged and are gone.
        books_stand: whether events are gone, so that the books of the day stay as they are; a ledger that was only
            rewritten still decides what is in the books.
    """

    reason: str
    by: str
    at: str
    events: int
    missing: int
    books_stand: bool


class AuditResult(msgspec.Struct, frozen=True, kw_only=True, rename={"rated_with": "ratedWith"}):
    """The result of one audit; see `audit.Audited` for the numbers.

    Attributes:
        at: when it was made, UTC, ISO 8601.
        final: whether the day had ended for good.
        rated_with: the digest of what rates the day; empty in audits of older versions of the product.
        extent: part of the day's ledger → its size; empty where it was not remembered.
        losses: the losses that were accepted for the day, the latest last.
    """

    day: UtcDay
    events: int
    calls: int
    duplicates: int
    conflicts: int = 0
    unreadable: int
    drift_lines: int = 0
    drift_cost: str = "0"
    currency: str = ""
    set_aside: int = 0
    unpriced: int = 0
    unsettled: int = 0
    at: str
    final: bool
    rated_with: str = ""
    extent: dict[str, int] = {}
    losses: tuple[AcceptedLoss, ...] = ()

    @property
    def loss(self) -> AcceptedLoss | None:
        """The loss that counts: the one accepted last."""
        return self.losses[-1] if self.losses else None


class AuditResults:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def get(self, day: UtcDay) -> tuple[AuditResult | None, str | None]:
        """The result of a day with its token; None and None where it was never audited."""
        known = await self._control.get_versioned(KIND, day)
        return (msgspec.convert(known[0], AuditResult), known[1]) if known else (None, None)

    async def swap(self, result: AuditResult, after: str | None) -> None:
        """Set the result of a day. Raises `Superseded` if another audit of it ended since `after`."""
        await self._control.swap(KIND, result.day, msgspec.to_builtins(result), after)

    async def all(self) -> dict[UtcDay, AuditResult]:
        """The results of all days, by day."""
        found = [msgspec.convert(document, AuditResult) for document in await self._control.all(KIND)]
        return {each.day: each for each in found}
