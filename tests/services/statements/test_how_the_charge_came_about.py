"""The first page of a statement answers the first two disputes: whose share of what, and at which price."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.journals.posting_rules import CentrePosting, PostingRules
from chargeback.domain.reports.figures import ChainPart
from chargeback.domain.reports.manifest import Deed
from chargeback.domain.reports.standing import InvoiceCheck, PeriodStanding
from chargeback.domain.terms.issuer import ChargeIssuer
from chargeback.domain.terms.terms import ExchangeRate
from chargeback.domain.time.effective import Effective
from chargeback.services.statements.explain_charge import charge_chain
from tests.support.budgets import monthly
from tests.support.journals import ISSUER, posted_to, rules
from tests.support.period_tables import framed, period_tables, row
from tests.support.written_statements import PERIOD, Page, written

pytestmark = pytest.mark.anyio

D = Decimal
MILLION = D(1_000_000)


async def page(folder: Path, rows: list[dict[str, Any]], centre: str = "product/search", **given: Any) -> Page:
    """The page of a cost centre; what is no argument of `period_tables` is a fact of the period."""
    of_rows = {name: given.pop(name) for name in ("previous", "budgets", "is_closed") if name in given}
    _, files = await written(framed(period_tables(folder, rows, **of_rows), **given))
    return Page(files[f"{PERIOD}/statements/{centre}/statement-{PERIOD}.html"].decode())


def capacity(ratio: str, own: int, of_all: int, *, hours: int = 37_200, **fields: Any) -> dict[str, Any]:
    """A part of 50 reserved units at 1.00 USD an hour."""
    cost = hours * D(ratio)
    split = {"kind": "shared", "shared_cost": "ptu", "model": "", "meter": "provisioned", "allocation_basis": "usage"}
    use = {"allocation_measure": "capacity", "allocated_use": D(own), "allocated_use_of_all": D(of_all)}
    whole = {"origin_unit_price": D(1), "origin_quantity": D(hours), "origin_unit": "PTU-hours"}
    costs = dict.fromkeys(("cost", "exact_cost", "list_cost", "contracted_cost"), cost)
    return row(**split, **use, **whole, **costs, allocated_ratio=D(ratio), price_id="ptu") | fields


async def test_my_part_of_the_capacity_doubled_but_my_use_did_not(tmp_path: Path) -> None:
    """Half of what the others had used is gone, so the same million is a fifth instead of a tenth."""
    idle = {"cost_centre": "corporate", "meter": "provisioned-idle"}
    now = [capacity("0.2", 1_000_000, 5_000_000), capacity("0.3", 1_500_000, 5_000_000, cost_centre="product")]
    now.append(capacity("0.5", 2_500_000, 5_000_000, **idle))
    before = [capacity("0.1", 1_000_000, 10_000_000), capacity("0.9", 9_000_000, 10_000_000, cost_centre="product")]

    found = await page(tmp_path, now, previous=before)

    assert found.tables["shared"][1:3] == [
        [
            "ptuprovisioned, split by weighted input tokens",
            "Mar 2026",
            "37_200.00000037_200 PTU-hours at 1 USD",
            "2_500_00050.0_% of the capacity",
            "1_000_000",
            "20.0_%",
            "7_440.000000",
        ],
        [
            "Feb 2026",
            "37_200.00000037_200 PTU-hours at 1 USD",
            "10_000_000100.0_% of the capacity",
            "1_000_000",
            "10.0_%",
            "3_720.000000",
        ],
    ]
    said = (
        "ptu: your part is 20.0_%, after 10.0_%: you used as much as before, all together used 75.0_% less than before."
    )
    assert said in found.text


async def test_a_part_that_begins_or_ends_says_so(tmp_path: Path) -> None:
    found = await page(tmp_path, [capacity("1", 1, 1)], previous=[capacity("1", 1, 1, shared_cost="old")])

    assert "ptu: it was not charged to you the month before." in found.text
    assert "old: it was not charged to you this month." in found.text


async def test_a_part_that_ended_with_nothing_in_its_place_adds_up_to_nothing(tmp_path: Path) -> None:
    found = await page(tmp_path, [row()], previous=[capacity("1", 1, 1, shared_cost="old")])

    assert "old: it was not charged to you this month." in found.text
    assert found.tables["shared"][-1] == ["All shared costs of March 2026", "0.000000"]


async def test_a_part_that_is_no_round_percentage_has_its_exact_ratio_and_the_sum_is_this_months(
    tmp_path: Path,
) -> None:
    found = await page(tmp_path, [capacity("0.123456789012", 1, 9)])

    assert found.tables["shared"][1][5] == "12.3_%0.123456789012"
    assert found.tables["shared"][-1] == ["All shared costs of March 2026", "4_592.592551"]


async def test_use_is_told_as_quantity_times_price_with_published_and_negotiated_prices(tmp_path: Path) -> None:
    prices = {"list_unit_price": D("2.50"), "contracted_unit_price": D("2.00"), "unit_price": D("2.20")}
    costs = {"cost": D("6.6"), "exact_cost": D("6.6"), "list_cost": D("7.5"), "contracted_cost": D(6)}

    found = await page(tmp_path, [row(quantity=3 * MILLION, **prices, **costs)])

    assert "prices in USD for 1_000_000 tokens" in found.text
    assert found.tables["made"][1:] == [
        ["gpt-4o-2024-11-20 GlobalStandard", "Input Tokens", "3_000_000", "2.5", "2", "2.2", "6.600000"],
        ["All usage at a price", "6.600000"],
    ]
    assert found.tables["chain"][1:] == [
        ["At published prices", "7.500000"],
        ["Negotiated discounts", "-1.500000"],
        ["Markup", "0.600000"],
        ["Charged", "6.600000"],
    ]


async def test_many_prices_are_the_largest_and_the_others_together(tmp_path: Path) -> None:
    costs = [dict.fromkeys(("cost", "exact_cost", "list_cost", "contracted_cost"), D(many)) for many in range(1, 11)]

    found = await page(tmp_path, [row(model=f"model-{place}", **each) for place, each in enumerate(costs)])

    # 10 + 9 + … + 5 are listed; 4 + 3 + 2 + 1 are together.
    assert [cells[-1] for cells in found.tables["made"][-3:]] == ["5.000000", "10.000000", "55.000000"]
    assert found.tables["made"][-2][0] == "4 more prices; the CSV file has each"


async def test_prices_of_several_units_have_each_its_unit(tmp_path: Path) -> None:
    image = row(meter="images", unit="images", price_unit="1000000 images", quantity=D(3), cost=D("0.12"))

    found = await page(tmp_path, [row(), image])

    assert [cells[5] for cells in found.tables["made"][1:3]] == [
        "2.5USD for 1_000_000 tokens",
        "2.5USD for 1_000_000 images",
    ]


async def test_an_exchange_rate_says_what_it_did(tmp_path: Path) -> None:
    """The same million at 2.50 USD: 2.30 EUR at 0.92, after 2.375 at 0.95."""

    def converted(rate: str, cost: str) -> dict[str, Any]:
        costs = dict.fromkeys(("cost", "exact_cost", "list_cost", "contracted_cost"), D(cost))
        said = {"exchange_rate_date": "2026-03-31", "exchange_rate_source": "ECB"}
        return row(currency="EUR", exchange_rate=D(rate), **said, **costs)

    found = await page(tmp_path, [converted("0.92", "2.30")], previous=[converted("0.95", "2.375")], currency="EUR")

    assert "Converted at 0.92 EUR for 1 USD (ECB, 2026-03-31); in February 2026 it was 0.95." in found.text
    assert "Exchange rates alone changed the charge by -0.075000 EUR." in found.text


async def test_a_final_page_says_who_answers_for_it_where_it_is_booked_and_until_when_to_object(tmp_path: Path) -> None:
    posting = PostingRules((), (), (CentrePosting("product", "2000", "cost centre", "4711", {"usage": "625100"}),))
    deeds = (Deed("overrode", "ann", datetime(2026, 4, 4, tzinfo=UTC), "worth 0.40", ("2 requests unsettled",)),)
    standing = PeriodStanding(InvoiceCheck.AGREES, "B. Kim", deeds)
    issuer = ChargeIssuer("AI Platform", "ai@example.com", 30)

    found = await page(tmp_path, [row()], is_closed=True, posting=posting, standing=standing, issuer=issuer)

    for said in (
        "Final Closed by override Charged by AI Platform",
        "Invoice of the provider agrees, within the tolerance",
        "Approved by B. Kim",
        "Booked to company 2000, cost centre 4711, document CB-2026-03-2000",
        "Questions to ai@example.com",
        "Objections until 2026-04-30",
        "closed by ann in spite of what would have kept it open. Reason: worth 0.40. Overridden: 2 requests unsettled.",
    ):
        assert said in found.text


async def test_a_centre_that_moves_names_both_companies_and_a_small_charge_where_it_may_be(tmp_path: Path) -> None:
    moved = Effective(end=datetime(2026, 3, 16, tzinfo=UTC)), Effective(start=datetime(2026, 3, 16, tzinfo=UTC))
    posting = rules(
        posted_to("product", "2000", "4711", moved[0]),
        posted_to("product", "1000", "1005", moved[1]),
        issuer=replace(ISSUER, smallest={"USD": D(5)}),
    )

    large = await page(tmp_path, [row(cost=D(5))], is_closed=True, posting=posting)
    small = await page(tmp_path, [row(cost=D("4.99"))], is_closed=True, posting=posting)

    first = "Booked to company 2000, CC 4711, document CB-2026-03-2000"
    assert f"{first}; company 1000, CC 1005, document CB-2026-03-1000" in large.text
    assert "small amounts wait" not in large.text
    assert f"{first} or a later one, because small amounts wait; company 1000" in small.text


async def test_what_nobody_has_said_is_left_out(tmp_path: Path) -> None:
    found = await page(tmp_path, [row()])

    assert "Invoice of the provider not compared" in found.text
    for absent in ("Approved by", "Booked to", "Questions to", "Objections until", "override"):
        assert absent not in found.text


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        # 2.50 USD of 10 EUR, which are 12.50 USD; or 2.00 EUR of 10.
        (ExchangeRate("EUR", "USD", D("1.25"), "2026-03-31", "ECB"), "at 1.25 USD for 1 EUR"),
        (ExchangeRate("USD", "EUR", D("0.8"), "2026-03-31", "ECB"), "at 0.8 EUR for 1 USD"),
    ],
)
async def test_a_budget_in_another_currency_is_compared_at_the_rate(
    tmp_path: Path, rate: ExchangeRate, said: str
) -> None:
    budgets = (monthly("product/search", 10, 100, currency="EUR"),)

    found = await page(tmp_path, [row()], budgets=budgets, budget_rates={"EUR": rate})

    assert f"20.0_% of 10.00 EUR {said}, the rate of 2026-03-31" in found.text


async def test_a_correction_says_why_and_by_whom_on_the_first_page(tmp_path: Path) -> None:
    corrected = {"kind": "correction", "corrects_period": "2026-01", "correction_reason": "rated-again"}
    deeds = [
        Deed(
            "corrected", "b.kim", datetime(2026, 2, 9, tzinfo=UTC), "price was too high", ("2026-01", "configuration 7")
        ),
        Deed("corrected", "ann", datetime(2026, 2, 9, tzinfo=UTC), "of another month", ("2025-12", "configuration 7")),
    ]

    found = await page(tmp_path, [row(cost=D(-3), **corrected)], standing=PeriodStanding(deeds=deeds))

    first = "Correction of January 2026: -3.000000 USD - rated again: another price, model or deployment; b.kim:"
    assert f"{first} price was too high." in found.text
    assert "January 2026: corrected by b.kim on 2026-02-09: price was too high." in found.text
    assert "of another month" not in found.text


@given(
    st.lists(
        st.tuples(*[st.decimals(-(10**9), 10**9, places=18, allow_nan=False)] * 3, st.integers(-(10**15), 10**15)),
        max_size=3,
    )
)
def test_the_steps_from_published_prices_sum_to_what_was_charged(drawn: list[tuple[D, D, D, int]]) -> None:
    kinds = ("usage", "shared", "correction")
    parts = [ChainPart(kind, *prices, D(cost).scaleb(-6)) for kind, (*prices, cost) in zip(kinds, drawn, strict=False)]

    chain = charge_chain(parts, 6)

    assert (chain is None) == (not parts)
    if chain:
        for place, charged in enumerate(chain.charged.amounts):
            assert sum(step.amounts[place] for step in chain.steps) == charged
        assert sum(step.sum for step in chain.steps) == chain.charged.sum
