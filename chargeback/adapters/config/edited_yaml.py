"""Adds, sets and takes away single entries of a YAML text; every other character, comments included, stays as it is."""

from collections.abc import Sequence
from typing import Any, TypeGuard

import yaml

from chargeback.domain.errors import InvalidConfig

Step = str | int


def flow(value: object) -> str:
    """A value on one line, as an entry of a file is written; exact numbers have to be strings."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf"))
    return text.removesuffix("\n").removesuffix("\n...")


class EditedYaml:
    """A text with edits, each of which sees those before it. A place is the keys and indexes that lead to a node."""

    def __init__(self, text: str) -> None:
        """Raises `InvalidConfig` where this is no YAML."""
        self.text = text if text.endswith("\n") or not text else f"{text}\n"
        self._root()

    def has(self, *place: Step) -> bool:
        """Whether there is such a place."""
        return self._find(*place) is not None

    def value(self, *place: Step) -> Any:
        """What stands at a place; None where there is nothing."""
        node = self._find(*place)
        return None if node is None else yaml.SafeLoader("").construct_document(node)

    def append(self, *place: Step, entry: object) -> None:
        """Add an entry to the list at a place; a top-level list that is missing or empty begins with it."""
        node = self._find(*place)
        if node is None:
            self._add_section(str(place[-1]), f"  - {flow(entry)}\n")
        elif _is_empty(node):
            self._fill(node, len(place), f"- {flow(entry)}", f"[{flow(entry)}]")
        elif node.flow_style:
            self._insert(_end(node) - 1, f", {flow(entry)}")
        else:
            self._insert(self._line_after(_last(node)), f"{' ' * node.start_mark.column}- {flow(entry)}\n")

    def put(self, *place: Step, key: str, value: object) -> None:
        """Give the mapping at a place one more key at its end; a list of entries is written in lines of its own."""
        node = self._find(*place)
        if node is None:
            raise InvalidConfig([f"{'.'.join(map(str, place))}: is missing"])
        if node.flow_style and not (_is_empty(node) and len(place) == 1):
            self._insert(_end(node) - 1, f"{'' if _is_empty(node) else ', '}{key}: {flow(value)}")
        elif _is_empty(node):
            self._fill(node, len(place), f"{key}:{_block(value, 4)}", f"{{{key}: {flow(value)}}}")
        else:
            indent = node.start_mark.column
            self._insert(self._line_after(_last(node)), f"{' ' * indent}{key}:{_block(value, indent + 2)}\n")

    def put_in_each(self, *place: Step, indexes: Sequence[int], key: str, value: object) -> None:
        """The same for some entries of a list that are written between braces, in one go."""
        node = self._find(*place)
        for index in sorted(indexes, reverse=True):  # an edit moves only what comes after it
            self._insert(_end(node.value[index]) - 1, f", {key}: {flow(value)}")

    def remove(self, *place: Step) -> None:
        """Take a key with its value, or an entry of a list in lines of its own, away."""
        *parent, key = place
        node = self._find(*parent)
        if isinstance(key, int):
            start = node.value[key].start_mark
            self._cut(self.text.rfind("\n", 0, start.index) + 1, self._line_after(_last(node.value[key])))
            return
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        index = next(index for index, (name, _) in enumerate(pairs) if name.value == key)
        name, value = pairs[index]
        if node.flow_style and index + 1 < len(pairs):
            self._cut(name.start_mark.index, pairs[index + 1][0].start_mark.index)
        elif node.flow_style:
            self._cut(pairs[index - 1][1].end_mark.index if index else name.start_mark.index, value.end_mark.index)
        else:
            self._cut(name.start_mark.index - name.start_mark.column, self._line_after(_last(value)))

    def _root(self) -> Any:
        try:
            return yaml.compose(self.text, yaml.SafeLoader)
        except yaml.YAMLError as error:
            raise InvalidConfig([" ".join(str(error).split())]) from error

    def _find(self, *place: Step) -> Any:
        node = self._root()
        for step in place:
            if isinstance(step, int):
                found = isinstance(node, yaml.SequenceNode) and step < len(node.value)
                node = node.value[step] if found else None
            elif isinstance(node, yaml.MappingNode):
                node = next((value for name, value in node.value if name.value == step), None)
            else:
                node = None
        return node

    def _fill(self, node: Any, depth: int, block: str, line: str) -> None:
        """An empty list or mapping gets its first entry; below the second level it stays on its line."""
        new = f"\n{' ' * 2 * depth}{block}" if depth == 1 else line
        if isinstance(node, yaml.ScalarNode):  # a key without a value
            self._insert(node.start_mark.index, new if depth == 1 else f" {new}")
        else:
            before = self.text[: node.start_mark.index]
            self.text = (before.rstrip(" \n") if depth == 1 else before) + new + self.text[_end(node) :]

    def _add_section(self, name: str, lines: str) -> None:
        self.text = f"{self.text}{chr(10) if self.text.strip() else ''}{name}:\n{lines}"

    def _insert(self, index: int, new: str) -> None:
        self.text = self.text[:index] + new + self.text[index:]

    def _cut(self, start: int, end: int) -> None:
        self.text = self.text[:start] + self.text[end:]

    def _line_after(self, node: Any) -> int:
        """Where the line after a node begins; what stands behind it on its own line, such as a comment, is its own."""
        index = self.text.find("\n", _end(node))
        return len(self.text) if index < 0 else index + 1


def _block(value: object, indent: int) -> str:
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return "".join(f"\n{' ' * indent}- {flow(each)}" for each in value)
    return f" {flow(value)}"


def _is_empty(node: Any) -> bool:
    if isinstance(node, yaml.ScalarNode):
        return bool(node.tag == "tag:yaml.org,2002:null")
    return _is_collection(node) and not node.value


def _is_collection(node: Any) -> TypeGuard[yaml.CollectionNode]:
    return isinstance(node, yaml.CollectionNode)


def _last(node: Any) -> Any:
    """The node that ends a node; the end of a block is known only as the beginning of what follows it."""
    while _is_collection(node) and not node.flow_style and node.value:
        node = node.value[-1]
        node = node[1] if isinstance(node, tuple) else node
    return node


def _end(node: Any) -> int:
    return int(node.end_mark.index)
