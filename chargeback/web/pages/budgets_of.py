"""Finds the budgets of a cost centre itself, or of a user, with how they stand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chargeback.api.budgets.bodies import BudgetAnswer, BudgetStatus
from chargeback.api.budgets.definitions import BudgetPage
from chargeback.api.budgets.standing import BudgetStatuses
from chargeback.domain.cost_centres.tree import WHOLE_TREE
from chargeback.web.api_client import ApiClient
from chargeback.web.pages.budgets.views import rests_on_forecast
from chargeback.web.pages.month_of_centre import MonthOfCentre

_MOST = "5000"


@dataclass(frozen=True, slots=True)
class BudgetInForce:
    """A budget that is in force, and how it stands."""

    budget: BudgetAnswer
    status: BudgetStatus

    @property
    def spent(self) -> Decimal:
        """What counts against it; 0 where nobody can say."""
        return Decimal(self.status.spent or 0)

    @property
    def limit(self) -> Decimal:
        """What may be spent now; 0 where nobody can say how it stands."""
        return Decimal(self.status.limit or 0)

    @property
    def used_percent(self) -> Decimal:
        """How much of the limit is spent; all of one that leaves nothing to spend."""
        return self.spent * 100 / self.limit if self.limit > 0 else Decimal(100)

    @property
    def rests_on_forecast(self) -> bool:
        """Whether the step that is reached is one of what is expected."""
        return rests_on_forecast(self.status)

    @property
    def is_shadow(self) -> bool:
        """Whether it only watches."""
        return bool(self.budget.definition.get("shadow"))

    @property
    def every(self) -> str:
        """Its span of time, such as month."""
        return str(self.budget.definition.get("every", "month"))


async def budgets_of_centre(api: ApiClient, about: MonthOfCentre) -> Sequence[BudgetInForce]:
    """Those of the cost centres that are looked at, or of everything."""
    tops = about.tops

    def is_of(definition: Mapping[str, Any]) -> bool:
        if definition.get("everything"):
            return WHOLE_TREE in tops
        return definition.get("costCentre") in tops

    return await _in_force(api, is_of, about.filter)


async def budgets_of_user(api: ApiClient, object_id: str) -> Sequence[BudgetInForce]:
    """Those that limit the calls of one person alone."""
    return await _in_force(
        api, lambda of: bool(object_id) and str(of.get("user", "")).casefold() == object_id.casefold()
    )


async def _in_force(
    api: ApiClient, is_of: Callable[[Mapping[str, Any]], bool], where: Mapping[str, str] | None = None
) -> Sequence[BudgetInForce]:
    """Monthly ones come first, then those that do something."""
    budgets = await api.ask("/budgets", BudgetPage, {**(where or {}), "maxpagesize": _MOST})
    own = [each for each in budgets.value if is_of(each.definition)]
    if not own:
        return ()
    statuses = await api.ask("/budget/status", BudgetStatuses)
    by_id: Mapping[str, BudgetStatus] = {each.id: each for each in statuses.value}
    found = [BudgetInForce(each, by_id[each.id]) for each in own if each.id in by_id]
    return sorted(found, key=lambda each: (each.every != "month", each.is_shadow, each.budget.id))
