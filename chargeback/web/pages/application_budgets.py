"""How much of each budget is used, for the applications that it holds for."""

from decimal import Decimal
from typing import NamedTuple
from urllib.parse import quote

from chargeback.api.budgets.bodies import BudgetStatus, name_in_path
from chargeback.api.budgets.standing import BudgetStatuses
from chargeback.web.api_client import ApiClient


class OwnBudgetUse(NamedTuple):
    """A budget, and how much of its limit is used; None where nobody can tell."""

    status: BudgetStatus
    used_percent: Decimal | None
    address: str


async def budget_uses(api: ApiClient) -> dict[str, OwnBudgetUse]:
    """Id → the budget, of all that whoever asks may see. Raises `ApiRefused`."""
    found = await api.ask("/budget/status", BudgetStatuses)
    return {
        each.id: OwnBudgetUse(each, _used(each), f"/budgets/{quote(name_in_path(each.id))}") for each in found.value
    }


def _used(status: BudgetStatus) -> Decimal | None:
    if status.spent is None or status.limit is None or Decimal(status.limit) <= 0:
        return None
    return Decimal(status.spent) * 100 / Decimal(status.limit)
