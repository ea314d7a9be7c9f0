"""Reads YAML with libyaml where Python has it, which takes a tenth of the time."""

from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def from_yaml(text: str) -> Any:
    """Return what the text says; no more than data."""
    return yaml.load(text, _LOADER)  # noqa: S506 both are safe loaders
