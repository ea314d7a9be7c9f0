"""Explains steps of budgets as they are told: who moved the spend, what is expected, and what else was the cause.

Each part has its own time and its own failure, because people are told with or without it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC
from typing import TypeVar

from chargeback.domain.alerts.alert import Matter, Sighting
from chargeback.domain.alerts.facts import Facts
from chargeback.domain.budgets.budget import Step
from chargeback.domain.budgets.state import BudgetState
from chargeback.domain.outlook.forecast import Estimate
from chargeback.log_line import log_line
from chargeback.services.alerts.budget_bases import Bases, BudgetBases
from chargeback.services.alerts.budget_causes import BudgetBasis, Standing, causes_of_raising, step_name
from chargeback.services.alerts.budget_facts import with_more
from chargeback.services.alerts.spend_movers import Movers, SpendMovers
from chargeback.services.budgets.states import BudgetStates, Evaluation
from chargeback.services.ports.control import Catalogues
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.together import together

log = logging.getLogger(__name__)

PART_SECONDS = 15.0

T = TypeVar("T")


class StepExplainer:
    """Finds what the state of a budget alone does not say."""

    def __init__(self, states: BudgetStates, catalogues: Catalogues, bases: BudgetBases, movers: SpendMovers) -> None:
        self._states = states
        self._catalogues = catalogues
        self._bases = bases
        self._movers = movers

    async def explain(
        self, sightings: Sequence[Sighting], found: Evaluation, by_id: Mapping[str, BudgetState]
    ) -> Mapping[Matter, Facts]:
        """The facts of steps that are raised now."""
        states = [by_id[name] for name in dict.fromkeys(each.matter.rule for each in sightings)]
        movers, forecasts, bases = await together(
            _part("movers", self._who_moved(states, found), {}),
            _part("forecast", self._expected(states, found), {}),
            _part("cause", self._bases.known(), None),
        )
        return {
            each.matter: _explained(each, by_id[each.matter.rule], found, movers, forecasts, bases)
            for each in sightings
        }

    async def _who_moved(self, states: Sequence[BudgetState], found: Evaluation) -> Mapping[str, Movers]:
        in_force, terms = await self._catalogues.in_force(), await self._catalogues.terms()
        return await self._movers.of(states, found.clock, in_force, terms)

    async def _expected(self, states: Sequence[BudgetState], found: Evaluation) -> Mapping[str, Estimate]:
        others = [each.budget for each in states if each.budget.id not in found.forecasts]
        return {**found.forecasts, **await self._states.forecast(others, found.clock.now)}


def standing_since(before: BudgetBasis, state: BudgetState, found: Evaluation) -> Standing:
    """How a budget stands, to be compared with how it stood before."""
    return Standing.since(before, state, found.spend[state.budget.id], found.overrides_of(state.budget), found.clock)


async def _part(name: str, work: Awaitable[T], otherwise: T) -> T:
    try:
        async with asyncio.timeout(PART_SECONDS):
            return await work
    except Exception as error:  # noqa: BLE001 whatever is wrong with one part, the others are told
        log_line(log, "alert_facts_missing", level=logging.WARNING, alerts=1, reason=f"{name}: {reason_of(error)}")
        return otherwise


def _explained(
    sighting: Sighting,
    state: BudgetState,
    found: Evaluation,
    movers: Mapping[str, Movers],
    forecasts: Mapping[str, Estimate],
    bases: Bases | None,
) -> Facts:
    of_budget = movers.get(state.budget.id, Movers())
    since = f"{of_budget.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if of_budget.since else ""
    return with_more(
        sighting,
        movers=of_budget.movers,
        movers_since=since,
        forecast=forecasts.get(state.budget.id),
        causes=_causes(sighting, state, found, bases),
    )


def _causes(sighting: Sighting, state: BudgetState, found: Evaluation, bases: Bases | None) -> list[str]:
    if bases is None:
        return []
    before = bases.get(state.budget.id)
    if before is None:
        return ["the budget is new"]
    known = next((each.budget.steps for each in found.states if each.budget.id == state.budget.id), ())
    if sighting.matter.step not in map(step_name, known):
        return []  # nobody configured it
    step: Step = next(each for each in state.reached if step_name(each) == sighting.matter.step)
    return causes_of_raising(step, before, standing_since(before, state, found))
