"""What is said of budgets: each step that is reached now, with the figures that `budgets status` shows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import msgspec

from chargeback.domain.alerts.alert import Alert, Matter, Sighting
from chargeback.domain.alerts.facts import AlertFigure, AlertMover, Expectation, Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.budgets.budget import Action, Budget, Measure, ScopeKind, Step
from chargeback.domain.budgets.state import BudgetState, begun_on, reached_at
from chargeback.domain.budgets.windows import Every, Window
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.cost_centres.tree import is_within, with_ancestors
from chargeback.domain.money.exact import EXACT, ZERO, round_total, total
from chargeback.domain.money.numerals import said_amount
from chargeback.domain.outlook.forecast import Estimate
from chargeback.services.alerts.budget_causes import BudgetBasis, step_name
from chargeback.services.alerts.wording import as_sentence, said_percent, said_scope, said_window
from chargeback.services.budgets.states import Evaluation

BASIS = "budget"
"""Under this name an alert remembers what its budget rested on (`BudgetBasis`)."""

_WHOLE = Decimal(100)
_FIELDS = {
    ScopeKind.SUBSCRIPTION: "subscription",
    ScopeKind.PRODUCT: "product",
    ScopeKind.APP: "app",
    ScopeKind.USER: "userObjectId",
}
_FROM_NOW_ON = {
    Action.NOTIFY: "Calls are served as before",
    Action.WARN: "Callers are warned",
    Action.SWAP: "Calls go to another model",
    Action.THROTTLE: "Calls are slowed down",
    Action.BLOCK: "Calls that cost something are refused",
}
_IN_SHADOW = {
    Action.NOTIFY: "calls would be served as before",
    Action.WARN: "callers would be warned",
    Action.SWAP: "calls would go to another model",
    Action.THROTTLE: "calls would be slowed down",
    Action.BLOCK: "calls that cost something would be refused",
}


def budget_sightings(found: Evaluation, rules: Sequence[Rule], link: str) -> list[Sighting]:
    """A sighting for each step that is reached; steps at one percentage of one measure are one matter."""
    return [_sighting(state, steps, found, rules, link) for state in found.states for steps in _by_name(state.reached)]


def window_name(every: Every, window: Window) -> str:
    """Such as `2026-11-30`, `2026-W49`, `2026-11`, `2026-Q4` or `2026`."""
    first = window.first
    match every:
        case Every.DAY:
            return first.isoformat()
        case Every.WEEK:
            return f"{first.isocalendar().year}-W{first.isocalendar().week:02}"
        case Every.MONTH:
            return f"{first:%Y-%m}"
        case Every.QUARTER:
            return f"{first.year}-Q{(first.month + 2) // 3}"
        case Every.YEAR:
            return str(first.year)


def cost_centre_of(budget: Budget, rules: Iterable[Rule]) -> str:
    """The lowest cost centre that pays for all usage of a budget, as far as rules name it; empty: the whole company."""
    scope = budget.scope
    if scope.kind is ScopeKind.COST_CENTRE:
        return scope.value
    name = _FIELDS.get(scope.kind)
    value = scope.value.rpartition("/")[2] if scope.kind is ScopeKind.APP else scope.value
    payers = [rule.cost_centre for rule in rules if name is not None and rule.when.get(name) == value]
    if not payers:
        return ""
    return next((path for path in with_ancestors(payers[0]) if all(is_within(each, path) for each in payers)), "")


def with_more(
    sighting: Sighting,
    *,
    movers: Sequence[AlertMover] = (),
    movers_since: str = "",
    forecast: Estimate | None = None,
    causes: Sequence[str] = (),
) -> Facts:
    """The facts of a sighting with what takes longer to find out."""
    facts = sighting.facts
    figures = facts.figures
    if movers and movers_since:
        figures = (*figures, AlertFigure("Who moved it most", f"since {movers_since}"))
    return replace(
        facts,
        figures=figures,
        movers=tuple(movers),
        forecast=expectation(forecast) if forecast else facts.forecast,
        cause=_joined(causes),
    )


def cleared_facts(state: BudgetState, step: Step, causes: Sequence[str], link: str) -> Facts:
    """What is said when a step is taken back."""
    budget = state.budget
    scope, of = as_sentence(said_scope(budget.scope)), said_percent(step.percent)
    spent, limit = (said_amount(each, budget.currency) for each in (state.spend.total, state.limit))
    window = said_window(budget.every, state.window)
    headline = f"{scope} is below {of} of its budget for {window} again: {spent} of {limit}"
    if step.of is Measure.FORECAST and state.forecast is not None:
        expected = said_amount(state.forecast, budget.currency)
        headline = f"{scope} is expected to stay below {of} of its budget for {window}: {expected} of {limit}"
    return Facts(headline, _figures(state), budget.currency, cause=_joined(causes), link=link)


def facts_of_gone(alert: Alert, cause: str, link: str) -> Facts:
    """What is said when there is no such step any more."""
    return Facts(f"No longer so: {alert.raised.facts.headline}", cause=as_sentence(cause), link=link)


def expectation(estimate: Estimate) -> Expectation:
    """An estimate with its band of 80 %."""
    return Expectation(estimate.within_80.low, estimate.expected, estimate.within_80.high)


def _joined(causes: Sequence[str]) -> str:
    return as_sentence("; ".join(causes))


def _by_name(steps: Iterable[Step]) -> Iterator[list[Step]]:
    found: dict[str, list[Step]] = {}
    for step in steps:
        found.setdefault(step_name(step), []).append(step)
    yield from found.values()


def _sighting(
    state: BudgetState, steps: Sequence[Step], found: Evaluation, rules: Sequence[Rule], link: str
) -> Sighting:
    budget, clock = state.budget, found.clock
    step = max(steps, key=lambda each: each.action.severity)
    window = window_name(budget.every, state.window)
    forecast = found.forecasts.get(budget.id)
    facts = Facts(
        _headline(state, step),
        _figures(state, step),
        budget.currency,
        _since(state, step, found),
        forecast=expectation(forecast) if forecast else None,
        advice=_advice(budget),
        link=link,
    )
    basis = BudgetBasis.of(state, found.spend.get(budget.id, {}), clock)
    return Sighting(
        Matter(AlertKind.BUDGET, budget.id, str(budget.scope), window, step_name(step)),
        _severity(budget, step),
        facts,
        cost_centre_of(budget, rules),
        clock.midnight(state.window.after),
        basis={BASIS: msgspec.json.encode(basis).decode()},
    )


def _severity(budget: Budget, step: Step) -> Severity:
    if budget.shadow:
        return Severity.INFORMATION
    is_whole = step.percent >= _WHOLE
    if step.action is Action.BLOCK or (is_whole and step.of is Measure.ACTUAL):
        return Severity.MONEY_AT_RISK
    return Severity.INFORMATION if step.action is Action.NOTIFY and not is_whole else Severity.LOOK_TODAY


def _headline(state: BudgetState, step: Step) -> str:
    budget = state.budget
    scope, window = as_sentence(said_scope(budget.scope)), said_window(budget.every, state.window)
    percent, limit = said_percent(step.percent), said_amount(state.limit, budget.currency)
    if step.of is Measure.FORECAST:
        expected = said_amount(max(state.forecast or ZERO, state.spend.total), budget.currency)
        said = f"{scope} is expected to reach {percent} of its budget for {window}: {expected} of {limit}"
    else:
        spent = said_amount(state.spend.total, budget.currency)
        said = f"{scope} has reached {percent} of its budget for {window}: {spent} of {limit}"
    if not budget.shadow:
        return said
    would = "" if step.action is Action.NOTIFY else f", but {_IN_SHADOW[step.action]}"
    return f"{said}; in shadow, so nothing happens{would}"


def _figures(state: BudgetState, step: Step | None = None) -> tuple[AlertFigure, ...]:
    budget, currency = state.budget, state.budget.currency
    found = [
        AlertFigure("Spent", f"{said_amount(state.spend.total, currency)}{_share(state)}"),
        AlertFigure("Limit", said_amount(state.limit, currency)),
        AlertFigure("Left", said_amount(state.remaining, currency)),
    ]
    if state.spend.estimated:
        found.insert(1, AlertFigure("By an estimate", said_amount(state.spend.estimated, currency)))
    if state.carried:
        found.append(AlertFigure("Carried from before", said_amount(state.carried, currency)))
    if state.overrides:
        changed = total(each.amount for each in state.overrides)
        found.append(AlertFigure("Limit changed by", said_amount(changed, currency)))
    if step is not None:
        did = as_sentence(_IN_SHADOW[step.action]) if budget.shadow else _FROM_NOW_ON[step.action]
        found.append(AlertFigure("From now on", did))
    return tuple(found)


def _share(state: BudgetState) -> str:
    if not state.limit:
        return ""
    percent = round_total(EXACT.multiply(state.spend.total, _WHOLE) / state.limit, 1)
    return f" ({percent} % of the limit)"


def _since(state: BudgetState, step: Step, found: Evaluation) -> datetime:
    """When the step was reached: the beginning of an earlier date, or now."""
    clock = found.clock
    if step.of is Measure.FORECAST:
        return clock.now
    first, spent = max(state.window.first, begun_on(state.budget, clock)), ZERO
    wanted = reached_at(step, state.limit)
    for day, of_day in sorted(found.spend.get(state.budget.id, {}).items()):
        if first <= day < clock.today:
            spent = EXACT.add(spent, of_day.total)
            if spent >= wanted:
                return clock.midnight(day)
    return clock.now


def _advice(budget: Budget) -> str:
    explained = f"`chargeback budgets explain {budget.id}` shows how the figure comes about"
    return f"Ask {budget.owner} for more; {explained}." if budget.owner else f"{as_sentence(explained)}."
