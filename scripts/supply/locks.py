"""Whether the locks pin everything by hash, cover every dependency, and agree with what is installed."""

import json
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYTHON_LOCKS = (
    "requirements.txt",
    "requirements-audit.txt",
    "requirements-client.txt",
    "requirements-dev.txt",
    "requirements-focus.txt",
    "requirements-security.txt",
    "requirements-worker.txt",
)
INSTALLED = "requirements-dev.txt"
"""The lock of .venv."""


def read_lock(path: Path) -> list[tuple[Requirement, int]]:
    """The requirements of a lock, each with how many hashes it carries."""
    joined = re.sub(r"\\\n\s*", " ", path.read_text("utf-8"))
    lines = [line.split(" #")[0].strip() for line in joined.splitlines()]
    return [
        (Requirement(line.split(" --hash=")[0]), line.count(" --hash=sha256:"))
        for line in lines
        if line and not line.startswith("#")
    ]


def faults(root: Path) -> Iterator[str]:
    """What is wrong with the locks of the repository, in a sentence each."""
    for name in PYTHON_LOCKS:
        for requirement, hashes in read_lock(root / name):
            if not hashes or [one.operator for one in requirement.specifier] != ["=="]:
                yield f"{name}: {requirement.name} is not pinned to one version with hashes; run scripts/lock"
    yield from _missing(root)
    yield from _not_installed(root / INSTALLED)
    yield from _npm(root)


def _missing(root: Path) -> Iterator[str]:
    """What pyproject.toml asks for and a lock does not hold in such a version."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {
        "requirements.txt": project["dependencies"],
        "requirements-dev.txt": [*project["dependencies"], *project["optional-dependencies"]["dev"]],
    }
    for name, requirements in wanted.items():
        locked = read_lock(root / name)
        for requirement in map(Requirement, requirements):
            if not any(_satisfies(pinned, requirement) for pinned, _ in locked):
                yield f"{name}: {requirement} of pyproject.toml is not in it; run scripts/lock"


def _satisfies(pinned: Requirement, wanted: Requirement) -> bool:
    (version,) = [one.version for one in pinned.specifier] or [""]
    same = canonicalize_name(pinned.name) == canonicalize_name(wanted.name)
    return same and wanted.specifier.contains(version, prereleases=True)


def _not_installed(lock: Path) -> Iterator[str]:
    for requirement, _ in read_lock(lock):
        if requirement.marker and not requirement.marker.evaluate():
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"{requirement.name} is locked, but not installed; run scripts/setup"
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement.name} {version} is installed, {requirement.specifier} is locked; run scripts/setup"


def _npm(root: Path) -> Iterator[str]:
    wanted = json.loads((root / "package.json").read_text("utf-8"))
    packages = json.loads((root / "package-lock.json").read_text("utf-8"))["packages"]
    if any(packages[""].get(kind) != wanted.get(kind) for kind in ("dependencies", "devDependencies")):
        yield "package-lock.json: it is not that of package.json; run scripts/lock"
    for name, package in packages.items():
        if name and not package.get("integrity", "").startswith("sha512-"):
            yield f"package-lock.json: {name} carries no hash; run scripts/lock"
