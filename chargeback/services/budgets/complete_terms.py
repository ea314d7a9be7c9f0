"""Puts the budgets that people made beside those of the files: the one place where both come together."""

from collections.abc import Sequence

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.budgets.made import clashes, with_deployed_swaps
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.terms import Terms
from chargeback.services.budgets.made_budgets import MadeBudgets
from chargeback.services.ports.control import Control

_KEPT = 4
"""As many terms are in use at the same time: those in force and those of the files, before and after a change."""


class CompleteTerms:
    """Completes terms; the same terms with the same budgets stay one object, by which others see that nothing changed.

    What is made once is kept for the terms that were asked for last.
    """

    def __init__(self, control: Control) -> None:
        self._made = MadeBudgets(control)
        self._known: list[tuple[Terms, tuple[Budget, ...], Terms]] = []

    async def of(self, terms: Terms, catalogue: Catalogue) -> Terms:
        """Terms that are in force, with the made budgets; where both have an id, that of the files counts."""
        deployed = {name for names in catalogue.deployments.values() for name in names}
        made = tuple(
            with_deployed_swaps(each, lambda name: name.casefold() in deployed) for each in await self._made.in_force()
        )
        if not made:
            return terms
        for filed, beside, complete in self._known:
            if filed is terms and beside == made:
                return complete
        complete = terms.with_made_budgets(made)
        self._known = [(terms, made, complete), *self._known][:_KEPT]
        return complete

    async def checked(self, terms: Terms) -> Terms:
        """Terms that are to come into force, with the made budgets.

        Raises `InvalidConfig` where both cannot hold beside each other.
        """
        made: Sequence[Budget] = await self._made.in_force()
        if faults := [f"budgets.yaml: {fault}" for fault in clashes(terms.filed_budgets, made)]:
            raise InvalidConfig(faults)
        return terms.with_made_budgets(made) if made else terms
