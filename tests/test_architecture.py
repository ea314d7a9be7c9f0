"""The page on the architecture names what exists, and every package of the domain; no module is too long."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
TOPS = ("apim-policies", "chargeback", "config", "docs", "examples", "infra", "scripts", "stack")
PROGRAMS = ("benchmarks", "chargeback", "infra", "scripts", "stack", "tests")
MOST_LINES = 400
NAMED = sorted(
    {path for path in re.findall(r"`([\w./-]+)`", PAGE) if path.split("/")[0] in TOPS and "/" in path}
    | set(re.findall(r"`(\w+\.(?:py|json|toml|md))`", PAGE))
)


@pytest.mark.parametrize("path", NAMED)
def test_what_the_page_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_page_names_enough_to_be_tested() -> None:
    assert len(NAMED) > 40


def test_the_table_and_the_picture_have_every_package_of_the_domain_on_its_floor() -> None:
    domain = ROOT / "chargeback/domain"
    packages = {path.name for path in domain.iterdir() if (path / "__init__.py").exists()} | {"errors"}
    table = {name for row in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE, re.M) for name in re.findall(r"\w+", row)}
    floors = [set(floor.split(" · ")) for floor in re.findall(r'\w+\["([\w ·]+)"\]', PAGE)]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each.get("containers") == ["chargeback.domain"])

    assert packages <= table
    assert [floor & packages for floor in floors if floor & packages == floor] == [
        set(re.split(r" \| ", layer)) for layer in layers
    ]


def test_the_picture_names_every_package_of_the_services() -> None:
    services = {path.name for path in (ROOT / "chargeback/services").iterdir() if (path / "__init__.py").exists()}
    picture = PAGE[PAGE.index("subgraph services") : PAGE.index("subgraph domain")]

    assert {name for name in services if not re.search(rf"\b{name}\b", picture)} == set()


def test_the_domain_names_no_file_of_the_configuration_and_no_command() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path in sorted((ROOT / "chargeback/domain").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.search(
            r"\w\.ya?ml\b|config/\w|`(?:periods|config|budgets|prices) \w|`(?:reconcile|publish|settle|audit)`",
            node.value,
        )
    ]

    assert found == []


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): path.read_bytes().count(b"\n")
        for top in PROGRAMS
        for path in (ROOT / top).rglob("*.py")
        if "hooks_env" not in path.parts  # what azd makes for the hooks
    }

    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}
