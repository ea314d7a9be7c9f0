"""What people read of the code and its documents is free of words that a reader must decode."""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
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

QUOTING = "tests/test_plain_english.py"
"""This file, which has the words to avoid in its examples."""

STORED = "rated anew"
"""A kind of change in the history of stored periods, which keeps its name."""


def tracked() -> list[str]:
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    return [path for path in listed if Path(path).suffix in PROSE and path != QUOTING]


def without_code(line: str) -> str:
    """The line with whatever is in backticks left out."""
    return re.sub(r"`[^`]*`", "`…`", line)


def of_markdown(text: str) -> Iterator[tuple[int, str]]:
    """Every line without code and quotations."""
    in_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code and not line.startswith(">"):
            yield number, without_code(line)


def of_python(text: str) -> Iterator[tuple[int, str]]:
    """Docstrings and comments without code in backticks, strings of several words (errors, help), names of tests."""
    tree = ast.parse(text)
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test_"):
                yield node.lineno, name.replace("_", " ")
            case ast.Expr(value=ast.Constant(value=str(value))):
                yield from (
                    (number, without_code(line.strip())) for number, line in enumerate(value.splitlines(), node.lineno)
                )
            case ast.Constant(value=str(value)) if " " in value and id(node) not in statements:
                yield from (
                    (number, line.replace(STORED, "")) for number, line in enumerate(value.splitlines(), node.lineno)
                )
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], without_code(token.string.removeprefix("# "))


def of_xml(text: str) -> Iterator[tuple[int, str]]:
    """The comment on top."""
    header = re.match(r"\s*<!--(.*?)-->", text, re.DOTALL)
    yield from enumerate(header[1].splitlines() if header else (), 1)


def of_comments(text: str) -> Iterator[tuple[int, str]]:
    """Lines of comment, and the descriptions of Bicep."""
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r"\s*(?:#|//|--) ?(.*)|\s*@description\('(.*)'\)", line)
        if found:
            yield number, without_code(found[1] or found[2] or "")


PROSE = {
    ".md": of_markdown,
    ".py": of_python,
    ".xml": of_xml,
    **dict.fromkeys((".bicep", ".kql", ".lua", ".sql", ".toml", ".yaml", ".yml"), of_comments),
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
        ("a.py", 'def f():\n    """Say so.\n\n    Args:\n        day: of the call\n    """\n'),
        ("a.py", "# made anew each night\n"),
        ("a.py", "def test_a_day_is_counted_anew() -> None: ...\n"),
        ("a.py", 'raise ValueError(f"{name} belongs into a file")\n'),
        ("a.xml", "<!--\nPurpose: mends what is broken\n-->\n<policies />"),
        ("a.bicep", "@description('Who shall read it.')\nparam reader string\n"),
        ("a.sql", "-- Made anew each night\nSELECT 1\n"),
        ("a.yaml", "# The files of before\nfiles: []\n"),
    ],
)
def test_a_word_to_decode_is_found(path: str, text: str) -> None:
    assert stumbles(path, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.md", "`shall` and `of before`\n```sh\nmend anew\n```\n> They shall.\n"),
        ("a.py", '"""First, `mended`."""\nPATTERN = r"\\bmend\\b"\n'),
        ("a.py", 'change("rated anew")\n'),
        ("a.yaml", "shall: anew\n"),
    ],
)
def test_code_and_quotations_are_not_prose(path: str, text: str) -> None:
    assert stumbles(path, text) == []
