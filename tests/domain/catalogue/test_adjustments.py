"""Discounts, markups and negotiated prices change the prices that they match, and no others."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.catalogue.adjustments import Adjustment, adjusted
from chargeback.domain.catalogue.prices import Price, Verified
from chargeback.domain.time.effective import Effective
from chargeback.domain.usage.meters import Meter
from tests.support.catalogues import START, catalogue, dated

JUNE = datetime(2024, 6, 1, tzinfo=UTC)
JULY = datetime(2024, 7, 1, tzinfo=UTC)
LISTED = dated(Meter.INPUT, (START, "2.50")) | dated(Meter.OUTPUT, (START, "10.00"))

hours = st.integers(0, 400).map(lambda hour: START + timedelta(hours=hour))
percents = st.decimals("0.000001", "99.999999", places=6)


def discount(percent: str, start: datetime = START, end: datetime | None = None, **when: str) -> Adjustment:
    of = {name: frozenset({value}) for name, value in when.items()}
    return Adjustment(f"off-{percent}", "agreement 7", Effective(start, end), of, discount=Decimal(percent))


def markup(percent: str, start: datetime = START, end: datetime | None = None) -> Adjustment:
    return Adjustment(f"plus-{percent}", "board decision", Effective(start, end), markup=Decimal(percent))


def prices(*adjustments: Adjustment, meter: Meter = Meter.INPUT) -> tuple[Price, ...]:
    return next(found for key, found in adjusted(LISTED, adjustments).prices.items() if key.meter is meter)


def amounts(price: Price) -> tuple[str, str, str]:
    return str(price.list_per_million), str(price.contracted_per_million), str(price.per_million)


def test_a_discount_lowers_the_contracted_price_and_what_is_billed() -> None:
    (price,) = prices(discount("15"))

    assert amounts(price) == ("2.50", "2.125", "2.125")
    assert price.adjustments == ("off-15: agreement 7",)


def test_a_markup_raises_what_is_billed_and_not_the_contracted_price() -> None:
    (price,) = prices(discount("10"), markup("4"))

    # 2.50 less 10 % = 2.25; 2.25 and 4 % = 2.34
    assert amounts(price) == ("2.50", "2.25", "2.34")
    assert price.adjustments == ("off-10: agreement 7", "plus-4: board decision")


def test_a_negotiated_price_may_say_how_it_is_known_and_a_discount_rests_on_the_list_price() -> None:
    agreed = Adjustment("deal", "letter", Effective(START), contracted={Meter.INPUT: Decimal(2)})

    assert [price.verified for price in prices(agreed)] == [None]
    assert [price.verified for price in prices(replace(agreed, verified=Verified.INVOICE))] == [Verified.INVOICE]
    assert [price.verified for price in prices(discount("15"))] == [None]


def test_a_negotiated_price_replaces_the_contracted_one_of_its_meters_only() -> None:
    agreed = Adjustment("deal", "letter", Effective(START), contracted={Meter.OUTPUT: Decimal("7.77")})

    assert amounts(prices(agreed)[0]) == ("2.50", "2.50", "2.50")
    assert amounts(prices(agreed, meter=Meter.OUTPUT)[0]) == ("10.00", "7.77", "7.77")


def test_the_first_discount_that_matches_decides_and_none_is_added_to_it() -> None:
    result = adjusted(LISTED, [discount("20", meter="input_tokens"), discount("10")])
    ((of_input,), (of_output,)) = result.prices.values()

    assert of_input.contracted_per_million == Decimal("2.00")
    assert of_output.contracted_per_million == Decimal("9.00")
    assert adjusted(LISTED, [discount("10"), discount("20")]).used == {"off-10"}


@pytest.mark.parametrize(
    "when",
    [{"model": "gpt-4.1"}, {"region": "eastus2"}, {"service_tier": "priority"}, {"deployment_type": "GlobalBatch"}],
)
def test_an_adjustment_leaves_other_prices_alone(when: dict[str, str]) -> None:
    assert adjusted(LISTED, [discount("50", **when)]).prices == LISTED


def test_an_adjustment_splits_a_price_where_it_begins_and_ends() -> None:
    before, during, after = prices(discount("50", JUNE, JULY))

    assert [each.contracted_per_million for each in (before, during, after)] == [
        Decimal("2.50"),
        Decimal("1.25"),
        Decimal("2.50"),
    ]
    assert [each.price_id.rpartition("@")[2] for each in (before, during, after)] == [
        "2024-01-01T00Z",
        "2024-06-01T00Z",
        "2024-07-01T00Z",
    ]
    assert (before.effective.end, during.effective.end, after.effective.end) == (JUNE, JULY, None)
    assert before.adjustments == ()


def test_an_edge_that_changes_nothing_splits_nothing() -> None:
    assert len(prices(discount("50"), discount("10", JUNE, JULY))) == 1


def test_a_third_of_a_price_is_rounded_to_twelve_places_half_to_even() -> None:
    (price,) = prices(discount("33.333333"), markup("0.000001"))

    # 2.50 less 33.333333 % = 1.666666675; and 0.000001 % more = 1.66666669166666675, of which 12 places are kept
    assert amounts(price) == ("2.50", "1.666666675", "1.666666691667")


def test_the_digest_of_a_catalogue_covers_what_was_agreed() -> None:
    of_none = catalogue(LISTED).digest
    of_discount = catalogue(adjusted(LISTED, [discount("10")]).prices).digest
    of_markup = catalogue(adjusted(LISTED, [markup("10")]).prices).digest

    assert len({of_none, of_discount, of_markup}) == 3


@given(
    spans=st.lists(st.tuples(hours, hours, percents, st.booleans()), max_size=5),
    listed_from=hours,
)
def test_adjusted_prices_cover_the_same_hours_each_at_what_is_agreed_then(
    spans: list[tuple[datetime, datetime, Decimal, bool]], listed_from: datetime
) -> None:
    agreed = [
        Adjustment(
            str(index), "s", Effective(start, end), discount=None if adds else percent, markup=percent if adds else None
        )
        for index, (start, end, percent, adds) in enumerate(spans)
        if start < end
    ]
    listed = dated(Meter.INPUT, (listed_from, "2.5"), end=listed_from + timedelta(hours=300))

    ((key, parts),) = adjusted(listed, agreed).prices.items()

    (whole,) = listed[key]
    assert parts[0].effective.start == whole.effective.start
    assert parts[-1].effective.end == whole.effective.end
    assert all(one.effective.end == two.effective.start for one, two in pairwise(parts))
    assert len({part.price_id for part in parts}) == len(parts)
    for part in parts:
        for moment in (part.effective.first, (part.effective.end or START + timedelta(hours=500)) - timedelta(hours=1)):
            off = next((each.discount for each in agreed if each.discount and each.effective.holds(moment)), Decimal(0))
            on = next((each.markup for each in agreed if each.markup and each.effective.holds(moment)), Decimal(0))
            contracted = (Decimal("2.5") * (100 - off) / 100).quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
            billed = (contracted * (100 + on) / 100).quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
            assert (part.contracted_per_million, part.per_million) == (contracted, billed)
