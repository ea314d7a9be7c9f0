"""Writes the statements of some cost centres into local files; runs in a process of its own."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chargeback.domain.reports.manifest import csv_line
from chargeback.domain.reports.statement import STATEMENT_COLUMNS, DayRows
from chargeback.services.duck.engine import Engine
from chargeback.services.duck.statements import quoted
from chargeback.services.statements.list_charges import list_charges
from chargeback.services.statements.read_figures import Covered, read_figures
from chargeback.services.statements.render_statement import Renderer, StatementPeriod

LARGE_ROWS = 60_000
"""A cost centre with more rows has no file of them on disk."""

_MEMORY_MB = 72
"""For the engine, in each process: several draw at once beside the one that publishes."""


@dataclass(frozen=True, slots=True)
class CentreBatch:
    """Consecutive cost centres, to be drawn at once.

    Attributes:
        folder: where the files go; it exists and is empty.
        sums: the file that `sum_statements` made.
        centres: in order of their paths, at least one.
        counts: their rows by day, ascending.
        rows: files that have all of these rows; a large cost centre, whose CSV is not drawn here, has none of them.
    """

    folder: Path
    period: StatementPeriod
    sums: Path
    centres: Sequence[Covered]
    counts: Sequence[DayRows]
    rows: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The two files of a statement; the CSV of a large cost centre is not drawn."""

    path: str
    rows: int
    csv: Path | None
    html: Path


def draw_statements(part: CentreBatch) -> list[Drawn]:
    """Write the files of a part, in order of its cost centres."""
    frame = part.period.frame
    with frame.open("chargeback.services.statements", memory_limit_mb=_MEMORY_MB) as engine:
        engine.run("attach sums", file=quoted(part.sums))
        frame.show(engine, part.rows)
        rows = _write_csv(engine, part)
        renderer = Renderer(part.period)
        drawn = []
        figures = read_figures(engine, part.centres, compared=part.period.compared)
        for number, each in enumerate(figures):
            html, csv = part.folder / f"{number}.html", part.folder / f"{number}.csv"
            html.write_bytes(renderer.page(each))
            path = each.totals.path
            drawn.append(Drawn(path, rows[path], csv if csv.exists() else None, html))
        return drawn


def _write_csv(engine: Engine, part: CentreBatch) -> Counter[str]:
    rows: Counter[str] = Counter()
    files = {
        covered.totals.path: part.folder / f"{number}.csv"
        for number, covered in enumerate(part.centres)
        if not is_large(covered)
    }
    for file in files.values():
        file.write_bytes(csv_line(STATEMENT_COLUMNS))
    counts = [each for each in part.counts if each.centre in files]
    for centre, count, lines in list_charges(engine, part.period.frame.period, counts):
        with files[centre].open("ab") as out:
            out.write(lines)
        rows[centre] += count
    return rows


def is_large(covered: Covered) -> bool:
    """Whether a cost centre has so many rows that its CSV is written straight into the reports."""
    return covered.totals.rows > LARGE_ROWS
