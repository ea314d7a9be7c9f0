"""A change of cost is split into volume, price, exchange rate, mix and the other causes."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.money.exact import to_text, total
from chargeback.domain.reports.movers import MOVER_PARTS, Charged, Mover, movers, summed

amounts = st.decimals(min_value=0, max_value=10**9, places=12, allow_nan=False, allow_infinity=False)
charges = st.builds(
    lambda kind, app, model, meter, unit, quantity, cost, rate: Charged(
        kind,
        {"application": app, "model": model, "meter": meter, "shared_cost": app, "corrects_period": model},
        unit,
        quantity,
        cost,
        rate,
    ),
    st.sampled_from(("usage", "usage", "usage", "shared", "correction")),
    st.sampled_from(("a", "b", "")),
    st.sampled_from(("m", "n")),
    st.sampled_from(("input", "output")),
    st.sampled_from(("tokens", "images")),
    amounts,
    amounts,
    st.sampled_from((Decimal(1), Decimal("0.9"), Decimal("0.7"))),
)
spans = st.lists(charges, max_size=12)


def used(quantity: str, cost: str, *, model: str = "m", meter: str = "input", unit: str = "tokens") -> Charged:
    return Charged("usage", {"model": model, "meter": meter}, unit, Decimal(quantity), Decimal(cost))


def parts_of(before: Sequence[Charged], after: Sequence[Charged]) -> dict[str, str]:
    (mover,) = movers(before, after, by=["model"])
    return {part: to_text(amount) for part, amount in mover.parts.items()}


def test_more_of_the_same_at_the_same_price_is_volume() -> None:
    # 2.50 a million: 1 million more.
    assert parts_of([used("4000000", "10")], [used("5000000", "12.5")]) == {"volume": "2.5"}


def test_the_same_quantity_at_another_price_is_price() -> None:
    assert parts_of([used("4000000", "10")], [used("4000000", "8")]) == {"price": "-2"}


def test_volume_is_at_the_old_price_and_price_on_the_new_quantity() -> None:
    # 4 million at 2.50 became 6 million at 2.00: 2 million more at 2.50, and 0.50 less on each of 6 million.
    assert parts_of([used("4000000", "10")], [used("6000000", "12")]) == {"volume": "5", "price": "-3"}


def test_the_same_price_at_another_exchange_rate_is_exchange_alone() -> None:
    # 1 000 USD a month, at 0.90 and at 0.80: 900 EUR become 800 EUR, for usage and for what is split.
    before, after = (used("400", cost)._replace(rate=Decimal(rate)) for cost, rate in (("900", "0.9"), ("800", "0.8")))
    shared = [each._replace(kind="shared", dimensions={"shared_cost": "ptu"}) for each in (before, after)]

    assert parts_of([before], [after]) == {"exchange": "-100"}
    assert parts_of(shared[:1], shared[1:]) == {"exchange": "-100"}


def test_price_and_exchange_rate_are_told_apart() -> None:
    # 100 at 9 USD and 0.90: 810; 200 at 10 USD and 0.80: 1 600. At the old price and rate 1 620: 810 more by volume.
    # At the old rate 1 800, so the price is 180 more, and the rate 200 less.
    before = used("100", "810")._replace(rate=Decimal("0.9"))
    after = used("200", "1600")._replace(rate=Decimal("0.8"))

    assert parts_of([before], [after]) == {"volume": "810", "price": "180", "exchange": "-200"}


def test_a_shift_to_a_dearer_meter_at_the_same_volume_and_prices_is_mix() -> None:
    # Input costs 1 and output 4 a million; 2 million move from input to output.
    before = [used("8000000", "8"), used("2000000", "8", meter="output")]
    after = [used("6000000", "6"), used("4000000", "16", meter="output")]

    assert parts_of(before, after) == {"mix": "6"}


def test_what_was_not_used_before_is_new_and_what_is_used_no_longer_is_the_same_reversed() -> None:
    found = movers([used("1", "7", model="old")], [used("1", "9", model="young")], by=["model"])

    assert [(mover.key, dict(mover.parts)) for mover in found] == [
        (("young",), {"new": Decimal(9)}),
        (("old",), {"new": Decimal(-7)}),
    ]


def test_shared_costs_and_corrections_are_parts_of_their_own_under_what_they_are() -> None:
    shared = Charged("shared", {"model": "", "shared_cost": "ptu"}, "share", Decimal("0.5"), Decimal(30))
    correction = Charged("correction", {"model": "m", "corrects_period": "2026-01"}, "tokens", Decimal(-5), Decimal(-4))

    found = movers([shared], [shared._replace(cost=Decimal(45)), correction], by=["model"])

    assert [(mover.kind, mover.key, dict(mover.parts)) for mover in found] == [
        ("shared", ("ptu",), {"shared": Decimal(15)}),
        ("correction", ("2026-01",), {"correction": Decimal(-4)}),
    ]


def test_quantities_of_different_units_are_never_added() -> None:
    # Twice the tokens, half the images: each at its own old price.
    before = [used("100", "10"), used("10", "40", unit="images", meter="images")]
    after = [used("200", "20"), used("5", "20", unit="images", meter="images")]

    assert parts_of(before, after) == {"volume": "-10"}


def test_the_largest_change_comes_first_whichever_way_it_goes() -> None:
    before = [used("1", "5", model="a"), used("1", "9", model="b"), used("1", "1", model="c")]
    after = [used("1", "6", model="a"), used("1", "2", model="b"), used("1", "1", model="c")]

    found = movers(before, after, by=["model"])

    assert [(mover.key[0], mover.change, mover.reason) for mover in found] == [
        ("b", Decimal(-7), "price"),
        ("a", Decimal(1), "price"),
        ("c", Decimal(0), ""),
    ]


@given(spans, spans)
def test_the_parts_sum_to_the_change_exactly(before: list[Charged], after: list[Charged]) -> None:
    found = movers(before, after, by=["application", "model"])

    for mover in found:
        assert total([*mover.parts.values()]) == mover.after - mover.before == mover.change
    change = total([each.cost for each in after]) - total([each.cost for each in before])
    assert total([mover.change for mover in found]) == total([*summed(found).values()]) == change
    assert list(summed(found)) == list(MOVER_PARTS)


@given(spans, spans, st.sampled_from([(), ("model",), ("application",), ("meter", "model")]))
def test_any_grouping_explains_the_same_change(
    before: list[Charged], after: list[Charged], by: tuple[str, ...]
) -> None:
    assert _change(movers(before, after, by)) == _change(movers(before, after, ["application", "model"]))


@given(spans, spans, st.randoms(use_true_random=False))
def test_the_order_of_the_charges_does_not_matter(before: list[Charged], after: list[Charged], shuffle: Random) -> None:
    found = movers(before, after, by=["model"])
    shuffle.shuffle(before)
    shuffle.shuffle(after)

    assert movers(before, after, by=["model"]) == found


@given(spans.map(lambda span: [each for each in span if each.kind == "usage"]), st.integers(2, 9))
def test_use_that_grows_as_a_whole_at_its_prices_is_all_volume(span: list[Charged], times: int) -> None:
    span = [each for each in span if each.quantity > 0]
    grown = [each._replace(quantity=each.quantity * times, cost=each.cost * times) for each in span]

    assert {part for part, amount in summed(movers(span, grown, by=["model"])).items() if amount} <= {"volume"}


def _change(found: list[Mover]) -> Decimal:
    return total([mover.change for mover in found])
