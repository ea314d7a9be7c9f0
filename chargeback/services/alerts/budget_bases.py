"""Remembers what decided the steps of budgets when they were looked at last, so that a change is named as a cause.

One document for all budgets. It is written when something other than usage has changed, and once a day.
"""

from collections.abc import Mapping

import msgspec

from chargeback.domain.errors import Superseded
from chargeback.services.alerts.budget_causes import BudgetBasis
from chargeback.services.ports.control import Control

KIND = "budget-basis"
_NAME = "all"

MOST_BYTES = 1_800_000
"""The store takes 2 MB a document; a budget takes some 200 bytes. Beyond that no cause is remembered."""

Bases = Mapping[str, BudgetBasis]
"""By the id of the budget."""


class _Kept(msgspec.Struct, frozen=True):
    budgets: dict[str, BudgetBasis]


class BudgetBases:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._written: Bases | None = None

    async def known(self) -> Bases | None:
        """What was remembered last; None where nothing ever was."""
        found = await self._control.get(KIND, _NAME)
        return msgspec.convert(found, _Kept, strict=False).budgets if found else None

    async def keep(self, bases: Bases) -> None:
        """Remember these, without what every call changes, unless another instance did meanwhile."""
        settled = {name: basis.settled for name, basis in sorted(bases.items())}
        if settled == self._written:
            return
        document = msgspec.to_builtins(_Kept(settled))
        if len(msgspec.json.encode(document)) <= MOST_BYTES:
            known = await self._control.get_versioned(KIND, _NAME)
            if known is None or known[0] != document:
                try:
                    await self._control.swap(KIND, _NAME, document, known[1] if known else None)
                except Superseded:
                    return
        self._written = settled
