"""What moved a difference: named by size, and together the whole of it."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.money.exact import total
from chargeback.domain.outlook.anomalies import THE_OTHERS, Contribution, contributions

sums = st.dictionaries(st.sampled_from("abcdefgh"), st.decimals(-1000, 1000, places=6), max_size=8)


def test_the_largest_changes_come_first_and_the_rest_is_one_line() -> None:
    before = {"a": Decimal(10), "b": Decimal(5), "c": Decimal(1), "d": Decimal(1)}
    after = {"a": Decimal(90), "b": Decimal(1), "c": Decimal(2), "e": Decimal(3)}

    found = contributions(before, after, 2)

    assert found == (
        Contribution("a", Decimal(10), Decimal(90)),
        Contribution("b", Decimal(5), Decimal(1)),
        Contribution(THE_OTHERS, Decimal(2), Decimal(5)),
    )
    assert [change.amount for change in found] == [80, -4, 3]


@given(sums, sums, st.integers(1, 5))
def test_changes_sum_to_the_whole_difference(before: dict[str, Decimal], after: dict[str, Decimal], n: int) -> None:
    found = contributions(before, after, n)

    assert total([change.amount for change in found]) == total(list(after.values())) - total(list(before.values()))
    assert len(found) <= n + 1


def test_what_did_not_change_is_not_named() -> None:
    assert contributions({"a": Decimal(1), "b": Decimal(2)}, {"a": Decimal(1), "b": Decimal(2)}, 3) == ()
