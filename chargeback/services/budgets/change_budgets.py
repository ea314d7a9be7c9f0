"""Makes, changes and deletes budgets beside the files; those of the files are changed in the files alone."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from chargeback.domain.audit_log.reasons import reason_fault
from chargeback.domain.budgets.budget import Budget, ScopeKind
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.tree import with_ancestors
from chargeback.domain.errors import Conflict, InvalidConfig, InvalidRequest, NotThere, Superseded
from chargeback.domain.terms.terms import Terms
from chargeback.log_line import log_line
from chargeback.services.budgets.made_budgets import BudgetChange, BudgetRecord, MadeBudgets
from chargeback.services.ports.control import Catalogues

log = logging.getLogger(__name__)


class ReadEntry(Protocol):
    """Reads and checks a budget in the form of an entry of budgets.yaml."""

    def __call__(self, entry: Mapping[str, Any], catalogue: Catalogue, terms: Terms, now: datetime) -> Budget:
        """The budget; raises `InvalidConfig` with every fault."""


@dataclass(frozen=True, slots=True)
class BudgetChanger:
    """Who changes a budget, and why; goes on the record.

    Attributes:
        by: who.
        reason: why; may be empty.
        may: raises where they may not touch a budget as it is, or as it is to become.
    """

    by: str
    reason: str = ""
    may: Callable[[Budget], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class ChangeBudgets:
    """Changes budgets on record; each change is checked as `config validate` checks the files."""

    made: MadeBudgets
    catalogues: Catalogues
    read: ReadEntry

    async def create(self, entry: Mapping[str, Any], asking: BudgetChanger, now: datetime) -> BudgetRecord:
        """Make a budget that nobody has made before.

        Raises `InvalidConfig` where it makes no sense, `Conflict` where its id is in use.
        """
        budget = await self._read(entry, asking, now)
        await self._require_name_of_its_centre(budget)
        record = await self.made.create(BudgetChange(budget, now, asking.by, asking.reason))
        return await self._said("made", record)

    async def change(
        self, budget: str, entry: Mapping[str, Any], asking: BudgetChanger, now: datetime, *, tag: str | None = None
    ) -> BudgetRecord:
        """Put another budget in the place of one. The whole of it counts, also for what was spent before.

        Raises `Superseded` where its tag is another one, or somebody else changed it at the same time.
        """
        if entry.get("id", budget) != budget:
            raise InvalidConfig([f"id: is {budget!r} for ever; make another budget, and delete this one"])
        await self._require_made(budget, asking)
        after = await self._read({**entry, "id": budget}, asking, now)
        change = BudgetChange(after, now, asking.by, asking.reason)
        return await self._said("changed", await self.made.change(budget, change, _unless_newer(tag, asking)))

    async def delete(
        self, budget: str, asking: BudgetChanger, now: datetime, *, tag: str | None = None
    ) -> BudgetRecord:
        """Delete a budget; what it was stays on record."""
        await self._require_made(budget, asking)
        _require_reason(asking)
        change = BudgetChange(None, now, asking.by, asking.reason)
        return await self._said("deleted", await self.made.change(budget, change, _unless_newer(tag, asking)))

    async def _read(self, entry: Mapping[str, Any], asking: BudgetChanger, now: datetime) -> Budget:
        _require_reason(asking)
        version = await self.catalogues.version()  # read afresh, so that the others are those of this moment
        name = entry.get("id")
        if isinstance(name, str) and name in {each.id for each in version.terms.filed_budgets}:
            raise Conflict(_IN_FILES.format(repr(name)))
        budget = self.read(entry, version.catalogue, version.terms, now)
        asking.may(budget)
        return budget

    async def _require_name_of_its_centre(self, budget: Budget) -> None:
        """An id that begins with a cost centre is for its owners: else their own budgets would tell them of others'."""
        known = {each.path for each in (await self.catalogues.current()).allocation.centres}
        centre = next((each for each in with_ancestors(budget.id) if each in known), None)
        is_its_own = budget.scope.kind is ScopeKind.COST_CENTRE and budget.scope.value == centre
        if centre is not None and not is_its_own:
            raise InvalidConfig([f"id: begins with the cost centre {centre!r}, so it is for budgets of {centre!r}"])

    async def _require_made(self, budget: str, asking: BudgetChanger) -> None:
        terms = await self.catalogues.terms()
        filed = next((each for each in terms.filed_budgets if each.id == budget), None)
        if filed is not None:
            asking.may(filed)
            raise Conflict(_IN_FILES.format(repr(budget)))
        record = await self.made.get(budget)
        if record is None or record.budget is None:
            raise NotThere(f"there is no budget {budget!r}")
        asking.may(record.budget)

    async def _said(self, what: str, record: BudgetRecord) -> BudgetRecord:
        last = record.changes[-1]
        log_line(log, "budget_changed", what=what, budget=record.id, by=last.by, reason=last.reason)
        await self.catalogues.version()  # so that what follows in this process sees it
        return record


_IN_FILES = (
    "{} is a budget of budgets.yaml: change it there and `chargeback config apply`, or override its limit for some time"
)


def _unless_newer(tag: str | None, asking: BudgetChanger) -> Callable[[BudgetRecord], None]:
    def check(record: BudgetRecord) -> None:
        if record.budget is not None:
            asking.may(record.budget)
        if tag is not None and record.tag != tag:
            raise Superseded(f"the budget {record.id!r} was changed meanwhile: read it again")

    return check


def _require_reason(asking: BudgetChanger) -> None:
    if not asking.by.strip():
        raise InvalidRequest("a change of a budget says who made it")
    if fault := reason_fault(asking.reason):
        raise InvalidRequest(fault)
