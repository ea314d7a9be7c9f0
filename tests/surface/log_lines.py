"""The lines that the product logs: each event with its fields, from the calls of `log_line`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import chargeback

PACKAGE = Path(chargeback.__file__).parent
_OWN = {"about", "level"}
"""What a caller tells `log_line` itself."""


def logged_fields() -> dict[str, set[str]]:
    """Event → its fields. Raises ValueError at a call whose event or fields cannot be read off."""
    known: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for call in _calls(ast.parse(path.read_text("utf-8"))):
            names = {keyword.arg for keyword in call.keywords}
            match call.args:
                case [_, ast.Constant(value=str(event))] if None not in names:
                    known.setdefault(event, set()).update(name for name in names if name and name not in _OWN)
                case _:
                    raise ValueError(f"{path}:{call.lineno}: an event and its fields have to be written out")
    return known


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "log_line":
            yield node
