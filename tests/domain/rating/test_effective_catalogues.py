"""A closed period is rated with the catalogue that was frozen with it, whatever is corrected afterwards."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.folding import OTHERS, folded
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.usage.meters import Meter, Quantities
from tests.support.catalogues import START, catalogue, dated, price_in_force, usage_line

BERLIN = Calendar((BooksSetting("2026-01", "Europe/Berlin", "EUR"),))
# Berlin's April begins at 22:00 UTC on 31 March.
EDGE = "2026-03-31"
MILLION = 1_000_000
SEARCH = (Rule("search", {"subscription": "search"}, "product/search"),)


def card(price: str, *more: str, rules: tuple[Rule, ...] = SEARCH, calendar: Calendar = BERLIN) -> Catalogue:
    """Input tokens at a price, and output tokens at another one if there is one."""
    output = [dated(Meter.OUTPUT, (START, price)) for price in more]
    return catalogue(dated(Meter.INPUT, (START, price)), *output, rules=rules, calendar=calendar)


def costs(rated: UsageRecord) -> dict[str, Decimal | None]:
    """The cost of the only charge of each date."""
    return {part.date: charge.cost for part in rated.parts for charge in part.charges}


AROUND_THE_EDGE = {21: {Meter.INPUT: MILLION}, 22: {Meter.INPUT: MILLION}}


def test_a_corrected_price_changes_the_open_hours_of_a_day_and_leaves_the_closed_ones() -> None:
    in_force = EffectiveCatalogues(card("2.00"), {"2026-03": card("2.50")})

    rated = rate(EDGE, usage_line(), AROUND_THE_EDGE, in_force)

    assert costs(rated) == {"2026-03-31": Decimal("2.5"), "2026-04-01": Decimal(2)}


@pytest.mark.parametrize(
    ("own", "together"),
    [
        ({"deployment": "GPT-4O"}, {"deployment": "gpt-4o"}),
        ({"deployment": "made-up"}, {"deployment": OTHERS, "model": OTHERS, "service_tier": OTHERS}),
        ({"user": "ann", "model": "gpt-4o-2099-01-01"}, {"user": OTHERS}),
    ],
)
def test_what_is_counted_together_costs_the_same_apart(own: dict[str, str], together: dict[str, str]) -> None:
    in_force = EffectiveCatalogues(card("2.00"))
    line = usage_line(**own)

    others = folded(line, in_force.named)

    assert others == line._replace(**together)
    both = [rate("2026-03-10", each, {9: {Meter.INPUT: MILLION}}, in_force).cost for each in (line, others)]
    assert both == ([Decimal(0)] * 2 if own.get("deployment") == "made-up" else [Decimal(2)] * 2)
    assert folded(usage_line(), in_force.named) is None


def test_late_usage_of_a_closed_period_costs_what_it_would_have_cost_in_time() -> None:
    in_force = EffectiveCatalogues(card("2.00"), {"2026-02": card("3.00"), "2026-03": card("2.50")})

    late = rate("2026-03-10", usage_line(), {9: {Meter.INPUT: MILLION}}, in_force)

    assert costs(late) == {"2026-03-10": Decimal("2.5")}


def test_what_the_frozen_card_could_not_price_gets_the_current_price() -> None:
    in_force = EffectiveCatalogues(card("2.00", "8.00"), {"2026-03": card("2.50")})

    rated = rate("2026-03-10", usage_line(), {9: {Meter.INPUT: MILLION, Meter.OUTPUT: MILLION}}, in_force)

    assert [charge.cost for charge in rated.charges] == [Decimal("2.5"), Decimal(8)]


def test_what_the_frozen_map_did_not_know_gets_its_deployment_and_price_from_the_current_one() -> None:
    unmapped = catalogue(dated(Meter.INPUT, (START, "2.50")), calendar=BERLIN, name="another")
    in_force = EffectiveCatalogues(card("2.00"), {"2026-03": unmapped})

    rated = rate("2026-03-10", usage_line(), {9: {Meter.INPUT: MILLION}}, in_force)

    assert (rated.deployment_type, rated.region) == ("GlobalStandard", "eastus2")
    assert costs(rated) == {"2026-03-10": Decimal(2)}


def test_requests_that_were_free_in_a_closed_period_stay_free() -> None:
    priced = catalogue(dated(Meter.REQUESTS, (START, "1000")), calendar=BERLIN)
    in_force = EffectiveCatalogues(priced, {"2026-03": card("2.50")})

    rated = rate(EDGE, usage_line(), {21: {Meter.REQUESTS: 3}, 22: {Meter.REQUESTS: 3}}, in_force)

    assert costs(rated) == {"2026-03-31": Decimal(0), "2026-04-01": Decimal("0.003")}


def test_two_prices_of_one_id_are_two_charges() -> None:
    # The frozen entry ended at noon; the current one goes on under the same id, at a corrected price.
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    frozen = catalogue(dated(Meter.INPUT, (START, "2.50"), end=noon), calendar=BERLIN)
    in_force = EffectiveCatalogues(card("2.00"), {"2026-03": frozen})

    rated = rate("2026-03-10", usage_line(), {11: {Meter.INPUT: MILLION}, 12: {Meter.INPUT: MILLION}}, in_force)

    assert sorted(charge.cost or 0 for charge in rated.charges) == [Decimal(2), Decimal("2.5")]


def test_a_rule_that_is_made_after_the_close_moves_no_earlier_usage() -> None:
    rules = (Rule("research", {"subscription": "search"}, "research"),)
    in_force = EffectiveCatalogues(card("2.00", rules=rules), {"2026-03": card("2.00")})

    rated = rate(EDGE, usage_line(), AROUND_THE_EDGE, in_force)

    assert [(part.date, part.cost_centre) for part in rated.parts] == [
        ("2026-03-31", "product/search"),
        ("2026-04-01", "research"),
    ]


@given(
    st.dictionaries(
        st.integers(0, 23), st.dictionaries(st.sampled_from(list(Meter)), st.integers(1, 10**9), min_size=1)
    )
)
def test_a_close_changes_nothing_until_something_is_corrected(counted: Mapping[int, Quantities]) -> None:
    before = EffectiveCatalogues(card("2.50", "8.00"))
    after = EffectiveCatalogues(before.current, {"2026-03": card("2.50", "8.00")})

    assert rate(EDGE, usage_line(), counted, after) == rate(EDGE, usage_line(), counted, before)
    assert after.digest(EDGE) == before.digest(EDGE)


def test_the_digest_of_a_day_changes_with_whatever_may_rate_it() -> None:
    first, second, third = card("2.00"), card("2.50"), card("3.00")
    plain = EffectiveCatalogues(first)
    closed = EffectiveCatalogues(first, {"2026-03": second})

    assert plain.digest(EDGE) == closed.digest("2026-04-01") == first.digest
    assert closed.digest(EDGE) not in (first.digest, second.digest)
    assert closed.digest("2026-03-10") == EffectiveCatalogues(card("2.00"), {"2026-03": card("2.50")}).digest(
        "2026-03-10"
    )
    assert closed.digest(EDGE) != EffectiveCatalogues(third, {"2026-03": second}).digest(EDGE)
    assert closed.digest(EDGE) != EffectiveCatalogues(first, {"2026-03": third}).digest(EDGE)
    assert closed.digest(EDGE) != closed.digest("2026-03-30")  # there the closed period has every hour


@pytest.mark.parametrize(("microsecond", "price"), [(-1, "2.50"), (0, "2.00"), (1, "2.00")])
def test_a_microsecond_decides_which_catalogue_rates(microsecond: int, price: str) -> None:
    in_force = EffectiveCatalogues(card("2.00"), {"2026-03": card("2.50")})
    moment = datetime(2026, 3, 31, 22, tzinfo=UTC) + timedelta(microseconds=microsecond)

    found = price_in_force(in_force.catalogue(moment), usage_line(), Meter.INPUT, moment)
    assert found.per_million == Decimal(price)


def test_the_bounds_and_the_currency_of_a_closed_period_cannot_be_changed() -> None:
    frozen = card("2.50")
    euros = Catalogue("EUR", {}, {}, frozen.allocation, Calendar((BooksSetting("2026-01", "UTC", "EUR"),)))

    with pytest.raises(InvalidConfig) as caught:
        EffectiveCatalogues(euros, {"2026-03": frozen})

    assert "currency: is EUR, but 2026-03 was closed with prices in USD" in caught.value.faults[0]
    assert "books: would move the bounds of 2026-03, which is closed" in caught.value.faults[1]


def test_another_time_zone_from_a_later_period_on_leaves_closed_bounds_alone() -> None:
    later = Calendar((*BERLIN.settings, BooksSetting("2026-05", "UTC", "USD")))

    assert EffectiveCatalogues(card("2.00", calendar=later), {"2026-03": card("2.50")}).closed.keys() == {"2026-03"}
