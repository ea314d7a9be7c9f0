"""Joins neighbouring set-variable and choose policies into one program, which costs one round trip to Mono."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from stack.gateway.nodes import Expression, Node, Value


@dataclass(slots=True)
class Program:
    """Steps that Mono runs by itself; it ends with `last`, the first policy that needs the gateway."""

    steps: list[Any] = field(default_factory=list)
    following: int = 0
    """The place after the program in the list of policies."""
    last: Node | None = None
    """A choose whose taken branch the gateway may have to run."""
    owners: dict[int, Node] = field(default_factory=dict)
    """The policy of each expression, for errors."""


def program_at(nodes: Sequence[Node], place: int) -> Program:
    """The program that begins at `nodes[place]`; it has no steps when that policy needs the gateway."""
    program = Program(following=place)
    for node in nodes[place:]:
        if node.name not in ("set-variable", "choose"):
            break
        program.steps.append(_step(node, program.owners))
        program.following += 1
        if not _self_contained(node):
            program.last = node
            break
    return program


def branches(choose: Node) -> list[Node]:
    """The `when` elements, then `otherwise`, as the program numbers them."""
    return [*choose.children]


def _self_contained(node: Node) -> bool:
    return node.name == "set-variable" or (
        node.name == "choose" and all(_self_contained(child) for branch in node.children for child in branch.children)
    )


def _step(node: Node, owners: dict[int, Node]) -> list[Any]:
    if node.name == "set-variable":
        value, name = node.attributes["value"], node.attributes["name"]
        return ["literal", name, value] if isinstance(value, str) else ["set", name, _owned(value, node, owners)]
    taken = [[_condition(branch, node, owners), _inner(branch, owners)] for branch in branches(node)]
    return ["choose", taken]


def _inner(branch: Node, owners: dict[int, Node]) -> list[Any] | None:
    if all(_self_contained(child) for child in branch.children):
        return [_step(child, owners) for child in branch.children]
    return None


def _condition(branch: Node, choose: Node, owners: dict[int, Node]) -> int | bool:
    condition: Value = branch.attributes.get("condition", "true")
    return condition == "true" if isinstance(condition, str) else _owned(condition, choose, owners)


def _owned(expression: Expression, node: Node, owners: dict[int, Node]) -> int:
    owners[expression.number] = node
    return expression.number
