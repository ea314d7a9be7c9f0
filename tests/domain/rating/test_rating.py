"""Each hour's usage is charged at the price in force in it, and what has no price is never free."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import picodollars_per_unit
from chargeback.domain.rating.rating import rate as rate_in_force
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter, Quantities
from tests.support.catalogues import START, catalogue, dated, price_in_force, usage_line

CHANGE = datetime(2026, 11, 10, 14, tzinfo=UTC)
INPUT = dated(Meter.INPUT, (START, "2.50"), (CHANGE, "2.00"))
OUTPUT = dated(Meter.OUTPUT, (START, "10.00"))
CACHED = dated(Meter.CACHED_INPUT, (START, "1.25"))

hours = st.dictionaries(
    st.integers(0, 23),
    st.dictionaries(st.sampled_from(list(Meter)), st.integers(0, 10**12), max_size=6),
    max_size=24,
)


def rate(line: Line, day: str, counted: Mapping[int, Quantities], card: Catalogue) -> UsageRecord:
    return rate_in_force(day, line, counted, EffectiveCatalogues(card))


@given(hours)
def test_charges_sum_to_the_quantities_whatever_is_priced(counted: dict[int, dict[Meter, int]]) -> None:
    rated = rate(usage_line(), "2026-11-10", counted, catalogue(INPUT, OUTPUT))

    for meter in Meter:
        charged = sum(charge.quantity for charge in rated.charges if charge.meter is meter)
        assert charged == sum(quantities.get(meter, 0) for quantities in counted.values())


@given(hours)
def test_the_cost_is_the_sum_over_hours_rated_alone(counted: dict[int, dict[Meter, int]]) -> None:
    card = catalogue(INPUT, OUTPUT, CACHED)

    whole = rate(usage_line(), "2026-11-10", counted, card)

    alone = [rate(usage_line(), "2026-11-10", {hour: counted[hour]}, card) for hour in counted]
    assert whole.cost == sum((each.cost for each in alone), Decimal(0))
    assert whole.is_unpriced == any(each.is_unpriced for each in alone)


@given(hours)
def test_the_order_of_hours_and_meters_does_not_matter(counted: dict[int, dict[Meter, int]]) -> None:
    card = catalogue(INPUT, OUTPUT)
    backwards = {hour: dict(reversed(counted[hour].items())) for hour in reversed(counted)}

    assert rate(usage_line(), "2026-11-10", counted, card) == rate(usage_line(), "2026-11-10", backwards, card)


def test_each_hour_is_charged_at_the_price_in_force_in_it() -> None:
    counted = {13: {Meter.INPUT: 1_000_000}, 14: {Meter.INPUT: 3_000_000}}

    rated = rate(usage_line(), "2026-11-10", counted, catalogue(INPUT))

    assert [(charge.quantity, charge.cost) for charge in rated.charges] == [
        (1_000_000, Decimal("2.5")),
        (3_000_000, Decimal(6)),
    ]


@pytest.mark.parametrize(("offset", "expected"), [(-1, "2.50"), (0, "2.00"), (1, "2.00")])
def test_a_microsecond_decides_which_price_is_in_force(offset: int, expected: str) -> None:
    moment = CHANGE + timedelta(microseconds=offset)

    price = price_in_force(catalogue(INPUT), usage_line(), Meter.INPUT, moment)

    assert price.per_million == Decimal(expected)


def test_a_new_price_leaves_the_past_as_it_was() -> None:
    before = rate(usage_line(), "2026-11-09", {23: {Meter.INPUT: 7}}, catalogue(dated(Meter.INPUT, (START, "2.50"))))

    after = rate(usage_line(), "2026-11-09", {23: {Meter.INPUT: 7}}, catalogue(INPUT))

    assert after.cost == before.cost == Decimal("0.0000175")


def test_a_token_class_without_a_price_is_unpriced_and_never_free() -> None:
    rated = rate(usage_line(), "2026-11-10", {0: {Meter.INPUT: 10, Meter.CACHE_WRITE: 90}}, catalogue(INPUT))

    assert rated.is_unpriced
    assert rated.charges[1].meter is Meter.CACHE_WRITE
    assert rated.charges[1].cost is None
    assert rated.charges[1].price_id == ""


def test_reasoning_is_charged_once_and_as_output() -> None:
    rated = rate(usage_line(), "2026-11-10", {0: {Meter.OUTPUT: 40, Meter.REASONING: 60}}, catalogue(OUTPUT))

    assert rated.cost == Decimal("0.001")
    assert not rated.is_unpriced


def test_reasoning_has_its_own_price_where_the_card_has_one() -> None:
    own = dated(Meter.REASONING, (START, "4.00"))

    rated = rate(usage_line(), "2026-11-10", {0: {Meter.REASONING: 1_000_000}}, catalogue(OUTPUT, own))

    assert rated.cost == Decimal(4)


def test_cached_tokens_cost_their_own_price_only() -> None:
    counted = {0: {Meter.INPUT: 250_000, Meter.CACHED_INPUT: 750_000}}

    rated = rate(usage_line(), "2026-11-10", counted, catalogue(INPUT, CACHED))

    assert rated.cost == Decimal("0.625") + Decimal("0.9375")


def test_requests_are_free_unless_the_card_prices_them() -> None:
    free = rate(usage_line(), "2026-11-10", {0: {Meter.REQUESTS: 3}}, catalogue())
    priced = rate(
        usage_line(),
        "2026-11-10",
        {0: {Meter.REQUESTS: 3}},
        catalogue(dated(Meter.REQUESTS, (START, "1000"))),
    )

    assert (free.cost, free.is_unpriced, free.charges[0].price_id) == (Decimal(0), False, "")
    assert priced.cost == Decimal("0.003")


def test_an_unmapped_backend_is_unpriced_and_says_so() -> None:
    line = usage_line(backend="elsewhere.openai.azure.com")

    rated = rate(line, "2026-11-10", {0: {Meter.INPUT: 5}}, catalogue(INPUT))

    assert rated.is_unpriced
    assert (rated.deployment_type, rated.region) == ("", "")
    assert catalogue(INPUT).find_price(line, Meter.INPUT, CHANGE) is None


def test_another_snapshot_or_deployment_type_has_no_price_unless_the_card_says_so() -> None:
    only = dated(Meter.INPUT, (START, "2.50"), version="2024-11-20")
    zone = catalogue(only, type=DeploymentType.DATA_ZONE_STANDARD)

    assert catalogue(only).find_price(usage_line(model="gpt-4o-2024-08-06"), Meter.INPUT, CHANGE) is None
    assert zone.find_price(usage_line(), Meter.INPUT, CHANGE) is None


def test_budget_prices_are_whole_picodollars_and_leave_unpriced_meters_out() -> None:
    fine = dated(Meter.CACHED_INPUT, (START, "0.0000005"))

    prices = picodollars_per_unit(usage_line(), CHANGE, catalogue(INPUT, OUTPUT, fine))

    assert prices == {
        Meter.INPUT: 2_000_000,
        Meter.CACHED_INPUT: 0,
        Meter.OUTPUT: 10_000_000,
        Meter.REASONING: 10_000_000,
    }


BERLIN = Calendar((BooksSetting("2026-01", "Europe/Berlin", "EUR"),))


def test_the_hours_of_a_utc_day_are_parted_by_the_dates_of_the_books() -> None:
    # In November Berlin is an hour ahead: its 11 November begins at 23:00 UTC.
    counted = {22: {Meter.INPUT: 1_000_000}, 23: {Meter.INPUT: 3_000_000}}
    card = catalogue(INPUT, rules=(Rule("search", {"subscription": "search"}, "product/search"),), calendar=BERLIN)

    rated = rate(usage_line(), "2026-11-10", counted, card)

    assert [(part.date, part.cost_centre, part.rule) for part in rated.parts] == [
        ("2026-11-10", "product/search", "search"),
        ("2026-11-11", "product/search", "search"),
    ]
    assert [[charge.cost for charge in part.charges] for part in rated.parts] == [[Decimal(2)], [Decimal(6)]]


@given(hours)
def test_parts_by_date_sum_to_what_the_day_costs_without_them(counted: dict[int, dict[Meter, int]]) -> None:
    parted = rate(usage_line(), "2026-11-10", counted, catalogue(INPUT, OUTPUT, calendar=BERLIN))

    assert parted.cost == rate(usage_line(), "2026-11-10", counted, catalogue(INPUT, OUTPUT)).cost
    assert len({part.date for part in parted.parts}) == len(parted.parts)
