"""Tables keep numbers in one piece, whatever room there is."""

from io import StringIO

import pytest
from rich.console import Console

from chargeback.cli.tables import new_table


@pytest.mark.parametrize("width", [32, 40, 160])
def test_no_line_breaks_within_a_number(width: int) -> None:
    numbers = ("1\u202f234\u202f567.89", "\u2212987\u202f654.32", "≥ 1\u202f000.00 to 2\u202f000.00")
    table = new_table("spent", ["cost centre", ">spent"])
    for each in numbers:
        table.add_row("product/research/and/much/more", each)
    shown = StringIO()

    Console(file=shown, width=width).print(table)

    for number in (word for each in numbers for word in each.split(" ")):
        assert number in shown.getvalue()
