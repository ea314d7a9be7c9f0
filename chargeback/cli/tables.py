"""How tables and amounts look in a terminal."""

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from chargeback.domain.money.exact import round_total

_WIDTH_OF_A_FILE = 160


def money(amount: Decimal, currency: str = "") -> str:
    """An amount at two decimals, with its currency where that is given."""
    return f"{round_total(amount, 2):,f} {currency}".rstrip()


def new_table(title: str, columns: Sequence[str]) -> Table:
    """A table; the columns whose name starts with `>` hold figures."""
    table = Table(title=title, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Print a table; what reads a pipe or a file does not want it cut at 80 columns."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_A_FILE)
    console.print(table, markup=False, highlight=False)
