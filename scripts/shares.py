"""Divides the tests into shares that take about the same time: `python -m scripts.shares 3 0` prints what is not in it.

`tests/seconds.txt` says what a folder or file took when somebody last looked; what it does not name is `UNKNOWN`.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = ROOT / "tests" / "seconds.txt"
UNKNOWN = 5.0
"""Seconds of a new folder or file."""


def recorded(text: str) -> dict[str, float]:
    """Path → seconds."""
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {path: float(seconds) for seconds, path in lines}


def parts(tests: Path) -> list[str]:
    """The folders and files that stay together, as paths from the root: a fixture of a folder is made in one share."""
    below = [*tests.iterdir(), *(tests / "services").iterdir()]
    return sorted(
        path.relative_to(tests.parent).as_posix()
        for path in below
        if path.name != "services" and (path.match("test_*.py") or (path.is_dir() and any(path.rglob("test_*.py"))))
    )


def shares(names: Sequence[str], seconds: Mapping[str, float], count: int) -> list[list[str]]:
    """The longest first, each to whoever has least."""
    found: list[list[str]] = [[] for _ in range(count)]
    taken = [0.0] * count
    for name in sorted(names, key=lambda name: (-seconds.get(name, UNKNOWN), name)):
        least = taken.index(min(taken))
        found[least].append(name)
        taken[least] += seconds.get(name, UNKNOWN)
    return found


if __name__ == "__main__":
    count, number = map(int, sys.argv[1:])
    every = parts(SECONDS.parent)
    mine = shares(every, recorded(SECONDS.read_text("utf-8")), count)[number]
    # Paths are left out instead of named: naming one imports its conftest before pytest has set up the others.
    print(*(f"--ignore={name}" for name in every if name not in mine), sep="\n")
