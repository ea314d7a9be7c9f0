"""A module, class or function that a docstring or a comment names with dots is there."""

import ast
import importlib
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [path for folder in ("chargeback", "stack", "scripts") for path in sorted((ROOT / folder).rglob("*.py"))]

WITHIN_CHARGEBACK = re.compile(r"(?<![\w./])(?:domain|services|adapters|cli|functions)(?:\.[A-Za-z_]\w*)+")
COMMANDS = re.compile(r"python -m ((?:chargeback|stack|scripts)(?:\.\w+)*)")
CLASSES_OF_NEIGHBOURS = re.compile(r"`([a-z_]+)(\.[A-Z]\w*)`")


def prose(path: Path) -> Iterator[str]:
    """The docstrings and comments of a module."""
    with path.open("rb") as source:
        yield from (token.string for token in tokenize.tokenize(source.readline) if token.type == tokenize.COMMENT)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def named(path: Path) -> Iterator[str]:
    """What a module names with dots, in full."""
    for text in prose(path):
        yield from (f"chargeback.{found}" for found in WITHIN_CHARGEBACK.findall(text))
        yield from COMMANDS.findall(text)
        for module, rest in CLASSES_OF_NEIGHBOURS.findall(text):
            if (path.parent / f"{module}.py").exists():
                yield ".".join([*path.parent.relative_to(ROOT).parts, module]) + rest


def is_there(name: str) -> bool:
    """Whether a module has that name, or something within one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if not hasattr(found, part) and part not in getattr(found, "__dataclass_fields__", ()):
                return False
            found = getattr(found, part, None)
        return True
    return False


def test_what_docstrings_and_comments_name_is_there() -> None:
    names = {(path.relative_to(ROOT).as_posix(), name) for path in FILES for name in named(path)}

    assert len(names) > 40
    assert sorted(f"{path}: {name}" for path, name in names if not is_there(name)) == []


@pytest.mark.parametrize("name", ["chargeback.domain.reports", "chargeback.domain.reports.rows.Reason"])
def test_a_module_and_what_it_has_are_there(name: str) -> None:
    assert is_there(name)


@pytest.mark.parametrize("name", ["chargeback.domain.rows", "chargeback.domain.reports.rows.Unreason"])
def test_a_module_that_moved_and_what_a_module_lacks_are_not_there(name: str) -> None:
    assert not is_there(name)
