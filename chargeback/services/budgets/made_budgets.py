"""Keeps the budgets that people made beside the files: a record for each, to which every change is added.

A budget that was deleted keeps its record, and its id is not used again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.errors import Conflict, InvalidRequest, NotThere, StoreUnavailable, Superseded
from chargeback.services.ports.control import Control, Document

KIND = "budget"

MOST_CHANGES = 1_000
"""A document has room for these. Who changes a budget more often than that has a program that goes round in circles."""


class BudgetChange(msgspec.Struct, frozen=True):
    """A budget as somebody made, changed or deleted it.

    Attributes:
        budget: what it is from then on; None where it was deleted.
        at: when, UTC.
        by: who did it.
        reason: why, where they said so.
    """

    budget: Budget | None
    at: datetime
    by: str
    reason: str = ""


class BudgetRecord(msgspec.Struct, frozen=True):
    """Everything that a made budget ever was, in the order of time."""

    id: str
    changes: tuple[BudgetChange, ...]

    @property
    def budget(self) -> Budget | None:
        """What it is now; None where it was deleted."""
        return self.changes[-1].budget

    @property
    def tag(self) -> str:
        """Identifies what it is now: a later change has another one."""
        said = msgspec.json.encode(msgspec.to_builtins(self.changes[-1]))
        return f"{len(self.changes)}-{blake2b(said, digest_size=8).hexdigest()}"


@dataclass(frozen=True, slots=True)
class MadeBudgets:
    """The only owner of the documents of this kind."""

    control: Control

    async def in_force(self) -> list[Budget]:
        """What was made and not deleted, by id."""
        return [each.budget for each in await self.records() if each.budget is not None]

    async def records(self) -> list[BudgetRecord]:
        """Every record, also of what was deleted, by id."""
        return [msgspec.convert(document, BudgetRecord) for document in await self.control.all(KIND)]

    async def get(self, budget: str) -> BudgetRecord | None:
        """The record of a budget; None where nobody ever made one of this id."""
        known = await self.control.get_versioned(KIND, _name(budget))
        return _record(budget, known)

    async def create(self, change: BudgetChange) -> BudgetRecord:
        """Begin the record of a budget. Raises `Conflict` where its id is in use, or was."""
        assert change.budget is not None
        made = BudgetRecord(change.budget.id, (change,))
        try:
            await self.control.swap(KIND, _name(made.id), msgspec.to_builtins(made), None)
        except (Superseded, StoreUnavailable):
            # The answer to our own write may have been lost.
            known = await self.get(made.id)
            if known is None:
                raise
            if known.changes[0] != change:
                deleted = " and was deleted; an id is not used again" if known.budget is None else ""
                raise Conflict(f"a budget {made.id!r} was made already{deleted}") from None
            return known
        return made

    async def change(self, budget: str, change: BudgetChange, may: Callable[[BudgetRecord], None]) -> BudgetRecord:
        """Add a change to the record of a budget, unless `may` raises for what it is now.

        Raises `NotThere` where there is no such budget, `Superseded` where somebody else changed it at the same time.
        """
        known = await self.control.get_versioned(KIND, _name(budget))
        record = _record(budget, known)
        if known is None or record is None or record.budget is None:
            raise NotThere(f"there is no budget {budget!r} that was made beside the files")
        may(record)
        if len(record.changes) >= MOST_CHANGES:
            raise InvalidRequest(f"{budget!r} was changed {MOST_CHANGES} times: make another one in its place")
        after = replace(record, changes=(*record.changes, change))
        try:
            await self.control.swap(KIND, _name(budget), msgspec.to_builtins(after), known[1])
        except (Superseded, StoreUnavailable):
            if change not in ((await self.get(budget)) or record).changes:
                raise
        return after


def _record(budget: str, known: tuple[Document, str] | None) -> BudgetRecord | None:
    """The record that was read for an id; None for one that only looks like the name of a document."""
    record = msgspec.convert(known[0], BudgetRecord) if known else None
    return record if record is not None and record.id == budget else None


def _name(budget: str) -> str:
    """The name of a document may have no slash; no budget has a colon in its name."""
    return budget.replace("/", ":")
