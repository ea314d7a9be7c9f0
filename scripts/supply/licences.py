"""Whether every package declares a licence that this project may use."""

import json
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name

from scripts.supply.locks import INSTALLED, read_lock

ALLOWED = {
    *("0bsd", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "blueoak-1.0.0", "cc0-1.0", "cnri-python", "isc", "mit"),
    *("mit-0", "mpl-2.0", "psf-2.0", "unlicense", "zlib"),
}
"""Permissive licences, and MPL 2.0, which binds changes to its own files alone; identifiers of spdx.org."""

REASONS = {
    "redis-entraid": "says nothing in its package; its repository (github.com/redis/redis-py-entraid) is under MIT",
    "node_modules/argparse": "Python-2.0, that of Python's argparse, which it copies; a part of openapi-typescript",
    "node_modules/get-closest": "says nothing in its package; a part of the Cosmos DB emulator, for development alone",
    "node_modules/turf-jsts": "EDL 1.0, which is the BSD licence; a part of the Cosmos DB emulator",
    "node_modules/uri-templates": "public domain, said as an address; a part of Azurite, for development alone",
    "chargeback": "this project",
}
"""Packages whose licence is not on the list, and why they may be used all the same."""

_NAMES = {
    "apache software license": "apache-2.0",
    "bsd": "bsd-3-clause",
    "bsd license": "bsd-3-clause",
    "isc license (iscl)": "isc",
    "mit license": "mit",
    "mozilla public license 2.0 (mpl 2.0)": "mpl-2.0",
    "python software foundation license": "psf-2.0",
}
"""What packages wrote before there were identifiers."""


def licences_of(package: metadata.Distribution) -> list[str]:
    """The licences that a package names, as identifiers where we know them."""
    expression = _field(package, "License-Expression")
    if expression:
        return [part.lower() for part in re.split(r"[()\s]+(?:AND|OR)?[()\s]*|[()]", expression) if part]
    classified = [
        line.rsplit(" :: ", 1)[-1]
        for line in package.metadata.get_all("Classifier") or []
        if line.startswith("License :: ") and not line.endswith("OSI Approved") and "DFSG" not in line
    ]
    written = _field(package, "License").strip().splitlines()[:1]
    return [_NAMES.get(name.lower(), name.lower()) for name in classified or written]


def _field(package: metadata.Distribution, name: str) -> str:
    return package.metadata[name] if name in package.metadata else ""  # noqa: SIM401 only newer Pythons promise `get`


def faults(root: Path) -> Iterator[str]:
    """Packages that may not be used, as far as their licences say; installed ones, and those of the npm lock."""
    for requirement, _ in read_lock(root / INSTALLED):
        if requirement.marker and not requirement.marker.evaluate():
            continue
        found = licences_of(metadata.distribution(requirement.name))
        if not (found and ALLOWED.issuperset(found)) and canonicalize_name(requirement.name) not in REASONS:
            said = " and ".join(found) or "not said"
            yield f"{requirement.name}: its licence is {said}; see scripts/supply/licences.py"
    for name, package in json.loads((root / "package-lock.json").read_text("utf-8"))["packages"].items():
        words = re.findall(r"[\w.-]+", str(package.get("license", "")))
        found = [word.lower() for word in words if word not in ("AND", "OR")]
        if name and not (found and ALLOWED.issuperset(found)) and name not in REASONS:
            yield f"{name}: its licence is {package.get('license', 'not said')}; see scripts/supply/licences.py"
