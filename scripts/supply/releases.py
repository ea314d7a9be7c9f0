"""What the changelog says of a version, as notes of its release: `python -m scripts.supply.releases v0.1.0`.

It needs no package, so that a workflow can run it before anything is installed.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

_HEADING = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\S+))?\s*$", re.MULTILINE)


def notes(changelog: str, version: str) -> str:
    """The section of a version, without its heading.

    Raises:
        ValueError: if the changelog has no such version, or says nothing of it.
    """
    for name, _, text in _sections(changelog):
        if name == version and text:
            return text + "\n"
    raise ValueError(f"CHANGELOG.md says nothing of {version}: rename [Unreleased] to it, with the date")


def faults(root: Path) -> Iterator[str]:
    """What keeps the version that the package states from being released as it is.

    The changelog begins with what is unreleased, then has the versions, newest first, each with its date.
    """
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    template = re.search(r"^\s*template: \S+@(\S+)$", (root / "azure.yaml").read_text(), re.MULTILINE)
    if template is None or template[1] != version:
        yield f"azure.yaml: metadata.template must end with @{version}, the version in pyproject.toml"
    if f'__version__ = "{version}"' not in (root / "chargeback/__init__.py").read_text():
        yield f'chargeback/__init__.py: __version__ must be "{version}", the version in pyproject.toml'
    first, *versions = _sections((root / "CHANGELOG.md").read_text())
    if first[0] != "Unreleased":
        yield "CHANGELOG.md: its first section must be [Unreleased]"
    if not versions or versions[0][0] != version:
        yield f"CHANGELOG.md: its newest version must be [{version}], as in pyproject.toml"
    dates = [_day(dated) for _, dated, _ in versions]
    if None in dates:
        yield "CHANGELOG.md: each version needs its date, such as ## [0.1.0] - 2026-11-30"
    elif dates != sorted(dates, key=str, reverse=True):
        yield "CHANGELOG.md: the newest version must come first"


def _sections(changelog: str) -> list[tuple[str, str, str]]:
    """Name, date and text of each section in order."""
    headings = list(_HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    return [
        (heading["name"], heading["date"] or "", changelog[heading.end() : end].strip())
        for heading, end in zip(headings, ends, strict=True)
    ]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m scripts.supply.releases v0.1.0")
    try:
        sys.stdout.write(notes(Path("CHANGELOG.md").read_text(), sys.argv[1].removeprefix("v")))
    except ValueError as error:
        sys.exit(str(error))
