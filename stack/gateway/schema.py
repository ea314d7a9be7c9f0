"""Which elements, attributes, children and sections the gateway accepts, read from `elements.yaml`."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from stack.yaml_text import from_yaml

SECTIONS = ("inbound", "backend", "outbound", "on-error")
_EXPRESSION_TYPES = ("string", "int", "bool", "object")


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """What one attribute may hold."""

    required: bool
    returns: str | None
    literal: str
    choices: tuple[str, ...] = ()

    def complaint(self, value: str) -> str | None:
        """Why a literal `value` cannot stand here, if it cannot."""
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(self.choices)}, not {value!r}"
        if self.literal == "int" and not re.fullmatch(r"-?\d+", value):
            return f"must be a whole number, not {value!r}"
        if self.literal == "bool" and value not in ("true", "false"):
            return f"must be true or false, not {value!r}"
        return None


@dataclass(frozen=True, slots=True)
class ElementRule:
    """What one element may be."""

    sections: tuple[str, ...]
    doubtful: tuple[str, ...]
    attributes: dict[str, AttributeRule]
    children: tuple[tuple[str, str], ...] = ()
    holds_policies: bool = False
    text: str | None = None
    names: frozenset[str] = field(default=frozenset())
    holds: frozenset[str] = field(default=frozenset())
    scopes: frozenset[str] = field(default=frozenset())
    once: bool = False


def _attribute(text: str) -> AttributeRule:
    required, kind = text.endswith("!"), text.rstrip("!")
    if "|" in kind or kind == "liquid":
        return AttributeRule(required, "string", "choice", tuple(kind.split("|")))
    if kind in _EXPRESSION_TYPES:
        return AttributeRule(required, kind, kind)
    return AttributeRule(required, None, kind.removesuffix("Literal"))


def _child(text: str) -> tuple[str, str]:
    return (text[:-1], text[-1]) if text[-1] in "*+?" else (text, "1")


def _element(entry: dict[str, Any]) -> ElementRule:
    children = entry.get("children", [])
    parts = tuple(_child(child) for child in children) if isinstance(children, list) else ()
    sections = entry.get("in", [])
    return ElementRule(
        sections=SECTIONS if sections == "all" else tuple(sections),
        doubtful=tuple(entry.get("warn", [])),
        attributes={name: _attribute(kind) for name, kind in entry.get("attributes", {}).items()},
        children=parts,
        holds_policies=children == "policies",
        text=entry.get("text"),
        names=frozenset(name for name, _ in parts),
        holds=frozenset(entry.get("holds", [])),
        scopes=frozenset(entry.get("scopes", [])),
        once=entry.get("once", False),
    )


@cache
def element_rules() -> dict[str, ElementRule]:
    """The rules of every element, by name or by "parent/child"."""
    entries = from_yaml((Path(__file__).parent / "elements.yaml").read_text("utf-8"))
    return {name: _element(entry) for name, entry in entries.items()}


def rule_of(name: str, parent: str | None) -> ElementRule | None:
    """The rule of an element under `parent`, or of a policy that stands by itself."""
    rules = element_rules()
    return rules.get(f"{parent}/{name}") or rules.get(name)
