"""What is the same from day to day in names and contents: paths, ids and documents without what differs in them."""

import csv
import io
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from python_calamine import CalamineWorkbook

_DIFFERS = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>"),
    (r"\d{8}T\d{12}", "<time>"),
    (r"\d{4}-\d\d-\d\d", "<day>"),
    (r"\d{4}-\d\d(?!\d)", "<month>"),
    (r"/\d{4}/\d\d/", "/<year>/<month>/"),
    (r"^\d\d(?=:)", "<hour>"),
    (r"^[0-9a-f]{5}-?\d{8,19}$", "<call>"),
    (r"(?<=:seen:)[0-9a-f]+", "<digits>"),
    (r"(?<![A-Za-z0-9])[0-9a-f]{8,}(?![A-Za-z0-9])", "<hash>"),
    (r"(?<=-)\d+\b", "<number>"),
    (r"(?<=statements/).+(?=/)|\bproduct/search\b", "<cost centre>"),
    (r"\bsearch\b", "<subscription>"),
    (r"\bstandard\b", "<product>"),
)
_NAME = re.compile(r"[A-Za-z]?[a-z][A-Za-z0-9_]*|_[a-z]+")
_CONFIG = ".yaml"
_ADDED = ("_etag", "_rid", "_self", "_ts")
"""What Cosmos DB itself adds to a document."""


def shape(name: str) -> str:
    """A path, a key or an id without its days, hashes and the names that its content chose."""
    for pattern, place in _DIFFERS:
        name = re.sub(pattern, place, name)
    return name


def fields(value: Any, prefix: str = "") -> Iterator[str]:
    """The fields of a document and of those within it, but for the content of configuration files."""
    if isinstance(value, list):
        for each in value:
            yield from fields(each, prefix)
    if isinstance(value, dict):
        for key in value.keys() - _ADDED:
            name = prefix + (key if _NAME.fullmatch(key) or key.endswith(_CONFIG) else "<name>")
            yield name
            if not key.endswith(_CONFIG):
                yield from fields(value[key], f"{name}.")


def columns(path: str, content: bytes) -> Iterator[str]:
    """The columns, sheets or fields of a file, as far as its kind has any."""
    match Path(path).suffix:
        case ".csv":
            header = next(csv.reader(io.StringIO(content.decode(), newline="")))
            yield from (f"{place:02} {name}" for place, name in enumerate(header, 1))
        case ".parquet":
            yield from _typed(content)
        case ".json":
            yield from fields(json.loads(content))
        case ".ndjson":
            yield from (name for line in content.splitlines() for name in fields(json.loads(line)))
        case ".xlsx":
            yield from (f"sheet {name}" for name in CalamineWorkbook.from_filelike(io.BytesIO(content)).sheet_names)


def _typed(content: bytes) -> list[str]:
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        Path(file.name).write_bytes(content)
        return [f"{name} {kind}" for name, kind, *_ in duckdb.sql(f"DESCRIBE FROM '{file.name}'").fetchall()]
