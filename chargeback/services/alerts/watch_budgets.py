"""Watches budgets: raises each step that is reached, and says what took it back when it is no more.

The timer looks each minute and remembers on what the steps rest. In between, calls that were counted have it looked
whether a step is new, so that nobody waits for the minute.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import msgspec

from chargeback.domain.alerts.alert import Alert, Matter, Sighting
from chargeback.domain.alerts.facts import Facts
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.domain.alerts.watching import Look
from chargeback.domain.budgets.budget import Action, Budget, Measure, ScopeKind, Step
from chargeback.domain.budgets.state import BudgetState, reached_at
from chargeback.domain.budgets.windows import Every
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.money.exact import EXACT
from chargeback.domain.outlook.forecast import Estimate
from chargeback.log_line import log_line
from chargeback.services.alerts.budget_bases import BudgetBases
from chargeback.services.alerts.budget_causes import BudgetBasis, causes_of_clearing, step_name
from chargeback.services.alerts.budget_facts import BASIS, budget_sightings, cleared_facts, facts_of_gone, window_name
from chargeback.services.alerts.explain_steps import StepExplainer, standing_since
from chargeback.services.alerts.raise_alerts import AlertChanges, Alerts
from chargeback.services.budgets.forecasts import is_forecast
from chargeback.services.budgets.states import BudgetStates, Evaluation
from chargeback.services.ports.control import Catalogues

log = logging.getLogger(__name__)

NOTICE_SECONDS = 10.0
"""From one look at whether counted calls reach a step to the next: people are told within a minute all the same."""

LONGEST_NOTICE = 45.0
"""Seconds after which such a look is given up."""

OVERRUN = Step(Decimal(100), Action.NOTIFY, Measure.FORECAST)
"""What is told once a day of the budgets of cost centres without a step on the forecast."""

_STAYS_ABOVE = Decimal("0.95")
"""A forecast that falls below a step by less than this is no news: it moves a little each day."""


class BudgetWatch:
    """Looks how budgets stand, and has people told."""

    def __init__(
        self,
        states: BudgetStates,
        alerts: Alerts,
        catalogues: Catalogues,
        bases: BudgetBases,
        explainer: StepExplainer,
        clock: Callable[[], datetime],
        *,
        link: str = "",
    ) -> None:
        """`link`: where the messages lead."""
        self._states = states
        self._alerts = alerts
        self._catalogues = catalogues
        self._bases = bases
        self._explainer = explainer
        self._clock = clock
        self._link = link
        self._seen: frozenset[Matter] = frozenset()

    async def watch(self) -> AlertChanges:
        """Raise, clear and end what is to be told of budgets; whatever fails is made up for by the next time."""
        found = await self._states.evaluate(self._clock())
        changes = await self._look(found, await self._sightings(found))
        await self._bases.keep(
            {each.budget.id: BudgetBasis.of(each, found.spend[each.budget.id], found.clock) for each in found.states}
        )
        return changes

    async def notice(self) -> None:
        """Calls were counted: raise the steps that were not reached before."""
        found = await self._states.evaluate(self._clock())
        sightings = await self._sightings(found)
        if not self._seen.issuperset(each.matter for each in sightings):
            await self._look(found, sightings)

    async def look_ahead(self) -> AlertChanges:
        """Tell which months are expected to overrun the budget of a cost centre, where no step says so."""
        found = await self._states.evaluate(self._clock())
        ahead = {each.budget.id: each for each in found.states if _is_looked_ahead(each.budget)}
        budgets = [each.budget for each in ahead.values()]
        expected = await self._states.forecast(budgets, found.clock.now, seconds=math.inf)
        ahead = {name: _with_overrun(ahead[name], estimate) for name, estimate in expected.items()}
        of_overruns = replace(found, states=tuple(ahead.values()), forecasts=expected)
        look = Look(
            AlertKind.BUDGET,
            found.clock.now,
            await self._sightings(of_overruns),
            lambda matter: (
                matter.step == step_name(OVERRUN)
                and matter.rule in ahead
                and _is_known(matter, ahead[matter.rule], found.unknown)
            ),
            lambda alert: _facts_of_clearing(alert, ahead.get(alert.matter.rule), found, self._link),
        )
        return await self._alerts.see(look, lambda raised: self._explainer.explain(raised, found, ahead))

    async def _sightings(self, found: Evaluation) -> list[Sighting]:
        allocation = (await self._catalogues.current()).allocation
        rules: list[Rule] = [rule for rule in allocation.rules if rule.effective.holds(found.clock.now)]
        return budget_sightings(found, rules, self._link)

    async def _look(self, found: Evaluation, sightings: Sequence[Sighting]) -> AlertChanges:
        states = {each.budget.id: each for each in found.states}
        look = Look(
            AlertKind.BUDGET,
            found.clock.now,
            sightings,
            lambda matter: _is_known(matter, states.get(matter.rule), found.unknown),
            lambda alert: _facts_of_clearing(alert, states.get(alert.matter.rule), found, self._link),
        )
        changes = await self._alerts.see(look, lambda raised: self._explainer.explain(raised, found, states))
        self._seen = look.matters
        return changes


def report_late_alerts(reason: str) -> None:
    """Log that calls were counted, and that nobody knows yet whether they reach a step."""
    log_line(log, "alerts_late", level=logging.WARNING, reason=reason)


def _is_known(matter: Matter, state: BudgetState | None, unknown: Mapping[str, str]) -> bool:
    """Whether it is certain that a step which is not seen is no longer reached, or that its window is over."""
    if matter.rule in unknown:
        return False
    if state is None or matter.period != window_name(state.budget.every, state.window):
        return True
    step = _step(matter.step, state)
    if step is None:
        return matter.step != step_name(OVERRUN) or not _is_looked_ahead(state.budget)
    if step.of is Measure.ACTUAL:
        return True
    if state.forecast is None:
        return False
    return state.forecast < EXACT.multiply(reached_at(step, state.limit), _STAYS_ABOVE)


def _is_looked_ahead(budget: Budget) -> bool:
    """Whether it is a month of a cost centre that has no step on its forecast."""
    is_of_a_month = budget.scope.kind is ScopeKind.COST_CENTRE and budget.every is Every.MONTH and not budget.shadow
    return is_of_a_month and (budget.steps == (OVERRUN,) or not is_forecast(budget))


def _with_overrun(state: BudgetState, estimate: Estimate) -> BudgetState:
    """The state as if the only step were that on the forecast of the whole limit."""
    expected = max(estimate.expected, state.spend.total)
    reached = (OVERRUN,) if expected >= reached_at(OVERRUN, state.limit) else ()
    return replace(state, budget=replace(state.budget, steps=(OVERRUN,)), forecast=estimate.expected, reached=reached)


def _facts_of_clearing(alert: Alert, state: BudgetState | None, found: Evaluation, link: str) -> Facts:
    if state is None:
        return facts_of_gone(alert, "the budget is no longer in force", link)
    step = _step(alert.matter.step, state)
    if step is None:
        return facts_of_gone(alert, "the budget was changed: this step is no longer there", link)
    causes: list[str] = []
    if BASIS in alert.basis:
        before = msgspec.json.decode(alert.basis[BASIS], type=BudgetBasis, strict=False)
        causes = causes_of_clearing(step, before, standing_since(before, state, found))
    return cleared_facts(state, step, causes, link)


def _step(name: str, state: BudgetState | None) -> Step | None:
    return next((step for step in state.budget.steps if step_name(step) == name), None) if state else None
