"""Why a step of a budget began or was taken back where that was not simply usage: what else has changed, and matters.

A change is named as the cause if without it the step would be as it was before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Self

import msgspec

from chargeback.domain.budgets.budget import Measure, Override, Step
from chargeback.domain.budgets.state import BooksClock, BudgetState, Spend, begun_on, reached_at
from chargeback.domain.money.exact import EXACT, ZERO, total
from chargeback.domain.money.numerals import said_amount
from chargeback.services.alerts.wording import said_date

_SETTLING = timedelta(days=1)
"""Usage of yesterday may still come, and streams be settled: only what is older counts as corrected."""


class BudgetBasis(msgspec.Struct, frozen=True):
    """What decided the steps of a budget at a moment.

    Attributes:
        window: the first date of the window.
        amount: that of the configuration.
        carried: from earlier windows.
        overrides: what those in force added.
        steps: those that the budget had (`step_name`).
        until: usage before this date was final, as far as anybody knew.
        final: what was spent in the window before that date.
        known: what was spent in the window.
        estimated: calls whose usage was not known, in addition.
        forecast: what the window was expected to end with.
    """

    window: date
    amount: Decimal
    carried: Decimal
    overrides: Decimal
    steps: tuple[str, ...]
    until: date
    final: Decimal
    known: Decimal
    estimated: Decimal
    forecast: Decimal | None = None

    @classmethod
    def of(cls, state: BudgetState, spend: Mapping[date, Spend], clock: BooksClock) -> Self:
        """What decides the steps of a budget now."""
        until = clock.today - _SETTLING
        return cls(
            state.window.first,
            state.budget.amount,
            state.carried,
            total(each.amount for each in state.overrides),
            tuple(map(step_name, state.budget.steps)),
            until,
            spent_before(until, state, spend, clock),
            state.spend.known,
            state.spend.estimated,
            state.forecast,
        )

    @property
    def settled(self) -> "BudgetBasis":
        """The same without what every call changes."""
        return msgspec.structs.replace(self, known=ZERO, estimated=ZERO, forecast=None)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands now, for comparison with an earlier basis.

    Attributes:
        final: what is spent in the window before the date `until` of that basis.
        overrides: every override of the budget, whenever it holds or held.
    """

    state: BudgetState
    final: Decimal
    overrides: tuple[Override, ...]
    now: datetime

    @classmethod
    def since(
        cls,
        before: BudgetBasis,
        state: BudgetState,
        spend: Mapping[date, Spend],
        overrides: tuple[Override, ...],
        clock: BooksClock,
    ) -> Self:
        """How a budget stands, to be compared with how it stood before."""
        return cls(state, spent_before(before.until, state, spend, clock), overrides, clock.now)

    def reaches(
        self,
        step: Step,
        *,
        amount: Decimal | None = None,
        carried: Decimal | None = None,
        overrides: Decimal | None = None,
        more: Decimal = ZERO,
    ) -> bool:
        """Whether the step would be reached with another part of the limit, or if so much more were spent."""
        state = self.state
        parts = [
            state.budget.amount if amount is None else amount,
            state.carried if carried is None else carried,
            total(each.amount for each in state.overrides) if overrides is None else overrides,
        ]
        used = state.spend.total
        if step.of is Measure.FORECAST:
            used = max(used, state.forecast or ZERO)
        return EXACT.add(used, more) >= reached_at(step, max(total(parts), ZERO))


def step_name(step: Step) -> str:
    """Such as `80 % actual`: the steps of one budget with this name are told together."""
    return f"{step.percent.normalize():f} % {step.of}"


def spent_before(until: date, state: BudgetState, spend: Mapping[date, Spend], clock: BooksClock) -> Decimal:
    """The known spend of the budget's window before a date."""
    first = max(state.window.first, begun_on(state.budget, clock))
    return total(spent.known for day, spent in spend.items() if first <= day < until)


def causes_of_raising(step: Step, before: BudgetBasis, now: Standing) -> list[str]:
    """What else than usage led to a step; `before`: the budget when it was looked at last."""
    if before.window != now.state.window.first:
        return []
    if step_name(step) not in before.steps:
        return ["the budget was changed: this step is new"]
    corrected = EXACT.subtract(now.final, before.final)
    return [
        *(_changed_amount(before, now) if not now.reaches(step, amount=before.amount) else ()),
        *(_changed_overrides(before, now) if not now.reaches(step, overrides=before.overrides) else ()),
        *(_changed_carry(before, now) if not now.reaches(step, carried=before.carried) else ()),
        *(_corrected(before, corrected, now) if not now.reaches(step, more=EXACT.minus(corrected)) else ()),
    ]


def causes_of_clearing(step: Step, before: BudgetBasis, now: Standing) -> list[str]:
    """What took a step back that was reached; `before`: the budget when the step was told."""
    less = max(EXACT.subtract(EXACT.add(before.known, before.estimated), now.state.spend.total), ZERO)
    amount, overrides = list(_changed_amount(before, now)), list(_changed_overrides(before, now))
    carried, taken_back = list(_changed_carry(before, now)), list(_taken_back(before, less, now))
    enough = [
        *(amount if now.reaches(step, amount=before.amount) else ()),
        *(overrides if now.reaches(step, overrides=before.overrides) else ()),
        *(carried if now.reaches(step, carried=before.carried) else ()),
        *(taken_back if now.reaches(step, more=less) else ()),
    ]
    expected = list(_expected_less(before, now)) if step.of is Measure.FORECAST else []
    return enough or [*amount, *overrides, *carried, *taken_back, *expected]


def _changed_amount(before: BudgetBasis, now: Standing) -> Iterator[str]:
    budget = now.state.budget
    if budget.amount != before.amount:
        was, is_now = (said_amount(each, budget.currency) for each in (before.amount, budget.amount))
        yield f"the budget was changed from {was} to {is_now}"


def _changed_overrides(before: BudgetBasis, now: Standing) -> Iterator[str]:
    """The override that holds now, or the one that ended last."""
    state, currency = now.state, now.state.budget.currency
    if total(each.amount for each in state.overrides) == before.overrides:
        return
    for each in state.overrides:
        verb = "raised" if each.amount > 0 else "lowered"
        by = said_amount(abs(each.amount), currency)
        yield f"{each.by} {verb} the limit by {by} until {_moment(each.until)}: {each.reason}"
    ended = [each for each in now.overrides if each.until <= now.now]
    if not state.overrides and ended:
        last = max(ended, key=lambda each: each.until)
        yield f"the change of the limit by {said_amount(last.amount, currency)} that {last.by} made has ended"


def _changed_carry(before: BudgetBasis, now: Standing) -> Iterator[str]:
    if now.state.carried != before.carried:
        was, is_now = (said_amount(each, now.state.budget.currency) for each in (before.carried, now.state.carried))
        yield f"what earlier windows left was corrected from {was} to {is_now}"


def _corrected(before: BudgetBasis, amount: Decimal, now: Standing) -> Iterator[str]:
    if amount:
        said = said_amount(amount, now.state.budget.currency)
        yield f"a correction: usage before {said_date(before.until)} came late or has other prices, {said} in all"


def _taken_back(before: BudgetBasis, amount: Decimal, now: Standing) -> Iterator[str]:
    if not amount:
        return
    settled = EXACT.subtract(before.estimated, now.state.spend.estimated)
    said = said_amount(amount, now.state.budget.currency)
    if settled >= amount and now.final >= before.final:
        yield f"calls that were counted by an estimate cost less: {said} in all"
    else:
        yield f"a correction took back {said} of the spend"


def _expected_less(before: BudgetBasis, now: Standing) -> Iterator[str]:
    if before.forecast is not None and now.state.forecast is not None:
        was, is_now = (said_amount(each, now.state.budget.currency) for each in (before.forecast, now.state.forecast))
        yield f"less is expected now: {is_now} in place of {was}"


def _moment(moment: datetime) -> str:
    return f"{said_date(moment.astimezone(UTC).date())} {moment.astimezone(UTC):%H:%M} UTC"
