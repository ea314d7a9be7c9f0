"""What finance plans for a month by company, ERP object and account, and how the month differs from it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.time.months import Month

PlanKey = tuple[str, str, str, str]
"""Company code, object, account and currency."""


class PlanLine(msgspec.Struct, frozen=True, rename="camel"):
    """A line of a plan; `amount` is exact decimal text, and empty where nobody can say it."""

    company: str
    object: str
    account: str
    amount: str
    currency: str

    @property
    def key(self) -> PlanKey:
        """What the line is about; a plan has it once."""
        return (self.company, self.object, self.account, self.currency)


class Plan(msgspec.Struct, frozen=True, rename="camel"):
    """A version of the plan of a month; it never changes."""

    period: Month
    version: str
    lines: tuple[PlanLine, ...]


@dataclass(frozen=True, slots=True)
class PlanVariance:
    """How a month differs from its plan.

    Attributes:
        planned: None where the plan has no such line, or nobody could say it.
        actual: what is charged; for an open month, so far.
        expected: what will be charged at the end of the month; None where nobody can say it.
    """

    key: PlanKey
    planned: Decimal | None
    actual: Decimal
    expected: Decimal | None

    @property
    def variance(self) -> Decimal | None:
        """What is charged minus the plan; None where nothing was planned."""
        return None if self.planned is None else EXACT.subtract(self.actual, self.planned)


def plan_sums(amounts: Iterable[tuple[PlanKey, Decimal | None]]) -> dict[PlanKey, Decimal | None]:
    """The sum of each key; None where one of its amounts is not known, because the sum is not known then."""
    sums: dict[PlanKey, Decimal | None] = {}
    for key, amount in amounts:
        before = sums.get(key, ZERO)
        sums[key] = None if amount is None or before is None else EXACT.add(before, amount)
    return dict(sorted(sums.items()))


def variances_of(
    plan: Plan, actual: dict[PlanKey, Decimal | None], expected: dict[PlanKey, Decimal | None]
) -> Sequence[PlanVariance]:
    """Every key that is planned, charged or expected, in order."""
    planned = {line.key: Decimal(line.amount) if line.amount else None for line in plan.lines}
    return [
        PlanVariance(key, planned.get(key), actual.get(key) or ZERO, expected.get(key, ZERO))
        for key in sorted({*planned, *actual, *expected})
    ]
