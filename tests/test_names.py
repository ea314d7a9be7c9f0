"""One name, one meaning: a class, or a function that others import, has its name for itself.

Classes also between the package and the local stack.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = sorted(Path(ROOT, "chargeback").rglob("*.py"))
STACK = sorted(Path(ROOT, "stack").rglob("*.py"))

ENTRANCES = ("cli", "functions", "api")
"""Their functions are named for the commands and routes that they are, and nobody else calls them."""

SAME_EVERYWHERE = {
    *("from_document", "to_document", "from_text", "to_text", "from_json", "to_json"),  # translation pairs
    "connect",  # of each store: its client
}
"""Functions that do the same thing to what their module is about."""


def public(kinds: tuple[type[ast.stmt], ...], modules: list[Path]) -> dict[str, list[str]]:
    """Name → the modules that define it."""
    found = defaultdict(list)
    for path in modules:
        for name in names_in(path.read_text(), kinds):
            found[name].append(str(path.relative_to(ROOT)))
    return found


def names_in(code: str, kinds: tuple[type[ast.stmt], ...]) -> Iterator[str]:
    for node in ast.parse(code).body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node.name


def repeated(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: modules for name, modules in found.items() if len(modules) > 1}


def test_no_two_classes_of_the_package_and_the_local_stack_share_a_name() -> None:
    assert repeated(public((ast.ClassDef,), [*MODULES, *STACK])) == {}


def test_no_two_public_functions_share_a_name_unless_they_do_the_same() -> None:
    inner = [path for path in MODULES if path.relative_to(ROOT).parts[1] not in ENTRANCES]

    shared = repeated(public((ast.FunctionDef, ast.AsyncFunctionDef), inner))

    assert {name: modules for name, modules in shared.items() if name not in SAME_EVERYWHERE} == {}


def test_names_are_read_from_the_top_of_a_module() -> None:
    code = "class Part:\n    class Inner: ...\nclass _Own: ...\ndef work(): ...\n"

    assert [*names_in(code, (ast.ClassDef,))] == ["Part"]
    assert [*names_in(code, (ast.FunctionDef,))] == ["work"]
