"""What rates a life's usage: configurations that say one price, and the bill that has a true-up in it, too."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from chargeback.adapters.config.applied import AppliedCatalogues
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.terms.shared_costs import amount
from chargeback.domain.terms.terms import ClosingRules, Terms
from chargeback.services.budgets.complete_terms import CompleteTerms
from chargeback.services.closing.late_changes import LateChange
from chargeback.services.configuring.versions import ConfigVersion, ConfigVersions
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import Version
from chargeback.services.reconciling.true_up import true_up_costs
from tests.support.closing_product import Bill, Billed, priced, read_bill

TERMS = Terms(closing=ClosingRules(unpriced_percent=Decimal(100), unsettled_percent=Decimal(100)))
FIRST = "2.5"
"""The price that the installation begins with."""

instance: ContextVar[int] = ContextVar("instance", default=0)
"""Which process of the product a run is in."""


@cache
def of_price(price: str) -> Catalogue:
    """The catalogue with this price for input; output has none."""
    return priced(price)


class PricedCatalogues(AppliedCatalogues):
    """The product's own, but that a configuration is one price, and that a minute ends when `forget` says so."""

    def __init__(self, control: Any) -> None:
        self._kept = ConfigVersions(control)
        self._periods = PeriodDocuments(control)
        self._complete = CompleteTerms(control)
        self._known = None
        self._versions = {}

    def forget(self) -> None:
        """More than a minute has passed."""
        self._known = None

    async def version(self) -> Version:
        """The applied version; the one of the first price before any was applied."""
        self._known = None
        applied, _ = await self._kept.current()
        return self._read(applied.name, applied) if applied else Version("", of_price(FIRST), TERMS)

    def _read(self, name: str, stored: ConfigVersion) -> Version:
        return Version(name, of_price(stored.documents["price"]), TERMS)


class Instances:
    """The catalogues of two processes, each of which remembers for a minute what was in force."""

    def __init__(self, control: Any) -> None:
        self._each = [PricedCatalogues(control), PricedCatalogues(control)]

    def forget(self) -> None:
        """More than a minute has passed."""
        for each in self._each:
            each.forget()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # a copy asks for these before it has anything
        return getattr(self._each[instance.get()], name)


@dataclass
class TrueUpBill(Bill):
    """The bill with the period's true-up as a row."""

    control: Any = None

    async def charges(self, period: str, days: Sequence[str]) -> Billed:
        rows = await super().charges(period, days)
        return rows | await self.true_up(period, days)

    async def true_up(self, period: str, days: Sequence[str]) -> Billed:
        """For a period as a whole, and not for the days that are compared for corrections."""
        calendar = of_price(FIRST).calendar
        if list(days) != list(calendar.utc_days(period)):
            return {}
        return {
            (period, "", period, cost.cost_id, "", "true-up"): (0, amount(cost, period, calendar))
            for cost in await true_up_costs(self.control, period, TERMS, calendar)
            if cost.price
        }

    async def _corrections(self, late: LateChange) -> Billed:
        """With what the true-up is now, less what was billed of it."""
        rows = await super()._corrections(late)
        due = await self.true_up(late.period, of_price(FIRST).calendar.utc_days(late.period))
        for name in late.billed:
            billed = read_bill(b"".join([piece async for piece in self.closed.read(f"{name}/bill-{name}.json")]))
            for key, (_, cost) in billed.items():
                if key[0] == late.period and key[-1] == "true-up":
                    due[key] = (0, due.get(key, (0, Decimal(0)))[1] - cost)
        return rows | {key: value for key, value in due.items() if any(value)}
