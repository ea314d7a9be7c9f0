"""Reads YAML with libyaml where Python has it, which takes a tenth of the time, and the same text once."""

import pickle
from functools import lru_cache
from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def from_yaml(text: str) -> Any:
    """Return what the text says; no more than data, which is the caller's own."""
    return pickle.loads(_read(text))  # noqa: S301 what this process has written


@lru_cache(maxsize=64)
def _read(text: str) -> bytes:
    """Pickled, as a copy of that takes a twentieth of the time of reading."""
    return pickle.dumps(yaml.load(text, _LOADER))  # noqa: S506 both are safe loaders
