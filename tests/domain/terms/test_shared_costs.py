"""Shared costs: how much they are in a period, what counts as use, and parts that sum to the whole exactly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.cost_centres.tree import UNALLOCATED
from chargeback.domain.money.exact import EXACT, total
from chargeback.domain.money.shares import ratios
from chargeback.domain.terms.shared_costs import (
    Basis,
    BasisMeasure,
    Capacity,
    CostKind,
    DirectUsage,
    Origin,
    Per,
    Selection,
    SharedCost,
    active,
    amount,
    measure_of,
    measured,
    origin,
    split,
)
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.effective import Effective

UTC_BOOKS = Calendar()
BERLIN = Calendar((BooksSetting("2026-01", "Europe/Berlin", "EUR"),))
MARCH = Effective(*UTC_BOOKS.bounds("2026-03"))
D = Decimal


def shared_cost(**fields: Any) -> SharedCost:
    """A fee of 3 000 dollars a month by use, unless said otherwise."""
    defaults: dict[str, Any] = {
        "cost_id": "gateway",
        "name": "Gateway",
        "kind": CostKind.FEE,
        "price": D(3000),
        "per": Per.MONTH,
        "currency": "USD",
        "basis": Basis.USAGE,
    }
    return SharedCost(**(defaults | fields))


def used(centre: str, **fields: Any) -> DirectUsage:
    defaults: dict[str, Any] = {
        "account": "oai-eastus2",
        "deployment": "gpt-4o",
        "deployment_type": "GlobalStandard",
        "model": "gpt-4o-2024-11-20",
        "cost": D(1),
        "tokens": 100,
        "requests": 1,
        "cached": 0,
        "output": 0,
    }
    return DirectUsage(centre, **(defaults | fields))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_price_per_month_is_charged_whole_in_a_whole_month() -> None:
    assert amount(shared_cost(units=2), "2026-02", UTC_BOOKS) == D(6000)


def test_a_cost_that_starts_within_the_month_is_charged_by_its_hours() -> None:
    # March has 744 hours; from noon on the 16th 15.5 days are left: 372 hours, half of it.
    half = shared_cost(effective=Effective(at("2026-03-16T12:00")))
    # From 1 March at 01:00 there are 743: 3 000 * 743 / 744 = 2 995.9677419…
    nearly = shared_cost(effective=Effective(at("2026-03-01T01:00")))

    assert amount(half, "2026-03", UTC_BOOKS) == D(1500)
    assert amount(nearly, "2026-03", UTC_BOOKS) == D("2995.967742")
    assert amount(half, "2026-02", UTC_BOOKS) == 0
    assert amount(half, "2026-04", UTC_BOOKS) == D(3000)


def test_a_price_per_hour_counts_the_hours_that_the_clock_gives_and_takes() -> None:
    hourly = shared_cost(price=D("1.25"), per=Per.HOUR, units=50)

    # 62.50 an hour. In Berlin March 2026 has 743 hours, October 745, and in UTC both have 744.
    assert amount(hourly, "2026-03", BERLIN) == D("46437.50")
    assert amount(hourly, "2026-10", BERLIN) == D("46562.50")
    assert amount(hourly, "2026-10", UTC_BOOKS) == D("46500.00")


def test_an_amount_is_charged_in_its_period_alone() -> None:
    credit = shared_cost(price=D("-12.34"), per=Per.PERIOD, period="2026-04", kind=CostKind.TRUE_UP, corrects="2026-03")

    assert [amount(credit, period, UTC_BOOKS) for period in ("2026-03", "2026-04", "2026-05")] == [0, D("-12.34"), 0]
    assert active(credit, "2026-03", UTC_BOOKS) is None


@given(st.integers(0, 24 * 90), st.integers(0, 24 * 90))
def test_hours_are_charged_once_however_a_cost_lies_across_the_months(first: int, last: int) -> None:
    start = at("2026-02-01T00:00")
    cost = shared_cost(
        price=D("0.000001"),
        per=Per.HOUR,
        effective=Effective(start + timedelta(hours=first), start + timedelta(hours=last)),
    )

    charged = total(
        [amount(cost, period, BERLIN) for period in ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05")]
    )

    assert charged == D("0.000001") * max(last - first, 0)


@pytest.mark.parametrize(
    ("selection", "centres"),
    [
        (Selection(), {"a", "b", "c"}),
        (Selection(accounts=("OAI-eastus2",)), {"a", "b"}),
        (Selection(deployments=("gpt-4o-ptu",)), {"b"}),
        (Selection(deployment_types=("GlobalStandard",)), {"a", "c"}),
        (Selection(models=("gpt-4o",)), {"a", "b"}),
        (Selection(models=("gpt-4o-2024-11-20",)), {"a"}),
        (Selection(accounts=("oai-eastus2",), models=("gpt-4o-mini",)), set()),
    ],
)
def test_the_calls_that_count_match_in_every_respect(selection: Selection, centres: set[str]) -> None:
    usage = [
        used("a"),
        used("b", deployment="GPT-4o-PTU", deployment_type="ProvisionedManaged", model="gpt-4o"),
        used("c", account="oai-westus3", model="gpt-4o-mini-2024-07-18"),
    ]

    assert measured(shared_cost(of=selection), usage, MARCH).keys() == centres


def test_use_is_measured_by_cost_tokens_requests_or_the_quantity_of_a_meter() -> None:
    usage = [
        used("a", cost=D("1.5"), tokens=10, requests=3, quantity=D(7)),
        used("a", cost=D("0.25"), tokens=5, requests=1, quantity=D(2)),
    ]

    sums = [measured(shared_cost(measure=measure), usage, MARCH)["a"] for measure in BasisMeasure]

    assert sums == [D("1.75"), D(15), D(4), D(9)]


def test_by_usage_each_pays_in_proportion() -> None:
    # A third is no decimal: the unit of the last place goes to the largest remainder, here 2/3 and not 1/3.
    assert split(shared_cost(), {"a": D(1), "b": D(2)}) == {"a": D("0.333333333333"), "b": D("0.666666666667")}


def test_of_equal_remainders_the_first_path_is_served_first() -> None:
    third = D("0.333333333333")

    assert split(shared_cost(), {"c": D(1), "b": D(1), "a": D(1)}) == {"a": D("0.333333333334"), "b": third, "c": third}


@pytest.mark.parametrize("basis", [Basis.USAGE, Basis.WEIGHTED, Basis.EVEN])
@pytest.mark.parametrize("usage", [{}, {"a": D(0)}])
def test_what_nobody_used_is_unallocated(basis: Basis, usage: dict[str, Decimal]) -> None:
    assert split(shared_cost(basis=basis), usage) == {UNALLOCATED: D(1)}


def test_calls_that_nobody_claims_bear_their_part() -> None:
    assert split(shared_cost(), {UNALLOCATED: D(1), "a": D(3)}) == {"a": D("0.75"), UNALLOCATED: D("0.25")}


def test_evenly_the_named_centres_pay_or_else_all_with_use() -> None:
    usage = {"a": D(99), "b": D(1), "idle": D(0)}

    assert split(shared_cost(basis=Basis.EVEN, among=("idle", "b")), usage) == {"b": D("0.5"), "idle": D("0.5")}
    assert split(shared_cost(basis=Basis.EVEN), usage) == {"a": D("0.5"), "b": D("0.5")}


def test_fixed_shares_hold_whether_there_is_use_or_not() -> None:
    cost = shared_cost(basis=Basis.FIXED, shares={"a": D("62.5"), "b": D("37.5"), "c": D(0)})

    assert split(cost, {}) == {"a": D("0.625"), "b": D("0.375")}


def test_a_weight_holds_for_everything_below_its_cost_centre() -> None:
    cost = shared_cost(basis=Basis.WEIGHTED, weights={"research": D("0.5"), "research/core": D(2)})

    # 4 * 1, 4 * 0.5, 1 * 2; `researching` is not below `research`.
    ratios_of = split(cost, {"researching": D(4), "research/lab": D(4), "research/core": D(1)})

    assert ratios_of == {"research/core": D("0.25"), "research/lab": D("0.25"), "researching": D("0.5")}


amounts = st.decimals(-(10**12), 10**12, places=6, allow_nan=False)
portions = st.dictionaries(
    st.text(min_size=1, max_size=6),
    st.one_of(st.just(D(0)), st.decimals(0, 10**15, places=18, allow_nan=False), st.integers(1, 3).map(Decimal)),
    max_size=60,
)


@given(amounts, portions, st.sampled_from(list(Basis)))
def test_parts_sum_to_the_whole_for_any_amount_and_any_use(
    whole: Decimal, usage: dict[str, Decimal], basis: Basis
) -> None:
    shares = {"x": D("33.333333"), "y": D("66.666667")} if basis is Basis.FIXED else {}
    weights = {path: D("0.1") for path in list(usage)[::2]} if basis is Basis.WEIGHTED else {}

    of_each = split(shared_cost(basis=basis, shares=shares, weights=weights), usage)

    assert total(list(of_each.values())) == 1
    assert total([EXACT.multiply(whole, ratio) for ratio in of_each.values()]) == whole
    assert all(0 < ratio <= 1 and -ratio.as_tuple().exponent <= 12 for ratio in of_each.values())  # type: ignore[operator]


@given(portions.filter(lambda found: any(found.values())))
def test_no_ratio_is_further_than_a_unit_of_the_last_place_from_the_true_one(found: dict[str, Decimal]) -> None:
    whole = total(list(found.values()))

    of_each = ratios(found)

    for name, portion in found.items():
        assert abs(of_each.get(name, D(0)) * whole - portion) <= whole.scaleb(-12)


@given(portions)
def test_the_order_of_the_use_does_not_matter(usage: dict[str, Decimal]) -> None:
    assert split(shared_cost(), usage) == split(shared_cost(), dict(reversed(usage.items())))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        # 50 units for the 743 hours of a March in Berlin, whose clocks go forward.
        ({"kind": CostKind.PROVISIONED, "per": Per.HOUR, "price": D("1.00"), "units": 50}, (D(1), 37150, "PTU-hours")),
        ({"units": 2}, (D(3000), 2, "months")),
        ({"per": Per.PERIOD, "period": "2026-03", "price": D("12.34")}, (D("12.34"), 1, "units")),
        # From 16 March 00:00 in Berlin, 383 of 743 hours.
        ({"effective": Effective(at("2026-03-15T23:00"), None)}, (D(3000), D("0.515477792732"), "months")),
    ],
)
def test_the_whole_of_a_cost_is_a_price_times_a_quantity(fields: dict[str, Any], told: tuple[D, D, str]) -> None:
    cost = shared_cost(**fields)
    whole = amount(cost, "2026-03", BERLIN)

    found = origin(cost, whole, "2026-03", BERLIN)

    assert found == Origin(*told)
    assert abs(found.price * found.quantity - whole) < D("0.000001")


@pytest.mark.parametrize(
    ("fields", "measure"),
    [
        ({}, "cost"),
        ({"measure": BasisMeasure.REQUESTS}, "requests"),
        ({"kind": CostKind.PROVISIONED}, "tokens"),
        ({"kind": CostKind.PROVISIONED, "capacity": Capacity(D(2500), D(4), "it")}, "capacity"),
        ({"basis": Basis.EVEN}, ""),
        ({"basis": Basis.FIXED, "shares": {"a": D(100)}}, ""),
    ],
)
def test_the_measure_of_use_is_named_where_use_decides(fields: dict[str, Any], measure: str) -> None:
    assert measure_of(shared_cost(**fields)) == measure
