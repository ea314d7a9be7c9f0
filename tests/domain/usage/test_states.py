"""The states of a line are spelled in one place; SQL, which cannot name its members, spells no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargeback.domain.usage.states import LineState

ROOT = Path(__file__).parents[3]
PYTHON = sorted(Path(ROOT, "chargeback").rglob("*.py"))
SQL = sorted(Path(ROOT, "chargeback").rglob("*.sql"))

COMPARED = re.compile(r"\bstate\s*(?:=|<>|!=|(?:NOT\s+)?IN)\s*(\([^)]*\)|'[^']*')", re.I)
_QUOTED = re.compile(r"'([^']*)'")


def in_sql(text: str) -> set[str]:
    return {state for compared in COMPARED.findall(text) for state in _QUOTED.findall(compared)}


def is_of_a_state(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "state"
    return "state" in (getattr(node, "attr", None), getattr(node, "id", None))


def compared_in_python(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and is_of_a_state(node.left):
            named = [each for value in node.comparators for each in ast.walk(value)]
            yield from (each.value for each in named if isinstance(each, ast.Constant) and isinstance(each.value, str))


def test_sql_compares_states_with_states_of_lines() -> None:
    found = set().union(*(in_sql(path.read_text()) for path in (*SQL, *PYTHON)))

    assert found == {LineState.UNPRICED, LineState.UNSETTLED, LineState.ESTIMATED}


def test_python_names_the_members_and_compares_no_state_with_a_string() -> None:
    found = [(path.name, text) for path in PYTHON for text in compared_in_python(ast.parse(path.read_text()))]

    assert [(name, text) for name, text in found if text in {*LineState}] == []


@pytest.mark.parametrize("code", ["line.state == 'exact'", "state != 'exact'", "row['state'] in ('exact', 'settled')"])
def test_a_comparison_with_a_string_is_found_in_python(code: str) -> None:
    assert "exact" in [*compared_in_python(ast.parse(code))]


@pytest.mark.parametrize("sql", ["state = 'made-up'", "t.state IN ('unpriced', 'made')", "state<>'made'"])
def test_a_state_that_does_not_exist_is_found_in_sql(sql: str) -> None:
    assert in_sql(sql) - {*LineState}


def test_stored_states_never_change_between_versions() -> None:
    assert [state.value for state in LineState] == ["exact", "settled", "estimated", "unsettled", "unpriced"]
