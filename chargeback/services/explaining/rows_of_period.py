"""Questions to the published rows of a period: each a statement of `explain.sql`, each row a mapping."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from chargeback.domain.money.exact import to_text

Row = dict[str, Any]


class Rows:
    """The rows of a period."""

    def __init__(self, engine: duckdb.DuckDBPyConnection) -> None:
        self._engine = engine

    def ask(self, question: str, **given: Any) -> list[Row]:
        """The answer to a statement by its name."""
        asked = self._engine.execute(_statements()[question], given)
        names = [column[0] for column in asked.description or ()]
        return [dict(zip(names, values, strict=True)) for values in asked.fetchall()]


@contextmanager
def opened(file: Path) -> Iterator[Rows]:
    """The rows of a Parquet file."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": "256MB",
        "threads": 2,
        "temp_directory": f"{file.parent}/spill",
    }
    with duckdb.connect(config=config) as engine:
        found = engine.read_parquet(str(file))
        # What an older version published has no column for it.
        (found if "correction_reason" in found.columns else found.project("*, '' AS correction_reason")).create_view(
            "rows"
        )
        yield Rows(engine)


def text_or_none(amount: Decimal | None) -> str | None:
    """An amount as text; None where it is not known, which is not zero."""
    return None if amount is None else to_text(amount)


@cache
def _statements() -> dict[str, str]:
    text = files("chargeback.services.explaining").joinpath("explain.sql").read_text("utf-8")
    parts = text.split("-- name: ")[1:]
    return {name.strip(): body.strip() for name, _, body in (part.partition("\n") for part in parts)}
