"""What people read first has none of the words and turns that a reader has to decode, in the areas that are covered."""

import ast
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

COVERED = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/*.md",
)
"""Tracked files whose prose is checked; `*` also matches folders."""

PREFERRED = {
    r"\banew\b": "again",
    r"\bmend(?:s|ed|ing)?\b": "fix, correct",
    r"\botherwise than\b": "differently from",
    r"\bof before\b": "earlier, previous",
    r"\bput (?:\w+ )?right\b": "fix, correct",
    r"\bbelongs? into\b": "belongs in",
    r"\bshall\b": "must, should, are to",
    r"\bheld against\b": "compared with",
    r"\btaken for\b": "treated as",
    r"\bthat (?:is|are|was|were) none\b": "is not a …",
    r"(?:^|[.:;|] |\*)[Oo]f (?!course\b)": "start with the subject",
}
"""What a reader stumbles over → what to write instead."""


def tracked() -> list[str]:
    listed = subprocess.check_output(["git", "ls-files", "-z", "*.md", "*.py", "*.xml"], cwd=ROOT, text=True)
    return [path for path in listed.split("\0") if any(fnmatch(path, pattern) for pattern in COVERED)]


def of_markdown(text: str) -> Iterator[tuple[int, str]]:
    """Every line without code and quotations."""
    in_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code and not line.startswith(">"):
            yield number, re.sub(r"`[^`]*`", "`…`", line)


def of_python(text: str) -> Iterator[tuple[int, str]]:
    """The first line of every docstring."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.body[0].lineno, docstring.splitlines()[0]


def of_xml(text: str) -> Iterator[tuple[int, str]]:
    """The comment on top."""
    header = re.match(r"\s*<!--(.*?)-->", text, re.DOTALL)
    yield from enumerate(header[1].splitlines() if header else (), 1)


PROSE = {".md": of_markdown, ".py": of_python, ".xml": of_xml}


def stumbles(path: str, text: str) -> list[str]:
    return [
        f"{path}:{number}: '{found[0].strip()}': {better}"
        for number, line in PROSE[Path(path).suffix](text)
        for pattern, better in PREFERRED.items()
        for found in re.finditer(pattern, line)
    ]


def test_the_covered_prose_is_plain() -> None:
    paths = tracked()

    assert paths
    assert [found for path in paths for found in stumbles(path, (ROOT / path).read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.md", "Made anew each night."),
        ("a.md", "| `x` | of a correction, the difference |"),
        ("a.py", 'def f():\n    """Of the reports, the last."""\n'),
        ("a.xml", "<!--\nPurpose: mends what is broken\n-->\n<policies />"),
    ],
)
def test_a_word_to_decode_is_found(path: str, text: str) -> None:
    assert stumbles(path, text)


def test_code_is_not_prose() -> None:
    text = "`shall` and `of before`\n```sh\nmend anew\n```\n"

    assert stumbles("a.md", text) == []
