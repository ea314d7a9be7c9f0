"""The configuration that is read: its files with their sections, and the keys of each kind of entry in them."""

import importlib
import pkgutil
from collections.abc import Iterator

import msgspec
import yaml

import chargeback.adapters.config
from chargeback.adapters.config.entries import Record
from stack.example import EXAMPLE_CONFIG


def configuration() -> Iterator[str]:
    """Each shipped file with its sections, and the keys of each kind of entry; `?` follows those that are optional."""
    for path in sorted(EXAMPLE_CONFIG.rglob("*.yaml")):
        name = path.relative_to(EXAMPLE_CONFIG).as_posix()
        yield name
        yield from (f"{name}: {section}" for section in yaml.safe_load(path.read_text("utf-8")))
    for module in pkgutil.walk_packages(chargeback.adapters.config.__path__, f"{chargeback.adapters.config.__name__}."):
        importlib.import_module(module.name)
    for kind in _kinds(Record):
        keys = sorted((field.encode_name, field.required) for field in msgspec.structs.fields(kind))
        yield f"an entry with {', '.join(key if needed else f'{key}?' for key, needed in keys)}"


def _kinds(kind: type[Record]) -> Iterator[type[Record]]:
    """Those that no other kind extends."""
    for below in kind.__subclasses__():
        yield from _kinds(below) if below.__subclasses__() else [below]
