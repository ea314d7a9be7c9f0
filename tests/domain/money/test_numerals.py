"""Numbers for people are written in one way, which a single module knows."""

import ast
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.money.numerals import THIN_SPACE, at_places, bare_amount, grouped, said_amount

PACKAGE = Path(__file__).parents[3] / "chargeback"


@pytest.mark.parametrize(
    ("quantity", "written"),
    [
        (Decimal("12300.000000000000"), "12\u202f300"),
        (Decimal("-0.5"), "\u22120.5"),
        (Decimal("-0"), "0"),
        (Decimal("1E+6"), "1\u202f000\u202f000"),
        (999, "999"),
        (-1000, "\u22121\u202f000"),
        (Decimal(f"{'1234' * 10}.25"), "\u202f".join(["1", *["234", "123", "412", "341"] * 3, "234"]) + ".25"),
    ],
)
def test_a_number_has_all_its_decimals_and_no_more(quantity: Decimal | int, written: str) -> None:
    assert grouped(quantity) == written


def test_an_amount_is_rounded_half_to_even_and_nothing_has_no_sign() -> None:
    assert at_places(Decimal("1234567.125"), 2) == "1\u202f234\u202f567.12"
    assert at_places(Decimal("-0.004"), 2) == "0.00"
    assert at_places(Decimal("0.004"), 2, plus=True) == "0.00"
    assert at_places(Decimal("-1234.5"), 2, plus=True) == "\u22121\u202f234.50"
    assert at_places(Decimal(5), 2, plus=True) == "+5.00"


@pytest.mark.parametrize(
    ("currency", "written"),
    [("USD", "1\u202f234.57"), ("JPY", "1\u202f235"), ("KWD", "1\u202f234.568"), ("", "1\u202f234.57")],
)
def test_an_amount_has_the_decimals_that_can_be_paid(currency: str, written: str) -> None:
    assert bare_amount(Decimal("1234.5678"), currency) == written
    assert said_amount(Decimal("1234.5678"), currency) == f"{written} {currency}".rstrip()
    assert said_amount(Decimal("1234.5678"), currency, plus=True) == f"+{written} {currency}".rstrip()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
def test_what_is_written_reads_back_the_same(amount: Decimal) -> None:
    for written in (grouped(amount), at_places(amount, 6)):
        assert Decimal(written.replace(THIN_SPACE, "").replace("\N{MINUS SIGN}", "-")) == amount


def test_nothing_else_divides_digits_into_groups() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr)
        for part in node.format_spec.values
        if isinstance(part, ast.Constant) and ("," in part.value or "_" in part.value)
    }

    assert found == {"domain/money/numerals.py"}
