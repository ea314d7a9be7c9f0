"""Says what differs between two definitions of a budget, in the words of its form."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from chargeback.domain.money.numerals import grouped

_NAMES = {
    "costCentre": "Cost centre",
    "subscription": "Subscription",
    "app": "Application",
    "product": "Product",
    "user": "User",
    "model": "Model",
    "everything": "All usage",
    "amount": "Amount",
    "currency": "Currency",
    "every": "Window",
    "owner": "Whom to ask for more",
    "shadow": "Shadow",
    "steps": "Steps",
    "rollover": "Rollover",
    "effectiveFrom": "Holds from",
    "effectiveTo": "Holds until",
}
"""In the order of the form."""


@dataclass(frozen=True, slots=True)
class ChangedField:
    """One thing that differs; an empty text: it is not said."""

    name: str
    before: str
    after: str


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[ChangedField]:
    """What is another one in `after`."""
    found = []
    for field, name in _NAMES.items():
        texts = _said(field, before.get(field)), _said(field, after.get(field))
        if texts[0] != texts[1]:
            found.append(ChangedField(name, *texts))
    return found


def _said(field: str, value: Any) -> str:
    match field, value:
        case _, None | "":
            return ""
        case (("shadow" | "everything"), bool()):
            return "yes" if value else ""
        case "steps", list() | tuple():
            return "; ".join(map(_step, value))
        case "rollover", dict():
            return _rollover(value)
        case "amount", _:
            return _number(value)
    return str(value)


def _step(step: Mapping[str, Any]) -> str:
    of = " of the forecast" if step.get("of") == "forecast" else ""
    said = f"{_number(step.get('percent'))} %{of}: {step.get('do')}"
    swaps = ", ".join(f"{asked} = {called}" for asked, called in (step.get("swap") or {}).items())
    more = [each for each in (swaps, _tokens(step)) if each]
    return f"{said} ({', '.join(more)})" if more else said


def _tokens(step: Mapping[str, Any]) -> str:
    tokens = step.get("tokensPerMinute")
    return "" if tokens is None else f"{tokens} tokens a minute"


def _rollover(rollover: Mapping[str, Any]) -> str:
    parts = []
    if rollover.get("unspent"):
        cap, windows = rollover.get("cap", 100), rollover.get("expiresAfter", 1)
        parts.append(f"what is left goes into the next {windows} windows, {cap} % of the amount at most")
    if rollover.get("overage"):
        parts.append("what is spent beyond the limit is taken from the next window")
    return "; ".join(parts)


def _number(value: Any) -> str:
    try:
        return grouped(Decimal(str(value)))
    except InvalidOperation:
        return str(value)
