"""Each kind of control document has one owner: nobody else reads or writes it, and it gives out typed values alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import chargeback

PACKAGE = Path(chargeback.__file__).parent
METHODS = {"get", "get_versioned", "swap", "all", "names", "put"}

OWNERS = {
    "period": "services/periods/documents.py",
    "draft": "services/closing/draft_attempts.py",
    "audit": "services/usage/audit_results.py",
    "posting-run": "services/usage/restored_books.py",
    "ledger-parts": "services/usage/ledger_parts.py",
    "settled-month": "services/settled/totals_pointer.py",
    "cost-view": "services/costs/view_pointers.py",
    "set-aside": "services/running/set_aside.py",
    "reconciliation": "services/reconciling/reconciled_documents.py",
    "true-up": "services/reconciling/true_up_documents.py",
    "catalogue": "services/configuring/versions.py",
    "deployment": "services/configuring/deployments.py",
    "journal": "services/journals/journal_documents.py",
    "plan": "services/journals/plan_documents.py",
    "budget": "services/budgets/made_budgets.py",
    "operation": "services/operations/operation.py",
    "request": "services/requests/repeatable.py",
    "budget-override": "services/budgets/overrides.py",
    "budget-replay": "services/budgets/asked_replays.py",
    "alert-channel": "services/alerts/channel_states.py",
    "key-version": "services/audit_log/key_versions.py",
    "cursor-key": "services/access/cursor_key.py",
    "ended-session": "services/access/ended_sessions.py",
    "budget-basis": "services/alerts/budget_bases.py",
}


PASS_ON = ("adapters/rehearsal", "adapters/recording", "adapters/viewing")
"""Stores that stand before others and pass on whatever kind they are asked for."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if any(path.is_relative_to(PACKAGE / folder) for folder in PASS_ON):
            continue
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def module(path: str) -> ast.Module:
    return ast.parse((PACKAGE / path).read_text(encoding="utf-8"))


def name_of(node: ast.expr) -> str:
    """The last part of a name, without the underscore of a private one."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name.lstrip("_")


def uses(tree: ast.Module) -> list[tuple[str, str]]:
    """The method and the kind of each call of a store of control documents."""
    return [
        (node.func.attr, ast.unparse(node.args[0]))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in METHODS
        and name_of(node.func.value) == "control"
    ]


def kind_of(tree: ast.Module) -> str:
    """The value of the module's constant KIND."""
    (line,) = [ast.unparse(node) for node in tree.body if ast.unparse(node).lstrip("(").startswith("KIND")]
    return str(ast.literal_eval(line.partition(" = ")[2].strip("()").partition(", ")[0]))


def test_only_the_owner_of_a_kind_reads_and_writes_its_documents() -> None:
    owners = {path: kind_of(tree) for path, tree in modules() if uses(tree)}

    assert owners == {path: kind for kind, path in OWNERS.items()}


@pytest.mark.parametrize("path", OWNERS.values())
def test_an_owner_names_no_kind_but_its_own_and_writes_by_swap(path: str) -> None:
    used = uses(module(path))

    assert {kind for _, kind in used} == {"KIND"}
    assert "put" not in {method for method, _ in used}


@pytest.mark.parametrize("path", OWNERS.values())
def test_an_owner_gives_out_typed_values_and_no_raw_document(path: str) -> None:
    given = [
        f"{node.name} -> {ast.unparse(node.returns)}"
        for node in ast.walk(module(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns and node.name[0] != "_"
    ]

    assert given
    assert [each for each in given if "Document" in each or "Any" in each] == []


def test_whoever_holds_the_control_documents_calls_them_control() -> None:
    """So that the tests above find every use of them."""
    otherwise = []
    for path, tree in modules():
        for node in ast.walk(tree):
            match node:
                case ast.arg(arg=name, annotation=ast.expr() as held):
                    pass
                case ast.AnnAssign(target=(ast.Name() | ast.Attribute()) as target, annotation=held):
                    name = name_of(target)
                case ast.Assign(targets=[(ast.Name() | ast.Attribute()) as target], value=value) if (
                    name_of(value) == "control"
                ):
                    name, held = name_of(target), ast.Name("Control")
                case _:
                    continue
            if ast.unparse(held).partition(" |")[0] == "Control" and name != "control":
                otherwise.append(f"{path}: {name}")

    assert otherwise == []


def test_a_document_without_a_type_is_declared_in_one_place() -> None:
    declared = [
        path
        for path, tree in modules()
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node) == "Document = dict[str, Any]"
    ]

    assert declared == ["services/ports/control.py"]
