"""What is wrong with budgets by themselves: steps in an order that makes no sense, limits that nobody could keep."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from chargeback.domain.budgets.budget import NO_ROLLOVER, Action, Budget, Measure, Rollover, Step


def budget_faults(budget: Budget) -> Iterator[str]:
    """Faults of one budget, each beginning with its place."""
    if budget.amount <= 0:
        yield f"amount: {budget.amount} is not above zero"
    yield from budget.effective.faults()
    yield from _rollover_faults(budget)
    if not budget.steps:
        yield "steps: names none"
    for number, step in enumerate(budget.steps):
        yield from (f"steps[{number}].{fault}" for fault in _step_faults(step))
    for measure in Measure:
        steps = [(number, step) for number, step in enumerate(budget.steps) if step.of is measure]
        for (_, earlier), (number, step) in pairwise(steps):
            if step.percent < earlier.percent:
                yield f"steps[{number}].percent: {step.percent} is below the {earlier.percent} before it"
        yield from _idle_steps(steps)


def twins(budgets: Sequence[tuple[str, Budget]]) -> Iterator[str]:
    """Budgets, which come with their places, that have the id of another one, or its scope and windows."""
    ids: set[str] = set()
    limits: dict[tuple[object, ...], list[Budget]] = {}
    for place, budget in budgets:
        if budget.id in ids:
            yield f"{place}.id: {budget.id!r} is there twice"
        ids.add(budget.id)
        if budget.shadow:
            continue
        known = limits.setdefault((budget.scope, budget.every), [])
        if other := next((each for each in known if each.effective.overlaps(budget.effective)), None):
            yield (
                f"{place}.every: {budget.scope} has the budget {other.id!r} for every {budget.every} already:"
                " let one of them end before the other begins, or be in shadow"
            )
        known.append(budget)


def _step_faults(step: Step) -> Iterator[str]:
    if step.percent <= 0:
        yield f"percent: {step.percent} is not above zero"
    if step.action is Action.SWAP and not step.fallback:
        yield "swap: names no model and what is called in its place"
    if step.action is not Action.SWAP and step.fallback:
        yield f"swap: belongs to `do: swap`, not to {step.action}"
    if step.action is Action.THROTTLE and (step.tokens_per_minute is None or step.tokens_per_minute < 1):
        yield "tokensPerMinute: a throttle needs how many tokens a caller may use in a minute, at least 1"
    if step.action is not Action.THROTTLE and step.tokens_per_minute is not None:
        yield f"tokensPerMinute: belongs to `do: throttle`, not to {step.action}"


def _idle_steps(steps: Sequence[tuple[int, Step]]) -> Iterator[str]:
    """Steps of one measure that change nothing, because a more severe one acts from there on already."""
    for index, (number, step) in enumerate(steps):
        if step.action is Action.NOTIFY:
            continue
        before = [other for _, other in steps[:index] if other.action.severity >= step.action.severity]
        if before:
            yield f"steps[{number}].do: {step.action} changes nothing after {before[0].action} at {before[0].percent} %"


def _rollover_faults(budget: Budget) -> Iterator[str]:
    rollover: Rollover = budget.rollover
    if rollover == NO_ROLLOVER:
        return
    if not rollover.unspent and not rollover.overage:
        yield "rollover.unspent: nothing is carried; say `unspent: true` or `overage: true`, or leave rollover out"
    if budget.effective.start is None:
        yield "effectiveFrom: is missing; money is carried from the window on in which a budget begins"
    if rollover.cap <= 0:
        yield f"rollover.cap: {rollover.cap} is not above zero"
    if rollover.expires_after < 1:
        yield f"rollover.expiresAfter: {rollover.expires_after} is less than one window"
