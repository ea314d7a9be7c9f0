"""Reads the form of a budget into the body that the API takes, and writes a definition into the fields of the form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chargeback.api.budgets.bodies import BudgetBody
from chargeback.api.errors import ErrorText
from chargeback.domain.budgets.budget import ScopeKind
from chargeback.web.pages.budgets.views import SCOPES, scope_of

FEWEST_STEPS = 5
"""Rows for steps that a form has at least."""

MOST_STEPS = 20

_STEP_PARTS = ("percent", "do", "of", "swap", "tokensPerMinute")
_PLACE_OF_STEP = re.compile(r"steps\[(\d+)\](?:\.(\w+))?")
_SCOPE_FIELDS = {name for name, _ in SCOPES.values()}
_PLAIN = ("owner", "currency", "effectiveFrom", "effectiveTo", "reason")


@dataclass(frozen=True, slots=True)
class FilledIn:
    """A form as somebody filled it in.

    Attributes:
        content: for the API.
        rows: the row of the form that each step of the content stands in.
        faults: what cannot be read: field → what is wrong.
    """

    content: dict[str, Any]
    rows: list[int]
    faults: dict[str, str] = field(default_factory=dict)

    def field_of(self, place: str) -> str:
        """The field of the form that stands for a place in the content; empty where none does."""
        place = place.removeprefix("$").lstrip(".")
        if found := _PLACE_OF_STEP.match(place):
            number, part = int(found[1]), found[2] or "percent"
            row = self.rows[number] if number < len(self.rows) else 0
            return f"steps-{row}-{part if part in _STEP_PARTS else 'percent'}"
        name = place.partition("[")[0]
        if name in _SCOPE_FIELDS:
            return "scopeValue"
        if name == "steps":
            return "steps-0-percent"
        name = name.replace("rollover.", "rollover-")
        return name if name in {"id", "amount", "every", *_PLAIN, *_ROLLOVER} else ""

    def faults_of(self, error: ErrorText) -> dict[str, str]:
        """Field → what the API says is wrong there; under an empty name what belongs to no field."""
        told = [(each.target, each.message) for each in error.details] or [(error.target, error.message)]
        found = dict(self.faults)
        for place, message in told:
            name = self.field_of(place)
            found[name] = f"{found[name]}; {message}" if name in found else message
        return found


_ROLLOVER = ("rollover-unspent", "rollover-overage", "rollover-cap", "rollover-expiresAfter")


def filled_in(form: Mapping[str, str]) -> FilledIn:
    """What somebody filled in; what is left empty is left out."""
    faults: dict[str, str] = {}
    steps, rows = [], []
    for row in range(MOST_STEPS):
        step = _step(form, row, faults)
        if step:
            steps.append(step)
            rows.append(row)
    content: dict[str, Any] = {
        "amount": _number(form.get("amount", "")),
        "every": form.get("every", ""),
        "steps": steps,
        "shadow": "shadow" in form,
        **{name: form[name].strip() for name in _PLAIN if form.get(name, "").strip()},
        **_scope(form, faults),
    }
    if form.get("id", "").strip():
        content["id"] = form["id"].strip()
    if rollover := _rollover(form):
        content["rollover"] = rollover
    return FilledIn(content, rows, faults)


def fields_of(body: BudgetBody) -> dict[str, str]:
    """The fields of the form as a definition fills them."""
    scope, rollover = scope_of(body), body.rollover
    fields = {
        "id": body.id,
        "scopeKind": scope.kind.value,
        "scopeValue": scope.value,
        "amount": str(body.amount),
        "currency": body.currency or "",
        "every": body.every.value,
        "owner": body.owner,
        "effectiveFrom": body.effective_from or "",
        "effectiveTo": body.effective_to or "",
        **({"shadow": "on"} if body.shadow else {}),
    }
    if rollover is not None:
        fields |= {"rollover-unspent": "on"} if rollover.unspent else {}
        fields |= {"rollover-overage": "on"} if rollover.overage else {}
        fields |= {"rollover-cap": "" if rollover.cap is None else str(rollover.cap)}
        fields |= {"rollover-expiresAfter": "" if rollover.expires_after is None else str(rollover.expires_after)}
    for row, step in enumerate(body.steps):
        fields |= {
            f"steps-{row}-percent": str(step.percent),
            f"steps-{row}-do": step.do.value,
            f"steps-{row}-of": step.of.value,
            f"steps-{row}-swap": ", ".join(f"{asked} = {called}" for asked, called in step.swap.items()),
            f"steps-{row}-tokensPerMinute": "" if step.tokens_per_minute is None else str(step.tokens_per_minute),
        }
    return fields


def step_rows(fields: Mapping[str, str]) -> int:
    """How many rows for steps a form has: those that are filled, and some more."""
    filled = [row for row in range(MOST_STEPS) if any(fields.get(f"steps-{row}-{part}") for part in _STEP_PARTS)]
    return min(MOST_STEPS, max(FEWEST_STEPS, max(filled, default=0) + 3))


def _step(form: Mapping[str, str], row: int, faults: dict[str, str]) -> dict[str, Any]:
    given = {part: form.get(f"steps-{row}-{part}", "").strip() for part in _STEP_PARTS}
    if not (given["percent"] or given["swap"] or given["tokensPerMinute"]):
        return {}
    step: dict[str, Any] = {"percent": _number(given["percent"]), "do": given["do"]}
    if given["of"]:
        step["of"] = given["of"]
    if given["swap"]:
        pairs = [each.partition("=") for each in re.split(r"[,\n]", given["swap"]) if each.strip()]
        if not all(asked.strip() and called.strip() for asked, _, called in pairs):
            faults[f"steps-{row}-swap"] = "write it as asked = called, such as gpt-5.5 = gpt-5.4-mini"
        step["swap"] = {asked.strip(): called.strip() for asked, _, called in pairs}
    if given["tokensPerMinute"]:
        step["tokensPerMinute"] = _number(given["tokensPerMinute"])
    return step


def _scope(form: Mapping[str, str], faults: dict[str, str]) -> dict[str, Any]:
    kind = next((each for each in ScopeKind if each.value == form.get("scopeKind")), None)
    if kind is None:
        faults["scopeKind"] = "choose whose usage is limited"
        return {}
    name, value = SCOPES[kind][0], form.get("scopeValue", "").strip()
    if kind is ScopeKind.ALL:
        return {name: True}
    if not value:
        faults["scopeValue"] = "say whose usage is limited"
    return {name: value}


def _rollover(form: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "rollover-unspent" in form:
        found["unspent"] = True
    if "rollover-overage" in form:
        found["overage"] = True
    for name in ("cap", "expiresAfter"):
        if value := form.get(f"rollover-{name}", "").strip():
            found[name] = _number(value)
    return found


def _number(text: str) -> int | str:
    """A whole number as such, anything else as it is written: the API says what is wrong with it."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else text
