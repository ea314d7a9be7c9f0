"""Keeps the temporary changes of budgets' limits on record: a history for each budget, to which entries are added.

An entry never changes. The next one of the same budget ends it at that moment, so at most one is in force.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import msgspec
from msgspec.structs import replace

from chargeback.domain.audit_log.reasons import reason_fault
from chargeback.domain.budgets.budget import Budget, Override
from chargeback.domain.errors import InvalidRequest, NotThere, Superseded
from chargeback.domain.money.exact import to_text
from chargeback.log_line import log_line
from chargeback.services.ports.control import Catalogues, Control

log = logging.getLogger(__name__)

KIND = "budget-override"

LONGEST = timedelta(days=366)
"""A change that is to last longer belongs in budgets.yaml."""

_LARGEST = Decimal(10) ** 12
_PLACES = -2


class MadeOverride(msgspec.Struct, frozen=True):
    """An override as it was made.

    Attributes:
        amount: added to the limit, in the budget's currency; below 0 lowers it, 0 only ends the one before.
        start: when it was made.
        until: the moment at which it was to end.
    """

    amount: Decimal
    start: datetime
    until: datetime
    by: str
    reason: str


class OverrideHistory(msgspec.Struct, frozen=True):
    """Every override that a budget ever had, in the order in which they were made."""

    budget: str
    made: tuple[MadeOverride, ...] = ()

    def with_ends(self) -> list[tuple[MadeOverride, datetime]]:
        """Each of them with the moment at which it ends: at the latest when the next one was made."""
        found = [(one, min(one.until, after.start)) for one, after in pairwise(self.made)]
        return [*found, *((one, one.until) for one in self.made[-1:])]

    def in_effect(self) -> list[Override]:
        """Each of them for the time in which it holds or held."""
        return [Override(self.budget, one.amount, one.start, end, one.by, one.reason) for one, end in self.with_ends()]


@dataclass(frozen=True, slots=True)
class OverrideRequest:
    """What somebody asks for: `amount` and the rest are those of `MadeOverride`."""

    budget: str
    amount: Decimal
    until: datetime
    by: str
    reason: str


class BudgetOverrides:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control, catalogues: Catalogues) -> None:
        self._control = control
        self._catalogues = catalogues

    async def all(self) -> Sequence[Override]:
        """Every override for the time in which it holds or held, by budget."""
        return [override for history in await self.histories() for override in history.in_effect()]

    async def histories(self) -> list[OverrideHistory]:
        """The overrides of each budget that ever had one, as they were made."""
        return [msgspec.convert(document, OverrideHistory) for document in await self._control.all(KIND)]

    async def make(self, asked: OverrideRequest, now: datetime) -> MadeOverride:
        """Change the limit of a budget from now on; raises `InvalidRequest` where that makes no sense, `NotThere`."""
        budget = await self._budget(asked.budget, now)
        made = MadeOverride(asked.amount, now, asked.until, asked.by.strip(), asked.reason.strip())
        while True:
            history, token = await self._history(budget.id)
            if made in history.made:
                return made  # the answer was lost, or whoever waited for it was killed
            _require_sense(made, history)
            added = replace(history, made=(*history.made, made))
            try:
                await self._control.swap(KIND, _name(budget.id), msgspec.to_builtins(added), token)
            except Superseded:
                continue
            break
        log_line(
            log,
            "budget_overridden",
            budget=budget.id,
            amount=made.amount,
            currency=budget.currency,
            until=made.until.isoformat(),
            by=made.by,
            reason=made.reason,
        )
        return made

    async def _history(self, budget: str) -> tuple[OverrideHistory, str | None]:
        known = await self._control.get_versioned(KIND, _name(budget))
        return (msgspec.convert(known[0], OverrideHistory), known[1]) if known else (OverrideHistory(budget), None)

    async def _budget(self, name: str, now: datetime) -> Budget:
        terms = (await self._catalogues.version()).terms  # read afresh: another instance may have made it just now
        budgets = [each for each in terms.budgets if now < each.effective.after]
        found = next((each for each in budgets if each.id == name), None)
        if found is None:
            known = ", ".join(sorted(each.id for each in budgets)) or "none"
            raise NotThere(f"{name!r} is no budget that holds now or later; there are: {known}")
        return found


def _name(budget: str) -> str:
    """The name of a document may have no slash; no budget has a colon in its name."""
    return budget.replace("/", ":")


def _require_sense(made: MadeOverride, history: OverrideHistory) -> None:
    last = history.made[-1] if history.made else None
    exponent = made.amount.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _PLACES or abs(made.amount) >= _LARGEST:
        raise InvalidRequest(f"{made.amount} is no amount of money with two places at most")
    if not made.by or not made.reason:
        raise InvalidRequest("an override says who made it and why")
    if fault := reason_fault(made.reason):
        raise InvalidRequest(fault)
    if made.until <= made.start:
        raise InvalidRequest(f"{made.until.isoformat()} is over: an override ends in the future")
    if made.until - made.start > LONGEST:
        raise InvalidRequest(
            f"an override may last {LONGEST.days} days at most; change the amount in budgets.yaml for longer"
        )
    if last is not None and made.start <= last.start:
        raise InvalidRequest(f"another override was made at {last.start.isoformat()}, which is not before now")
    if not made.amount and (last is None or last.until <= made.start or not last.amount):
        raise InvalidRequest(f"{to_text(made.amount)} changes nothing: no override is in force that it could end")
