"""Which lines of a recounted day are folded: those with a name beyond the first ones of their caller.

A name is as early as the first event that has it, in the ledger's order: when it was written, then who wrote it.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from chargeback.domain.cost_centres.folding import NamedValues, caller_of, folded, name_of
from chargeback.domain.usage.lines import from_json, line_id, to_json
from chargeback.services.usage.csv_rows import LINE_COLUMNS, load_rows

_FOLDABLE_COLUMNS = {"line": "UUID", "caller": "VARCHAR", "name": "VARCHAR", "others": "UUID"}
_LINES_AT_ONCE = 10_000

_FURTHER = """
CREATE TABLE further AS
WITH firsts AS (
    SELECT caller, name, min({'written': written, 'position': position}) AS first
    FROM events JOIN foldable USING (line)
    GROUP BY caller, name
)
SELECT name FROM firsts QUALIFY row_number() OVER (PARTITION BY caller ORDER BY first) > $most
"""

_FOLDED = """
INSERT INTO folded
SELECT position, others FROM events JOIN foldable USING (line) WHERE name IN (SELECT name FROM further)
"""

_UPDATE = "UPDATE events SET line = folded.line FROM folded WHERE events.position = folded.position"


def fold_names(engine: duckdb.DuckDBPyConnection, folder: str, named: NamedValues, most: int) -> None:
    """Fold the lines of `events` with further names; `folded` says which, and under which line they are."""
    (distinct,) = engine.execute("SELECT count(DISTINCT line) FROM lines").fetchone() or (0,)
    if distinct <= most:
        return
    engine.execute(f"CREATE TABLE foldable ({', '.join(f'{name} {kind}' for name, kind in _FOLDABLE_COLUMNS.items())})")
    for number, lines in enumerate(_lines(engine)):
        _note(engine, lines, named, f"{folder}/foldable-{number}")
    engine.execute(_FURTHER, {"most": most})
    engine.execute(_FOLDED)
    engine.execute(_UPDATE)


def _lines(engine: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[str, str]]]:
    found = engine.cursor().execute("SELECT line::VARCHAR, any_value(text) FROM lines GROUP BY line")
    while lines := found.fetchmany(_LINES_AT_ONCE):
        yield lines


def _note(engine: duckdb.DuckDBPyConnection, lines: list[tuple[str, str]], named: NamedValues, path: str) -> None:
    rows: list[str] = []
    new: dict[str, str] = {}
    for identity, text in lines:
        line = from_json(text)
        others = folded(line, named)
        if others is not None:
            quoted = caller_of(line).replace('"', '""')
            rows.append(f'{identity},"{quoted}",{name_of(line, others)},{line_id(others)}\n')
            new[line_id(others)] = to_json(others).replace('"', '""')
    Path(f"{path}.rows").write_text("".join(rows), encoding="utf-8")
    Path(f"{path}.lines").write_text("".join(f'{line},"{text}"\n' for line, text in new.items()), encoding="utf-8")
    load_rows(engine, "foldable", _FOLDABLE_COLUMNS, [f"{path}.rows"])
    load_rows(engine, "lines", LINE_COLUMNS, [f"{path}.lines"])
