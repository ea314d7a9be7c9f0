"""Reads a budget from a rule of other products, and says a budget as one.

A rule is a monthly budget with one part at which people are told, and one at which another model is called instead.
What such a rule cannot say of a budget is left out, and what a budget cannot do of a rule is refused.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from chargeback.api.budgets.bodies import BudgetBody, StepBody
from chargeback.api.budgets.seen import SeenBudget
from chargeback.api.errors import ApiError
from chargeback.domain.budgets.budget import Action, Measure
from chargeback.domain.budgets.windows import Every
from chargeback.domain.money.exact import to_text

_LARGEST = Decimal(1_000_000)
_HUNDRED = Decimal(100)


class RuleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rule: a monthly budget.

    Attributes:
        name: the budget's id.
        monthly_limit_usd: above 0, 1 000 000 at most, with two decimals at most; a string, or a number.
        cost_centre: whose usage; exactly one of it, `application` (a subscription), `user` and `everything`.
        alert_threshold: from which part of the limit on people are told.
        swap_threshold: from which part of the limit on the other model is called; needs `primary_model` and
            `fallback_model`, as `auto_switch_enabled` does.
        block_at_limit: whether calls are refused once the limit is spent.
    """

    name: str
    monthly_limit_usd: float | int | str
    cost_centre: str | None = None
    application: str | None = None
    user: str | None = None
    everything: bool = False
    alert_threshold: float | str = "0.8"
    swap_threshold: float | str = "0.9"
    auto_switch_enabled: bool = False
    primary_model: str | None = None
    fallback_model: str | None = None
    block_at_limit: bool = False
    reason: str = ""


class BudgetRule(msgspec.Struct, frozen=True, kw_only=True):
    """A monthly budget as a rule. `current_spend_usd` is null where nobody can say."""

    id: str
    name: str
    scope: str
    monthly_limit_usd: str
    current_spend_usd: str | None
    alert_threshold: str | None
    swap_threshold: str | None
    auto_switch_enabled: bool
    fallback_model: str | None
    block_at_limit: bool
    shadow: bool
    updated_at: datetime | None


class BudgetRules(msgspec.Struct, frozen=True):
    """The monthly budgets in US dollars."""

    value: tuple[BudgetRule, ...]


def budget_of_rule(rule: RuleBody) -> BudgetBody:
    """The budget that a rule asks for; what a budget cannot do is refused."""
    limit = _decimal(rule.monthly_limit_usd, "monthly_limit_usd")
    if not 0 < limit <= _LARGEST:
        raise _wrong("monthly_limit_usd", f"has to be above 0 and {_LARGEST} at most; /budgets takes larger ones")
    models = (rule.primary_model, rule.fallback_model)
    if rule.auto_switch_enabled and not all(models):
        raise _wrong("fallback_model", "is needed with auto_switch_enabled, beside primary_model, which it replaces")
    if not rule.auto_switch_enabled and any(models):
        raise _wrong("auto_switch_enabled", "has to be true where models are named: else nothing is switched")
    steps = [StepBody(percent=_percent(rule.alert_threshold, "alert_threshold"), do=Action.NOTIFY)]
    if rule.auto_switch_enabled and rule.primary_model and rule.fallback_model:
        swap = {rule.primary_model: rule.fallback_model}
        steps.append(StepBody(percent=_percent(rule.swap_threshold, "swap_threshold"), do=Action.SWAP, swap=swap))
    if rule.block_at_limit:
        steps.append(StepBody(percent=100, do=Action.BLOCK))
    return BudgetBody(
        id=rule.name,
        cost_centre=rule.cost_centre,
        subscription=rule.application,
        user=rule.user,
        everything=rule.everything,
        amount=_number(limit),
        currency="USD",
        every=Every.MONTH,
        steps=tuple(sorted(steps, key=lambda each: Decimal(each.percent))),
        reason=rule.reason,
    )


def is_rule(found: SeenBudget) -> bool:
    """Whether a budget can be said as a rule."""
    budget = found.budget
    return budget.every is Every.MONTH and budget.currency == "USD"


def rule_of(found: SeenBudget, spent: Mapping[str, str | None]) -> BudgetRule:
    """A budget as a rule; `spent`: budget → what is spent of it, where somebody can say."""
    budget, answer = found.budget, found.answer
    actual = [each for each in budget.steps if each.of is Measure.ACTUAL]

    def part(*actions: Action) -> str | None:
        percent = next((each.percent for each in actual if each.action in actions), None)
        return None if percent is None else to_text(percent / _HUNDRED)

    swaps = [other for each in actual for other in each.fallback.values()]
    return BudgetRule(
        id=budget.id,
        name=budget.id,
        scope=str(budget.scope),
        monthly_limit_usd=to_text(budget.amount),
        current_spend_usd=spent.get(budget.id),
        alert_threshold=part(Action.NOTIFY, Action.WARN),
        swap_threshold=part(Action.SWAP),
        auto_switch_enabled=bool(swaps) and not budget.shadow,
        fallback_model=swaps[0] if swaps else None,
        block_at_limit=part(Action.BLOCK) is not None,
        shadow=budget.shadow,
        updated_at=answer.changed_at,
    )


def _percent(part: float | str, name: str) -> int | str:
    percent = _decimal(part, name) * _HUNDRED
    if not 0 < percent <= _HUNDRED:
        raise _wrong(name, "is a part of the limit, above 0 and 1 at most, such as 0.8")
    return _number(percent)


def _decimal(value: float | str, name: str) -> Decimal:
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) > _LARGEST * _LARGEST or found != round(found, 4):
        raise _wrong(name, f"{str(value)[:40]!r} is no number with four decimals at most")
    return found


def _number(value: Decimal) -> int | str:
    return int(value) if value == value.to_integral_value() else to_text(value)


def _wrong(name: str, message: str) -> ApiError:
    return ApiError(400, "InvalidBody", f"{name}: {message}", target=name)
