"""The committed list: sections with a line for each thing that others depend on."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

LIST = Path(__file__).parent / "surface.txt"
COMMAND = "python -m tests.surface"
_HEAD = f"""\
# What others depend on, a line each: log lines, commands, settings, configuration, functions, the API, events, files
# and stored keys.
# Written by `{COMMAND}`, which finds it in the code and in what a small life of the product leaves behind.
# A line that goes or changes is a change that somebody has to follow: say it in CHANGELOG.md.
"""

Sections = Mapping[str, Iterable[str]]


def write(sections: Sections) -> None:
    """Replace the list."""
    parts = [
        f"\n== {title} ==\n" + "".join(f"{line}\n" for line in sorted(set(lines))) for title, lines in sections.items()
    ]
    LIST.write_text(_HEAD + "".join(parts), encoding="utf-8")


def differences(sections: Sections) -> str:
    """What the list does not say of these sections, and what it says of them that is gone; empty if they agree."""
    listed = _read()
    found = [_difference(title, listed.get(title, []), sorted(set(lines))) for title, lines in sections.items()]
    if not any(found):
        return ""
    return "".join(found) + f"\nIf that is meant, write the list again (`{COMMAND}`) and say it in CHANGELOG.md."


def _read() -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            sections[line.strip("= ")] = lines = []
        elif line and not line.startswith("#"):
            lines.append(line)
    return sections


def _difference(title: str, before: list[str], after: list[str]) -> str:
    changed = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    return f"\n{title}:\n" + "\n".join(changed) + "\n" if changed else ""
