"""Reads an older file of budgets, `budget_rules` with monthly budgets and swaps, as entries of budgets.yaml.

Whatever has no counterpart is named, and nothing is dropped in silence. The entries are in shadow until somebody has
read them. An application of the older file becomes the subscription of that name.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

_ACTIONS = {
    "notify": "notify",
    "notification": "notify",
    "alert": "notify",
    "warn": "warn",
    "model_swap": "swap",
    "swap": "swap",
    "block": "block",
}
_LIMIT_KEYS = ("monthly_budget", "swap_threshold", "alert_rules", "model_preferences", "user_limits")
_CENT = Decimal("0.01")
_NAME_LENGTH = 100
_CURRENCY = "USD"
"""Amounts of the older format are in US dollars."""


@dataclass(frozen=True, slots=True)
class ImportedBudgets:
    """What became of an older file.

    Attributes:
        entries: for budgets.yaml.
        left_out: place and reason of what could not be brought over, or only in part.
    """

    entries: tuple[dict[str, Any], ...]
    left_out: tuple[str, ...]

    def as_yaml(self) -> str:
        """The entries as the content of budgets.yaml."""
        content = {"budgets": list(self.entries)}
        # PyYAML writes a character such as U+0085 in a way that YAML reads as the end of a line.
        is_printable = json.dumps(content, ensure_ascii=False).isprintable()
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=is_printable, width=120)


def import_rules(document: Mapping[str, object]) -> ImportedBudgets:
    """The budgets of a document; what it has beside `budget_rules` is left out."""
    rules = _Rules()
    rules.read(document)
    return ImportedBudgets(tuple(rules.entries), tuple(rules.left_out))


class _Rules:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.left_out: list[str] = []

    def read(self, document: Mapping[str, object]) -> None:
        top = document.get("budget_rules")
        for name in document:
            if name != "budget_rules":
                self._leave(name, "is not part of budget_rules")
        if not isinstance(top, Mapping):
            self._leave("budget_rules", "is missing, or no mapping")
            return
        for name, found in top.items():
            place = f"budget_rules.{name}"
            if name == "global":
                self._limit(place, found, "global", {"everything": True})
            elif name in ("applications", "users"):
                self._each(place, found, name)
            elif name == "user_limits":
                self._users(place, found)
            elif name == "model_costs":
                self._leave(place, "prices are in rate-card.yaml, and agreements in adjustments.yaml")
            else:
                self._leave(place, "is not known")

    def _each(self, place: str, found: object, kind: str) -> None:
        if not isinstance(found, Sequence) or isinstance(found, str):
            self._leave(place, "is no list")
            return
        for number, item in enumerate(found):
            here, key = f"{place}[{number}]", "name" if kind == "applications" else "id"
            name = str(item.get(key) or "") if isinstance(item, Mapping) else ""
            if not name:
                self._leave(here, f"has no {key}")
            elif kind == "users":
                self._limit(here, item, f"user-{_slug(name)}", {"user": name}, key)
            else:
                self._limit(here, item, f"application-{_slug(name)}", {"subscription": name}, key)

    def _users(self, place: str, found: object) -> None:
        """Limits by user: an amount, or an amount with more."""
        if not isinstance(found, Mapping):
            self._each(place, found, "users")
            return
        for user, limit in found.items():
            said = limit if isinstance(limit, Mapping) else {"monthly_budget": limit}
            self._limit(f"{place}.{user}", said, f"user-{_slug(str(user))}", {"user": str(user)})

    def _limit(self, place: str, found: object, name: str, scope: dict[str, Any], known: str = "") -> None:
        if not isinstance(found, Mapping):
            self._leave(place, "is no mapping")
            return
        for key in found:
            if key not in (*_LIMIT_KEYS, known):
                self._leave(f"{place}.{key}", "has no counterpart")
        if "user_limits" in found:
            self._leave(f"{place}.user_limits", "limits users everywhere from now on, not in this place alone")
            self._users(f"{place}.user_limits", found["user_limits"])
        amount = _decimal(found.get("monthly_budget"))
        if amount is None or amount != amount.quantize(_CENT) or amount <= 0:
            self._leave(
                f"{place}.monthly_budget", "is no amount above zero with two places at most, so there is no budget"
            )
            return
        steps = self._steps(place, found)
        if not steps:
            steps = [{"percent": 100, "do": "notify"}]
            self._leave(place, "said what may be spent, and nothing about what happens then: it notifies at 100 %")
        taken = {entry["id"] for entry in self.entries}
        unique = next(each for each in (name, *(f"{name}-{number}" for number in range(2, 10**6))) if each not in taken)
        limit = {"amount": _plain(amount), "currency": _CURRENCY, "every": "month", "shadow": True}
        self.entries.append({"id": unique, **scope, **limit, "steps": steps})

    def _steps(self, place: str, found: Mapping[str, object]) -> list[dict[str, Any]]:
        """Ascending, without steps that change nothing after an earlier one."""
        preferred = found.get("model_preferences")
        preferred = preferred if isinstance(preferred, Mapping) else {}
        fallback = (
            {str(preferred["primary"]): str(preferred["fallback"])}
            if {"primary", "fallback"} <= preferred.keys()
            else {}
        )
        for key in preferred:
            if key not in ("primary", "fallback"):
                self._leave(f"{place}.model_preferences.{key}", "a budget swaps to one deployment; block instead?")
        steps = list(self._alerts(f"{place}.alert_rules", found.get("alert_rules"), fallback))
        if "swap_threshold" in found:
            here = f"{place}.swap_threshold"
            steps += self._step(here, found["swap_threshold"], "swap", fallback)
        return _ordered(steps)

    def _alerts(self, place: str, found: object, fallback: dict[str, str]) -> Iterator[dict[str, Any]]:
        if found is None:
            return
        if not isinstance(found, Sequence) or isinstance(found, str):
            self._leave(place, "is no list")
            return
        for number, item in enumerate(found):
            here, said = f"{place}[{number}]", item if isinstance(item, Mapping) else {"threshold": item}
            for key in said:
                if key not in ("threshold", "action", "actions"):
                    self._leave(f"{here}.{key}", "has no counterpart")
            actions = said.get("actions", said.get("action", "notify"))
            for action in [actions] if isinstance(actions, str) else actions if isinstance(actions, Sequence) else []:
                if action in _ACTIONS:
                    yield from self._step(here, said.get("threshold"), _ACTIONS[action], fallback)
                else:
                    self._leave(here, f"the action {action!r} has no counterpart that needs nothing else")

    def _step(self, place: str, threshold: object, action: str, fallback: dict[str, str]) -> Iterator[dict[str, Any]]:
        part = _decimal(threshold)
        percent = part * 100 if part is not None else None
        if percent is None or percent <= 0 or percent != percent.quantize(_CENT):
            self._leave(place, f"{threshold!r} is no part of the budget above zero")
        elif action == "swap" and not fallback:
            self._leave(place, "model_preferences name no primary and fallback to swap, so it notifies")
            yield {"percent": _plain(percent), "do": "notify"}
        else:
            yield {"percent": _plain(percent), "do": action} | ({"swap": fallback} if action == "swap" else {})

    def _leave(self, place: str, reason: str) -> None:
        self.left_out.append(f"{place}: {reason}")


def _ordered(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    severity = ("notify", "warn", "swap", "throttle", "block")
    found: list[dict[str, Any]] = []
    reached = 0
    for step in sorted(steps, key=lambda each: (Decimal(each["percent"]), severity.index(each["do"]))):
        rank = severity.index(step["do"])
        if (rank == 0 and step not in found) or rank > reached:
            found.append(step)
            reached = max(reached, rank)
    return found


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < Decimal(10) ** 10 else None


def _plain(number: Decimal) -> int | str:
    """A whole number, or a quoted decimal."""
    return int(number) if number == number.to_integral_value() else format(number.normalize(), "f")


def _slug(name: str) -> str:
    """The name with the characters alone that the id of a budget may have."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:_NAME_LENGTH] or "unnamed"
