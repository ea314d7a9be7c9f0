"""How tables look in a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table

from chargeback.domain.money.numerals import THIN_SPACE

_WIDTH_OF_A_FILE = 160

_HELD = "\ue000"
"""Stands for a thin space until lines are broken, which Rich does at any blank, also at one within a number."""


class FigureTable(Table):
    """A table that keeps numbers in one piece, however narrow the terminal is."""

    def add_row(self, *cells: RenderableType | None, **settings: Any) -> None:
        """Add a row."""
        super().add_row(
            *(each.replace(THIN_SPACE, _HELD) if isinstance(each, str) else each for each in cells), **settings
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Put the thin spaces in."""
        for each in super().__rich_console__(console, options):
            yield each._replace(text=each.text.replace(_HELD, THIN_SPACE)) if isinstance(each, Segment) else each


def new_table(title: str, columns: Sequence[str]) -> Table:
    """A table; the columns whose name starts with `>` hold figures."""
    table = FigureTable(title=title, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Print a table; what reads a pipe or a file does not want it cut at 80 columns."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_A_FILE)
    console.print(table, markup=False, highlight=False)
