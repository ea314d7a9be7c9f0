"""Which lines of a recounted day are folded into one: those with a name beyond the first ones of their caller.

Names count in the order of their first events in the ledger: when these were written, then who wrote them.
"""

from collections.abc import Iterator
from pathlib import Path

from chargeback.domain.cost_centres.folding import NamedValues, caller_of, folded, folded_names_id
from chargeback.domain.usage.lines import from_json, line_id, to_json
from chargeback.services.duck.engine import Engine, Row
from chargeback.services.duck.statements import column_definitions
from chargeback.services.usage.csv_rows import LINE_COLUMNS, load_rows

_FOLDABLE_COLUMNS = {"line": "UUID", "caller": "VARCHAR", "name": "VARCHAR", "others": "UUID"}
_LINES_AT_ONCE = 10_000


def fold_names(engine: Engine, folder: str, named: NamedValues, most: int) -> None:
    """Fold the lines of `events` with further names; `folded` says which, and under which line they are."""
    ((distinct,),) = engine.run("count of lines")
    if distinct <= most:
        return
    engine.run("create table", table="foldable", columns=column_definitions(_FOLDABLE_COLUMNS))
    for number, lines in enumerate(_lines(engine)):
        _note(engine, lines, named, f"{folder}/foldable-{number}")
    engine.run("further names", {"most": most})
    engine.run("folded")
    engine.run("fold events")


def _lines(engine: Engine) -> Iterator[list[Row]]:
    with engine.apart() as other:
        yield from other.stream("distinct lines", rows=_LINES_AT_ONCE)


def _note(engine: Engine, lines: list[Row], named: NamedValues, path: str) -> None:
    rows: list[str] = []
    new: dict[str, str] = {}
    for identity, text in lines:
        line = from_json(text)
        others = folded(line, named)
        if others is not None:
            quoted = caller_of(line).replace('"', '""')
            rows.append(f'{identity},"{quoted}",{folded_names_id(line, others)},{line_id(others)}\n')
            new[line_id(others)] = to_json(others).replace('"', '""')
    Path(f"{path}.rows").write_text("".join(rows), encoding="utf-8")
    Path(f"{path}.lines").write_text("".join(f'{line},"{text}"\n' for line, text in new.items()), encoding="utf-8")
    load_rows(engine, "foldable", _FOLDABLE_COLUMNS, [f"{path}.rows"])
    load_rows(engine, "lines", LINE_COLUMNS, [f"{path}.lines"])
