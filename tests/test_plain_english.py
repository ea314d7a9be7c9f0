"""What people read at a glance is free of words that a reader must decode, outside the files that are listed here."""

import ast
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PREFERRED = {
    r"\banew\b": "again",
    r"\bmend(?:s|ed|ing)?\b": "fix, correct",
    r"\bput (?:\w+ )?right\b": "fix, correct",
    r"\botherwise than\b": "differently from",
    r"\bof before\b": "earlier, previous",
    r"\bbelongs? into\b": "belongs in",
    r"\bshall\b": "must, should, are to",
    r"\bheld against\b": "compared with",
    r"\btaken for\b": "treated as",
    r"\bthat (?:is|are|was|were) none\b": "is not a …",
    r"(?:^|[.:;|] |\*)Of (?!course\b)|[.:;|] of ": "start with the subject",
}
"""What a reader stumbles over → what to write instead."""

NOT_YET = (
    "benchmarks/ingest.py",
    "benchmarks/publish.py",
    "chargeback/adapters/azure/*",
    "chargeback/adapters/config/*",
    "chargeback/cli/*",
    "chargeback/domain/budgets/*",
    "chargeback/domain/catalogue/*",
    "chargeback/domain/invoice/*",
    "chargeback/domain/rating/*",
    "chargeback/domain/reports/*",
    "chargeback/domain/streams/*",
    "chargeback/domain/terms/*",
    "chargeback/functions/audit_ledger.py",
    "chargeback/services/closing/*",
    "chargeback/services/explaining/*",
    "chargeback/services/forecasting/*",
    "chargeback/services/ports/*",
    "chargeback/services/publishing/*",
    "chargeback/services/reconciling/*",
    "chargeback/services/running/*",
    "chargeback/services/usage/*",
    "chargeback/settings.py",
    "config/company/*",
    "config/provider/*",
    "stack/__main__.py",
    "stack/gateway/*",
    "stack/stores/*",
    "tests/adapters/azure/*",
    "tests/adapters/config/*",
    "tests/adapters/redis/*",
    "tests/cli/*",
    "tests/domain/periods/*",
    "tests/policies/*",
    "tests/services/closing/*",
    "tests/services/explaining/*",
    "tests/services/publishing/*",
    "tests/services/reconciling/*",
    "tests/services/running/*",
    "tests/services/usage/*",
    "tests/simulation/*",
    "tests/surface/*",
    "tests/test_plain_english.py",
)
"""Files whose prose is still to be rewritten, and this one, which quotes it; `*` also matches folders."""


def tracked() -> list[str]:
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    return [path for path in listed if Path(path).suffix in PROSE and not any(fnmatch(path, name) for name in NOT_YET)]


def of_markdown(text: str) -> Iterator[tuple[int, str]]:
    """Every line without code and quotations."""
    in_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code and not line.startswith(">"):
            yield number, re.sub(r"`[^`]*`", "`…`", line)


def of_python(text: str) -> Iterator[tuple[int, str]]:
    """The first line of every docstring, and strings of several words: errors, help, labels."""
    tree = ast.parse(text)
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                docstring = ast.get_docstring(node)
                if docstring:
                    yield node.body[0].lineno, docstring.splitlines()[0]
            case ast.Constant(value=str(value)) if " " in value and id(node) not in statements:
                yield from enumerate(value.splitlines(), node.lineno)


def of_xml(text: str) -> Iterator[tuple[int, str]]:
    """The comment on top."""
    header = re.match(r"\s*<!--(.*?)-->", text, re.DOTALL)
    yield from enumerate(header[1].splitlines() if header else (), 1)


def of_comments(text: str) -> Iterator[tuple[int, str]]:
    """Lines of comment, and the descriptions of Bicep."""
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r"\s*(?:#|//) ?(.*)|\s*@description\('(.*)'\)", line)
        if found:
            yield number, found[1] or found[2] or ""


PROSE = {
    ".md": of_markdown,
    ".py": of_python,
    ".xml": of_xml,
    **dict.fromkeys((".bicep", ".kql", ".yaml", ".yml"), of_comments),
}


def stumbles(path: str, text: str) -> list[str]:
    return [
        f"{path}:{number}: '{found[0].strip()}': {better}"
        for number, line in PROSE[Path(path).suffix](text)
        for pattern, better in PREFERRED.items()
        for found in re.finditer(pattern, line)
    ]


def test_prose_is_plain() -> None:
    paths = tracked()

    assert paths
    assert [found for path in paths for found in stumbles(path, (ROOT / path).read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.md", "Made anew each night."),
        ("a.md", "| `x` | of a correction, the difference |"),
        ("a.py", 'def f():\n    """Of the reports, the last."""\n'),
        ("a.py", 'raise ValueError(f"{name} belongs into a file")\n'),
        ("a.xml", "<!--\nPurpose: mends what is broken\n-->\n<policies />"),
        ("a.bicep", "@description('Who shall read it.')\nparam reader string\n"),
        ("a.yaml", "# The files of before\nfiles: []\n"),
    ],
)
def test_a_word_to_decode_is_found(path: str, text: str) -> None:
    assert stumbles(path, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.md", "`shall` and `of before`\n```sh\nmend anew\n```\n> They shall.\n"),
        ("a.py", '"""First."""\nPATTERN = r"\\bmend\\b"\n'),
        ("a.yaml", "shall: anew\n"),
    ],
)
def test_code_and_quotations_are_not_prose(path: str, text: str) -> None:
    assert stumbles(path, text) == []
