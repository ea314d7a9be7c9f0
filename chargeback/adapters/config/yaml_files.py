"""Reads YAML files strictly: no key twice and JSON types only; finds the line of any place in them."""

import re
from collections.abc import Hashable
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec
import yaml

from chargeback.domain.errors import InvalidConfig

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KEYS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "timestamp", "merge")}
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class _StrictLoader(_Loader):  # type: ignore[misc]
    """Refuses what JSON does not have, and a mapping that has a key twice: plain loaders silently keep the last one."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001
        """As the parent's; what cannot be understood is refused with its line."""
        try:
            found = super().construct_object(node, deep)
        except (ValueError, TypeError, OverflowError, AttributeError, IndexError, LookupError) as error:
            raise _refused(f"{node.tag.rpartition(':')[2]} is not readable: {error}", node) from error
        if isinstance(found, float) and not isfinite(found):
            raise _refused(f"{found} is not a number that can be used", node)
        if isinstance(found, bytes | set):
            raise _refused(f"a setting cannot be a {type(found).__name__}", node)
        return found

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001
        """As the parent's, after looking for keys that are there twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag not in _KEYS:
                raise _refused("a key has to be a word", key)
            if key.value in seen:
                raise _refused(f"key {key.value!r} is there twice", key)
            seen.add(key.value)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        """As the parent's; a day that no calendar has stays text, for whoever reads it to name its place."""
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError:
            return node.value


def _refused(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", _StrictLoader.construct_yaml_timestamp)


def read(path: Path) -> dict[str, object]:
    """The file's content with JSON types only (a date becomes its ISO text); raises `InvalidConfig`."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InvalidConfig([f"{path.name}: there is no such file in {path.parent}"]) from None
    document: dict[str, object] = msgspec.json.decode(_as_json(path.name, content))
    return document


@lru_cache(maxsize=64)
def _as_json(name: str, text: bytes) -> bytes:
    """The text of a file as JSON; kept, as the prices, the terms and the version in force each read the same files."""
    try:
        # A safe loader with one more check.
        content = yaml.load(text, _StrictLoader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidConfig([f"{name}:{line}: {error.problem}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidConfig([f"{name}: {' '.join(str(error).split())}"]) from error
    except RecursionError:
        raise InvalidConfig([f"{name}: is nested too deeply"]) from None
    if not isinstance(content, dict):
        raise InvalidConfig([f"{name}: expected a mapping at the top"])
    try:
        document = msgspec.json.encode(msgspec.to_builtins(content, str_keys=True))
        # A string that no store takes is better refused here than when it is applied.
        document.decode()
    except RecursionError:
        raise InvalidConfig([f"{name}: is nested too deeply, or holds itself"]) from None
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidConfig([f"{name}: {error}"]) from error
    return document


def line_number(path: Path, place: str) -> int:
    """The line of a place such as `prices[3].perMillion.input_tokens`, or of the nearest part of it."""
    node = _composed(path.read_text())
    line: int = node.start_mark.line
    for index, key in _STEP.findall(place):
        child = _child(node, index, key)
        if child is None:
            break
        mark, node = child
        line = mark.line
    return line + 1


def line_of_entry(path: Path, section: str, entry_id: str) -> int | None:
    """The line on which the entry of a list begins that has this id; None where there is none."""
    found = _child(_composed(path.read_text()), "", section)
    for entry in found[1].value if found and isinstance(found[1], yaml.SequenceNode) else ():
        name = _child(entry, "", "id")
        if name is not None and name[1].value == entry_id:
            line: int = entry.start_mark.line
            return line + 1
    return None


@lru_cache(maxsize=4)
def _composed(text: str) -> yaml.Node:
    node: yaml.Node = yaml.compose(text, _Loader)  # type: ignore[assignment]
    return node


def _child(node: yaml.Node, index: str, key: str) -> tuple[yaml.Mark, yaml.Node] | None:
    if index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
        return node.value[int(index)].start_mark, node.value[int(index)]
    if key and isinstance(node, yaml.MappingNode):
        return next(((name.start_mark, value) for name, value in node.value if name.value == key), None)
    return None
