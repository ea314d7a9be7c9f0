"""Money is exact, and the one rounding keeps the total."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.money.exact import EXACT, cost, round_to_total, round_total, to_text, total

WIDE = Context(prec=60)
amounts_of_any_size = st.lists(st.decimals(-(10**30), 10**30, places=15), max_size=30)


@given(amounts_of_any_size, st.integers(0, 12))
def test_rounded_parts_sum_to_the_rounded_total(amounts: list[Decimal], decimals: int) -> None:
    target = round_total(total(amounts), decimals)
    unit = Decimal(1).scaleb(-decimals)

    rounded = round_to_total(amounts, target, decimals)

    assert total(rounded) == target
    for exact, part in zip(amounts, rounded, strict=True):
        down, up = (exact.quantize(unit, way, WIDE) for way in (ROUND_FLOOR, ROUND_CEILING))
        assert part in (down, up)


def test_the_largest_remainders_are_rounded_up_and_equal_ones_in_order() -> None:
    thirds = [Decimal("0.333"), Decimal("0.334"), Decimal("0.333")]

    assert round_to_total(thirds, Decimal("1.00"), 2) == [Decimal("0.33"), Decimal("0.34"), Decimal("0.33")]
    assert round_to_total([Decimal("0.5")] * 4, Decimal(2), 0) == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("amounts", "target", "decimals"),
    [
        (["1"], "1.01", 2),  # nothing to round up
        (["0.0000005"], "0.0000005", 6),  # more places than asked for
        (["0.5", "0.5"], "3", 0),
        (["0.5"], "-1", 0),
        ([], "1", 0),
    ],
)
def test_a_total_out_of_reach_is_refused(amounts: list[str], target: str, decimals: int) -> None:
    with pytest.raises(ValueError, match="cannot be reached"):
        round_to_total([Decimal(amount) for amount in amounts], Decimal(target), decimals)


@given(st.integers(0, 10**12), st.decimals(0, 10**6, places=12))
def test_a_cost_loses_no_digit(quantity: int, per_million: Decimal) -> None:
    found = cost(quantity, per_million)

    assert WIDE.multiply(found, Decimal(10**6)) == WIDE.multiply(Decimal(quantity), per_million)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0"), ("-0.00", "0"), ("0E-9", "0"), ("1E+3", "1000"), ("2.50", "2.5"), ("1E-12", "0.000000000001")],
)
def test_money_is_written_without_exponent_sign_of_zero_or_superfluous_zeros(amount: str, text: str) -> None:
    assert to_text(Decimal(amount)) == text


@given(st.decimals(-(10**20), 10**20, places=18))
def test_written_money_reads_back_as_the_same_amount(amount: Decimal) -> None:
    text = to_text(amount)

    assert Decimal(text) == amount
    assert "E" not in text.upper()


@given(st.lists(st.decimals(-(10**9), 10**9, places=12), max_size=20))
def test_a_sum_does_not_depend_on_the_order(amounts: list[Decimal]) -> None:
    assert total(amounts) == total(amounts[::-1]) == total(sorted(amounts))


def test_a_half_goes_to_the_even_digit() -> None:
    assert [round_total(Decimal(text), 2) for text in ("0.125", "0.135")] == [Decimal("0.12"), Decimal("0.14")]


def test_exact_arithmetic_refuses_to_lose_a_digit() -> None:
    with pytest.raises(ArithmeticError):
        EXACT.divide(Decimal(1), Decimal(3))
