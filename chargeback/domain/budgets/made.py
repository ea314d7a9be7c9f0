"""Budgets that people made beside the files: what speaks against having them beside those of the files.

What a configuration takes away, such as a cost centre or a deployment, never makes it unusable: a budget of a cost
centre that is gone watches nothing more, and a swap to a deployment that is gone only warns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from chargeback.domain.budgets.budget import Budget, Step


def clashes(filed: Sequence[Budget], made: Sequence[Budget]) -> Iterator[str]:
    """Why budgets of files cannot hold beside the made ones."""
    by_id = {each.id: each for each in made}
    for budget in filed:
        if budget.id in by_id:
            yield f"{budget.id!r} was made beside the files already: delete that one, or take another id"
            continue
        for other in made:
            if is_twin(budget, other):
                yield (
                    f"{budget.id!r}: {budget.scope} has the budget {other.id!r} for every {budget.every} already, which"
                    " was made beside the files: let one of them end before the other begins, or be in shadow"
                )


def is_twin(budget: Budget, other: Budget) -> bool:
    """Whether two budgets limit the same usage in the same windows at some time."""
    if budget.shadow or other.shadow or (budget.scope, budget.every) != (other.scope, other.every):
        return False
    return budget.effective.overlaps(other.effective)


def with_deployed_swaps(budget: Budget, is_deployed: Callable[[str], bool]) -> Budget:
    """A budget whose swaps name only deployments that are there; the budget itself where all are."""
    if all(is_deployed(other) for step in budget.steps for other in step.fallback.values()):
        return budget
    return replace(budget, steps=tuple(_deployed(step, is_deployed) for step in budget.steps))


def _deployed(step: Step, is_deployed: Callable[[str], bool]) -> Step:
    return replace(step, fallback={asked: other for asked, other in step.fallback.items() if is_deployed(other)})
