"""Budgets for tests, with defaults for what a test does not care about, and terms that have them."""

from decimal import Decimal
from typing import Any

from chargeback.domain.budgets.budget import Budget, plain_budget
from chargeback.domain.budgets.spend_fields import read_scope
from chargeback.domain.budgets.windows import Every
from chargeback.domain.terms.terms import Terms


def budget(scope: str, amount: str = "100", **fields: Any) -> Budget:
    """A monthly budget of a scope, such as `subscription:search`, known by the scope's name."""
    given = {"id": scope, "currency": "USD", "every": Every.MONTH} | fields
    return Budget(scope=read_scope(scope), amount=Decimal(amount), **given)


def limited(*scopes: str) -> Terms:
    """Terms with a monthly budget for each of these scopes."""
    return Terms(budgets=[budget(scope) for scope in scopes])


def monthly(cost_centre: str, amount: str | int, *percents: int | str, currency: str = "USD") -> Budget:
    """A monthly budget of a cost centre that notifies at these percentages."""
    return plain_budget(cost_centre, Decimal(amount), currency, map(Decimal, percents))
