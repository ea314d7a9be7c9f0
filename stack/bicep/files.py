"""Reads Bicep files as statements: parameters, resources, modules, outputs, and variables with their values.

It checks nothing: whether a file is valid, only Bicep's compiler says (compiler.py).
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

from stack.bicep.expressions import evaluate
from stack.example import ROOT as ROOT
from stack.example import TREE

INFRA = TREE / "infra"
"""With the configuration of the example beside it, which main.bicep reads."""
MODULES = sorted((INFRA / "modules").glob("*.bicep"))
KINDS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
    "user_defined_function": "func",
    "type_declaration": "type",
}


@dataclass(frozen=True)
class Statement:
    """A statement of a file.

    Attributes:
        kind: param, var, resource, module, output, func or type.
        name: its symbol.
        decorators: name and arguments of each.
        node: its tree.
    """

    kind: str
    name: str
    decorators: dict[str, list[Any]]
    node: Node

    @property
    def source(self) -> str:
        """The whole statement as it is written."""
        return text(self.node)

    @property
    def value(self) -> str:
        """What stands behind the first equals sign, or behind the arrow of a function."""
        sign = next(child for child in self.node.children if child.type == ("=>" if self.kind == "func" else "="))
        return self.source[sign.end_byte - self.node.start_byte :]

    @property
    def has_default(self) -> bool:
        """Whether a parameter may be left out."""
        return any(child.type == "=" for child in self.node.children)

    @property
    def type(self) -> str:
        """The declared type of a parameter or an output."""
        return next((text(child) for child in self.node.named_children if child.type == "type"), "")

    @property
    def target(self) -> str:
        """Type and version of a resource, or the path of a module."""
        return text(next(child for child in self.node.named_children if child.type == "string")).strip("'")


@functools.cache
def read(path: Path) -> tuple[Statement, ...]:
    """The statements of a file, in order."""
    tree = Parser(Language(tree_sitter_bicep.language())).parse(path.read_bytes())
    found, decorators = [], {}
    for node in tree.root_node.named_children:
        if node.type == "decorators":
            decorators = dict(_decorator(child) for child in node.named_children)
        elif node.type in KINDS:
            name = next(text(child) for child in node.named_children if child.type == "identifier")
            found.append(Statement(KINDS[node.type], name, decorators, node))
            decorators = {}
    return tuple(found)


def statements(path: Path, kind: str) -> dict[str, Statement]:
    """The statements of a kind, by name."""
    return {item.name: item for item in read(path) if item.kind == kind}


def text(node: Node) -> str:
    """A node as it is written."""
    return (node.text or b"").decode()


def within(node: Node, kind: str) -> Iterator[Node]:
    """Every node of a kind below a node, from the outside inwards."""
    for child in node.children:
        if child.type == kind:
            yield child
        yield from within(child, kind)


def keys(node: Node) -> list[str]:
    """The names of an object's own properties."""
    return [text(item.named_children[0]).strip("'") for item in node.named_children if item.type == "object_property"]


def property_of(node: Node, name: str) -> Node:
    """The value of the first property of a name, however deep."""
    for item in within(node, "object_property"):
        if text(item.named_children[0]).strip("'") == name:
            return item.named_children[-1]
    raise KeyError(name)


def _decorator(node: Node) -> tuple[str, list[Any]]:
    call = node.named_children[0]
    return text(call.named_children[0]), [evaluate(text(item), {}) for item in call.named_children[1].named_children]


def _imports(path: Path) -> dict[str, Path]:
    """Each name that a file imports, with the file that it is from."""
    found = re.findall(r"^import \{ ([^}]+) \} from '([^']+)'", path.read_text("utf-8"), re.M)
    return {name.strip(): path.parent / source for names, source in found for name in names.split(",")}


class File(Mapping[str, Any]):
    """The variables, functions and given parameters of a file as values, worked out when they are asked for.

    What it imports from another file is worked out there.
    """

    def __init__(self, path: Path, parameters: Mapping[str, Any] | None = None) -> None:
        self._items = {item.name: item for item in read(path) if item.kind in ("param", "var", "func")}
        self._imported = _imports(path)
        self._known: dict[str, Any] = {"dir": path.parent, **(parameters or {})}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known and name in self._imported:
            self._known[name] = File(self._imported[name])[name]
        if name not in self._known:
            item = self._items[name]
            self._known[name] = self._function(item) if item.kind == "func" else evaluate(item.value, self)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._items, **self._known})

    def __len__(self) -> int:
        return len({**self._items, **self._known})

    def _function(self, item: Statement) -> Callable[..., Any]:
        names = ", ".join(text(parameter.named_children[0]) for parameter in within(item.node, "parameter"))
        made: Callable[..., Any] = evaluate(f"({names}) => {item.value}", self)
        return made
