"""What no single call causes becomes rows of the cost centres that share it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.payers import Payers, SharedMarkup
from chargeback.domain.terms.shared_costs import Basis, BasisMeasure, Capacity, CostKind, Per, Selection
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.effective import ALWAYS, Effective
from chargeback.domain.usage.meters import Meter
from chargeback.services.focus.write_focus import write_focus
from tests.support.catalogues import catalogue
from tests.support.examples import few
from tests.support.published_files import PRICES as OF_A_CHARGE
from tests.support.published_files import charge, published, record, rows_of, summed
from tests.support.shared_fees import fee

pytestmark = pytest.mark.anyio

THIRD = "0.333333333333"


def used(centre: str, requests: int, **fields: Any) -> Any:
    return record(charge(Meter.REQUESTS, requests, "0"), centre=centre, subscription=centre, **fields)


async def test_a_fee_is_split_by_requests_and_its_rows_say_so() -> None:
    records = [used("company/a", 30), used("company/b", 10)]

    manifest, files = await published(records, terms=Terms(shared_costs=[fee()]))

    first, second = [row for row in rows_of(files) if row["kind"] == "shared"]
    assert (first["cost_centre"], first["quantity"], first["cost"]) == ("company/a", "0.75", "525.000000")
    assert (second["cost_centre"], second["quantity"], second["cost"]) == ("company/b", "0.25", "175.000000")
    told = {
        "charge_date": "2026-03-01",
        "meter": "fee",
        "unit": "share",
        "unit_price": "700",
        "list_unit_price": "700",
        "price_unit": "1 share",
        "price_id": "gateway",
        "state": "exact",
        "requests": "0",
        "list_cost": "525",
        "contracted_cost": "525",
        "shared_cost": "gateway",
        "allocation_basis": "usage",
        "allocated_ratio": "0.75",
        "corrects_period": "",
    }
    assert {name: first[name] for name in told} == told
    assert manifest.totals == {"USD": "700.000000"}
    (shared,) = manifest.shared_costs
    assert (shared.shared_cost, shared.basis, shared.exact_cost, shared.cost) == (
        "gateway",
        "usage",
        "700",
        "700.000000",
    )
    assert [(part.cost_centre, part.ratio, part.cost) for part in shared.parts] == [
        ("company/a", "0.75", "525.000000"),
        ("company/b", "0.25", "175.000000"),
    ]


async def test_the_summary_shows_usage_and_shared_cost_apart() -> None:
    records = [used("company/a", 1), record(centre="company/a", user="ann")]

    _, files = await published(records, terms=Terms(shared_costs=[fee("1.5")]))

    summary = {row["cost_centre"]: row for row in rows_of(files, "summary")}
    of_a = [summary["company/a"][name] for name in ("cost", "usage_cost", "shared_cost", "corrections", "rows")]
    assert of_a == ["1.502500", "0.002500", "1.500000", "0.000000", "3"]
    assert summary["company/a"]["requests"] == "1"


async def test_what_nobody_used_is_unallocated() -> None:
    _, files = await published([], terms=Terms(shared_costs=[fee()]))

    (row,) = rows_of(files)
    assert (row["cost_centre"], row["cost"], row["allocated_ratio"]) == ("unallocated", "700.000000", "1")
    assert [row["cost"] for row in rows_of(files, "summary")] == ["700.000000"]


async def test_reserved_capacity_is_split_by_the_tokens_of_its_own_deployment() -> None:
    def tokens(centre: str, quantity: int, **fields: Any) -> Any:
        free = charge(quantity=quantity, cost="0", price_id="provisioned", per_million=Decimal(0))
        return record(free, centre=centre, subscription=centre, **fields)

    reserved = fee(
        "1",
        cost_id="ptu",
        kind=CostKind.PROVISIONED,
        per=Per.HOUR,
        units=50,
        measure=BasisMeasure.TOKENS,
        of=Selection(accounts=("oai-eastus2",), deployments=("gpt-4o",)),
        effective=Effective(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)),
    )
    records = [
        tokens("company/a", 100, day="2026-03-01"),
        tokens("company/b", 300, day="2026-03-01"),
        tokens("company/c", 999, day="2026-03-01", deployment="other"),
        tokens("company/d", 999, day="2026-03-02"),
    ]

    _, files = await published(records, terms=Terms(shared_costs=[reserved]))

    assert {row["cost_centre"]: row["cost"] for row in rows_of(files) if row["kind"] == "shared"} == {
        "company/a": "300.000000",  # 24 hours x 50 units x 1 USD x 100/400 tokens
        "company/b": "900.000000",
    }


async def test_a_shared_cost_in_another_currency_is_converted_once_and_then_split() -> None:
    terms = Terms(
        exchange_rates=[ExchangeRate("EUR", "USD", Decimal("1.0853"), "2026-03-30", "bank")],
        shared_costs=[fee("100", currency="EUR", basis=Basis.EVEN, among=("a", "b", "c"))],
    )

    manifest, files = await published([], terms=terms)

    rows = rows_of(files)
    assert [row["cost"] for row in rows] == ["36.176667", "36.176667", "36.176666"]
    assert [row["allocated_ratio"] for row in rows] == ["0.333333333334", THIRD, THIRD]
    assert {(row["unit_price"], row["pricing_currency"], row["exchange_rate"]) for row in rows} == {
        ("100", "EUR", "1.0853")
    }
    assert manifest.totals == {"USD": "108.530000"}
    assert [rate.rate for rate in manifest.exchange_rates] == ["1.0853"]


async def test_a_true_up_for_a_closed_period_is_a_correction_of_it() -> None:
    true_up = fee(
        "-12.34", kind=CostKind.TRUE_UP, per=Per.PERIOD, period="2026-03", corrects="2026-02", basis=Basis.EVEN
    )

    manifest, files = await published([used("company/a", 1)], terms=Terms(shared_costs=[true_up]))

    (row,) = [row for row in rows_of(files) if row["shared_cost"]]
    assert (row["kind"], row["corrects_period"], row["cost"]) == ("correction", "2026-02", "-12.340000")
    assert [(each.period, each.rows, each.cost) for each in manifest.corrections] == [("2026-02", 1, "-12.340000")]
    assert rows_of(files, "summary")[0]["corrections"] == "-12.340000"


PRICES = st.decimals(-(10**6), 10**6, places=6, allow_nan=False, allow_infinity=False).map(str)


@settings(max_examples=few(5))
@given(
    costs=st.lists(st.tuples(PRICES, st.sampled_from(Basis)), max_size=3),
    requests=st.lists(st.integers(1, 10**6), max_size=6),
    decimals=st.sampled_from([0, 2, 6]),
)
async def test_the_parts_sum_to_the_whole_and_every_view_to_the_same_total(
    costs: list[tuple[str, Basis]], requests: list[int], decimals: int
) -> None:
    shares = {"company/x": Decimal("33.3"), "company/y": Decimal("66.7")}
    shared = [
        fee(price, cost_id=f"fee-{n}", basis=basis, shares=shares if basis is Basis.FIXED else {})
        for n, (price, basis) in enumerate(costs)
    ]
    records = [used(f"company/{n % 4}", count, user=str(n)) for n, count in enumerate(requests)]
    records += [record(charge(cost=f"0.{count:07}"), user=f"paid-{n}") for n, count in enumerate(requests)]

    manifest, files = await published(records, terms=Terms(shared_costs=shared), decimals=decimals)

    rows = rows_of(files)
    exact = sum((Decimal(price) for price, _ in costs), Decimal(0))
    assert sum((Decimal(each.exact_cost) for each in manifest.shared_costs), Decimal(0)) == exact
    total = Decimal(manifest.totals["USD"])
    assert sum(summed(rows).values(), Decimal(0)) == total
    by_centre = {("unallocated",): Decimal(0)} | summed(rows, "cost_centre")
    summary = rows_of(files, "summary")
    assert by_centre == summed(summary, "cost_centre")
    for row in summary:
        parts = [Decimal(row[name]) for name in ("usage_cost", "shared_cost", "corrections")]
        assert sum(parts) == Decimal(row["cost"])


async def test_idle_capacity_is_a_row_of_its_owner_in_every_file() -> None:
    """A unit of 1 000 tokens a minute takes 44 640 000 in March; a quarter of it was used."""
    capacity = Capacity(Decimal(1000), Decimal(4), "company/idle")
    cost = fee(kind=CostKind.PROVISIONED, cost_id="ptu", price="744", measure=BasisMeasure.TOKENS, capacity=capacity)
    quantities = {Meter.INPUT: 3_160_000, Meter.CACHED_INPUT: 500_000, Meter.OUTPUT: 2_000_000}
    free = dict.fromkeys(OF_A_CHARGE, Decimal(0))
    calls = record(*(charge(meter, many, "0", **free) for meter, many in quantities.items()), centre="company/a")

    _, files = await published([calls], terms=Terms(shared_costs=[cost]), writers=[write_focus])

    rows = {row["meter"]: row for row in rows_of(files) if row["kind"] == "shared"}
    assert {meter: (row["cost_centre"], row["quantity"], row["cost"]) for meter, row in rows.items()} == {
        "provisioned": ("company/a", "0.25", "186.000000"),
        "provisioned-idle": ("company/idle", "0.75", "558.000000"),
    }
    focus = [row for row in rows_of(files, "focus-1.3") if row["x_PriceId"] == "ptu"]
    assert [(row["SubAccountId"], row["SkuMeter"], row["BilledCost"]) for row in focus] == [
        ("company/a", "Provisioned Throughput", "186.0"),
        ("company/idle", "Idle Provisioned Throughput", "558.0"),
    ]


async def test_a_markup_of_a_payer_is_put_on_its_part_and_on_no_other() -> None:
    """A quarter of 700 is 175; with 8 % on top 189."""
    markup = SharedMarkup("entity", Decimal(8), ALWAYS, frozenset({"fee"}), ("company/b",))
    of = catalogue()
    marked = Catalogue("USD", of.prices, of.deployments, of.allocation, payers=Payers(shared=[markup]))
    records = [used("company/a", 30), used("company/b", 10)]

    _, files = await published(records, terms=Terms(shared_costs=[fee()]), catalogue=marked, writers=[write_focus])

    shared = [row for row in rows_of(files) if row["kind"] == "shared"]
    told = [(row["cost_centre"], row["cost"], row["contracted_cost"], row["unit_price"]) for row in shared]
    assert told == [
        ("company/a", "525.000000", "525", "700"),
        ("company/b", "189.000000", "175", "756"),
    ]
    assert summed(rows_of(files))[()] == 714
