"""One name, one meaning: a class, and a function or constant that others import, has its name for itself.

Classes also between the package and the local stack.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = sorted(Path(ROOT, "chargeback").rglob("*.py"))
STACK = sorted(Path(ROOT, "stack").rglob("*.py"))

ENTRANCES = ("cli", "functions", "api", "web")
"""Their functions are named for the commands and routes that they are, and nobody else calls them."""

SAME_EVERYWHERE = {
    *("from_document", "to_document", "from_text", "to_text", "from_json", "to_json"),  # translation pairs
    "connect",  # of each store: its client
    "routes",  # of each section of the pages: its addresses
}
"""Functions that do the same thing to what their module is about."""


LOCAL = {
    "FILE",  # of each reader of the configuration: the file that it reads
    "app",  # of each module of the command line: its commands
}
"""Constants that say the same of the module that they stand in."""


def public(kinds: tuple[type[ast.stmt], ...], modules: list[Path]) -> dict[str, list[str]]:
    """Name → the modules that define it."""
    found = defaultdict(list)
    for path in modules:
        for name in names_in(path.read_text(), kinds):
            found[name].append(str(path.relative_to(ROOT)))
    return found


def names_in(code: str, kinds: tuple[type[ast.stmt], ...]) -> Iterator[str]:
    for node in ast.parse(code).body:
        if isinstance(node, kinds) and not node.name.startswith("_") and not _is_overload(node):
            yield node.name


def _is_overload(node: ast.stmt) -> bool:
    """Whether a definition only says which types another one, of the same name, is given."""
    return any(isinstance(each, ast.Name) and each.id == "overload" for each in getattr(node, "decorator_list", []))


def constants_in(code: str) -> Iterator[str]:
    """Public names of the top of a module that are assigned: constants and names of types."""
    for node in ast.parse(code).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        yield from (each.id for each in targets if isinstance(each, ast.Name) and not each.id.startswith("_"))


def imported_in(modules: list[Path]) -> set[tuple[str, str]]:
    """Module and name of everything that a module takes from another one."""
    nodes = (node for path in modules for node in ast.walk(ast.parse(path.read_text())))
    return {(node.module or "", name.name) for node in nodes if isinstance(node, ast.ImportFrom) for name in node.names}


def repeated(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: modules for name, modules in found.items() if len(modules) > 1}


def test_no_two_classes_of_the_package_and_the_local_stack_share_a_name() -> None:
    assert repeated(public((ast.ClassDef,), [*MODULES, *STACK])) == {}


def test_no_two_public_functions_share_a_name_unless_they_do_the_same() -> None:
    inner = [path for path in MODULES if path.relative_to(ROOT).parts[1] not in ENTRANCES]

    shared = repeated(public((ast.FunctionDef, ast.AsyncFunctionDef), inner))

    assert {name: modules for name, modules in shared.items() if name not in SAME_EVERYWHERE} == {}


def test_a_constant_that_others_import_has_its_name_for_itself() -> None:
    found = defaultdict(list)
    for path in MODULES:
        for name in set(constants_in(path.read_text())):
            found[name].append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    imported = imported_in(MODULES)

    shared = {name: {*modules} for name, modules in repeated(found).items() if name not in LOCAL}

    assert {n: modules for n, modules in shared.items() if any((each, n) in imported for each in modules)} == {}


def test_names_are_read_from_the_top_of_a_module() -> None:
    code = "class Part:\n    class Inner: ...\nclass _Own: ...\ndef work(): ...\n"

    assert [*names_in(code, (ast.ClassDef,))] == ["Part"]
    assert [*names_in(code, (ast.FunctionDef,))] == ["work"]


def test_constants_are_read_from_the_top_of_a_module() -> None:
    code = "A = 1\nB: int = 2\n_C = 3\ndef work():\n    D = 4\n"

    assert [*constants_in(code)] == ["A", "B"]
