"""Budgets for tests, with defaults for what a test does not care about, and terms that have them."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.budgets.spend_fields import read_scope
from chargeback.domain.budgets.windows import Every
from chargeback.domain.terms.terms import Terms


def budget(scope: str, amount: str = "100", **fields: Any) -> Budget:
    """A monthly budget of a scope, such as `subscription:search`, known by the scope's name."""
    given = {"id": scope, "currency": "USD", "every": Every.MONTH} | fields
    return Budget(scope=read_scope(scope), amount=Decimal(amount), **given)


class LimitedTerms(Terms):
    """Terms with budgets of any scope."""

    def __init__(self, limits: Sequence[Budget], **fields: Any) -> None:
        super().__init__(**fields)
        self._limits = tuple(limits)

    @cached_property
    def limits(self) -> tuple[Budget, ...]:
        """The budgets."""
        return self._limits


def limited(*scopes: str) -> Terms:
    """Terms with a monthly budget for each of these scopes."""
    return LimitedTerms([budget(scope) for scope in scopes])
