"""Reads and writes a single budget as an entry of budgets.yaml, for those that people make beside the files."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from chargeback.adapters.config.budget_names import unknown_names
from chargeback.adapters.config.budgets import FILE, budgets
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.yaml_files import line_of_entry
from chargeback.domain.budgets.budget import NO_ROLLOVER, Budget, Measure, Rollover, ScopeKind, Step
from chargeback.domain.budgets.faults import budget_faults, twins
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import to_text
from chargeback.domain.terms.faults import unknown_in_budgets
from chargeback.domain.terms.terms import Terms

_PLACE = "budgets[0]"
_NAMES = {
    ScopeKind.COST_CENTRE: "costCentre",
    ScopeKind.SUBSCRIPTION: "subscription",
    ScopeKind.APP: "app",
    ScopeKind.PRODUCT: "product",
    ScopeKind.USER: "user",
    ScopeKind.MODEL: "model",
}


def read_entry(folder: Path, entry: Mapping[str, Any], catalogue: Catalogue, terms: Terms, now: datetime) -> Budget:
    """The budget of an entry, checked as `config validate` checks those of a file, beside the others in force.

    Raises `InvalidConfig` with every fault as `place: reason`.
    """
    faults: list[str] = []
    placed = budgets({"budgets": [dict(entry)]}, catalogue.calendar, faults, thorough=True)
    if not faults:
        ((_, budget),) = placed
        others = [("", each) for each in terms.budgets if each.id != budget.id]
        known = set(twins(others))
        faults += [f"{_PLACE}.{fault}" for fault in budget_faults(budget)]
        faults += [fault for fault in twins([*others, *placed]) if fault not in known]
        faults += unknown_in_budgets(placed, terms, catalogue)
    if not faults:
        faults += unknown_names(placed, folder, catalogue, now)
    if faults:
        raise InvalidConfig([fault.removeprefix(_PLACE).lstrip(".: ") for fault in faults])
    return budget


def place_of_entry(folder: Path, budget: str) -> str:
    """Where budgets.yaml has a budget, such as `budgets.yaml:12`; only the file where the entry is not found."""
    path = path_of(folder, FILE)
    line = line_of_entry(path, "budgets", budget) if path.exists() else None
    return FILE if line is None else f"{FILE}:{line}"


def budget_entry(budget: Budget) -> dict[str, Any]:
    """The entry that a budget is read from."""
    named = (
        {"everything": True} if budget.scope.kind is ScopeKind.ALL else {_NAMES[budget.scope.kind]: budget.scope.value}
    )
    effective = {"effectiveFrom": budget.effective.start, "effectiveTo": budget.effective.end}
    return {
        "id": budget.id,
        **named,
        "amount": _number(budget.amount),
        "currency": budget.currency,
        "every": str(budget.every),
        **({"owner": budget.owner} if budget.owner else {}),
        **({"shadow": True} if budget.shadow else {}),
        "steps": [_step(each) for each in budget.steps],
        **({"rollover": _rollover(budget.rollover)} if budget.rollover != NO_ROLLOVER else {}),
        **{name: f"{each.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for name, each in effective.items() if each is not None},
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "percent": _number(step.percent),
        "do": str(step.action),
        **({"of": str(step.of)} if step.of is not Measure.ACTUAL else {}),
        **({"swap": {**step.fallback}} if step.fallback else {}),
        **({"tokensPerMinute": step.tokens_per_minute} if step.tokens_per_minute is not None else {}),
    }


def _rollover(rollover: Rollover) -> dict[str, Any]:
    unspent = {"unspent": True, "cap": _number(rollover.cap), "expiresAfter": rollover.expires_after}
    return {**(unspent if rollover.unspent else {}), **({"overage": True} if rollover.overage else {})}


def _number(number: Decimal) -> int | str:
    """A whole number, or a decimal in quotes."""
    return int(number) if number == number.to_integral_value() else to_text(number)
