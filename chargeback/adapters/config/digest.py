"""Computes one digest over the configuration files, by which hook and app know whether a deployment was handled."""

import hashlib
from pathlib import Path


def config_digest(folder: Path) -> str:
    """SHA-256 over the paths and bytes of the YAML files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.yaml")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
