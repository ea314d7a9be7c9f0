"""The page of a statement shows costs, budgets and totals, and whether they are final."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chargeback.domain.cost_centres.tree import UNALLOCATED
from chargeback.domain.reports.layout import statement_path
from chargeback.services.statements.print_numbers import css_text, exact, on_axis, percent
from tests.support.budgets import monthly
from tests.support.journals import ISSUER, charged, journal, rules
from tests.support.period_tables import framed, period_tables, row
from tests.support.written_statements import PERIOD, THIN, Page, pages, written

pytestmark = pytest.mark.anyio

MODELS = [f"model-{letter}" for letter in "abcdefgh"]


def priced(cost: str, **fields: Any) -> dict[str, Any]:
    return row(cost=Decimal(cost), exact_cost=Decimal(cost), **fields)


async def page(folder: Path, rows: list[dict[str, Any]], centre: str = "product/search", **given: Any) -> Page:
    return (await pages(folder, rows, **given)).of(centre)


async def test_headlines_are_in_cents_and_tables_have_every_decimal(tmp_path: Path) -> None:
    found = await page(tmp_path, [priced("1234.565001"), priced("0.0005")])

    # 1234.565001 + 0.0005 = 1234.565501
    assert "Charged to this cost centre 1_234.57 USD 2 rows" in found.text
    assert found.row("model", "Charged") == ["Charged", "0", "1_234.565501", ""]
    assert found.row("days", "Sat 14") == ["Sat 14", "0", "1_234.565501"]


async def test_the_headlines_of_all_statements_add_up_to_the_total_in_cents(tmp_path: Path) -> None:
    costs = {"a": "710.9533", "b": "256.7034", "c": "31.7033", "d": "2.5530"}
    rows = [priced(cost, cost_centre=f"product/{name}") for name, cost in costs.items()]

    found = await pages(tmp_path, rows)

    own = {name: found.of(f"product/{name}").text for name in costs}
    # One by one they would be rounded to 256.70 and 1_001.90; the total is 1001.913.
    for name, shown in {"a": "710.95", "b": "256.71", "c": "31.70", "d": "2.55"}.items():
        assert f"Charged to this cost centre {shown} USD" in own[name]
    assert "With everything below it 1_001.91 USD" in found.of("product").text


@pytest.mark.parametrize(
    ("currency", "shown"), [("USD", {"a": "0.01", "b": "0.00"}), ("JPY", {"a": "0", "b": "0"}), ("KWD", {"a": "0.005"})]
)
async def test_headlines_are_what_the_journal_posts_in_minor_units(
    tmp_path: Path, currency: str, shown: dict[str, str]
) -> None:
    """Two cost centres have the same rest, so the first by path gets the unit, whoever has the first row."""
    rows = [priced("0.005", cost_centre=f"product/{name}", currency=currency) for name in ("b", "a")]

    _, files = await written(framed(period_tables(tmp_path, rows), currency=currency))

    sums = [charged(f"product/{name}", "0.005", currency=currency) for name in ("b", "a")]
    posted = journal(sums, posting=rules(issuer=replace(ISSUER, smallest={})), currency=currency)
    for name, amount in shown.items():
        found = Page(files[statement_path(f"product/{name}", PERIOD, "html")].decode())
        assert f"Charged to this cost centre {amount} {currency}" in found.text
        lines = [line.amount for line in posted.lines if line.cost_centre == f"product/{name}"]
        assert sum(lines) == Decimal(amount)


async def test_a_page_says_whose_it_is_for_which_month_and_whether_it_is_final(tmp_path: Path) -> None:
    found = await page(tmp_path, [row(charge_date="2026-03-09")])

    assert "Search Cost centre Product / product/search · March 2026" in found.text
    assert "Provisional - month still open" in found.text
    assert "the last usage counted so far is of 2026-03-09" in found.text
    assert ("html", {"lang": "en"}) in found.tags


async def test_a_closed_month_is_final_and_nothing_in_it_is_provisional(tmp_path: Path) -> None:
    found = await page(tmp_path, [row()], is_closed=True)

    assert "· March 2026 Final Charged by" in found.text
    assert "not closed yet" not in found.text
    assert "so far" not in found.text


async def test_the_budget_is_compared_with_everything_below(tmp_path: Path) -> None:
    rows = [priced("30", cost_centre="product"), priced("50.5"), priced("1000", cost_centre="productive")]

    found = await page(tmp_path, rows, "product", budgets=(monthly("product", 100, 80, 100),))

    assert "Charged to this cost centre 30.00 USD" in found.text
    assert "With everything below it 80.50 USD 1 cost centre below" in found.text
    assert "Budget used, everything below included 80.5_% of 100.00 USD" in found.text
    assert found.tables["below"][1:3] == [
        ["Product", "30.000000", "80.500000", "80.5_%"],
        ["Search", "50.500000", "50.500000", "-"],
    ]


async def test_a_budget_that_is_exceeded_says_by_how_much(tmp_path: Path) -> None:
    budgets = (monthly("product/search", 10, 100),)

    found = await page(tmp_path, [priced("12.5")], budgets=budgets)

    assert "125.0_% of 10.00 USD; exceeded by 2.50 USD" in found.text


async def test_a_budget_in_a_currency_without_a_rate_says_so(tmp_path: Path) -> None:
    found = await page(tmp_path, [row()], budgets=(monthly("product/search", 10, 100, currency="EUR"),))

    assert "The budget is 10 EUR; no exchange rate leads from there to USD" in found.text


async def test_every_view_sums_to_what_was_charged(tmp_path: Path) -> None:
    ratio = {"allocated_ratio": Decimal("0.5")}
    rows = [
        *(priced(f"{number}.5", model=model, user=f"user{number}") for number, model in enumerate(MODELS)),
        priced(
            "100", kind="shared", model="", user="", shared_cost="ptu", allocation_basis="even", meter="fee", **ratio
        ),
        priced("-7.25", kind="correction", corrects_period="2026-01", charge_date="2026-01-05"),
    ]

    found = await page(tmp_path, rows)

    # 0.5 + 1.5 + … + 7.5 = 32; 32 + 100 - 7.25 = 124.75
    for view in ("model", "application", "user"):
        costs = [amount(cells[2]) for cells in found.tables[view][1:]]
        assert sum(costs[:-1]) == costs[-1] == Decimal("124.75")
    # The correction is of a day of another month.
    assert found.row("days", "All")[-1] == "132.000000"


async def test_the_five_largest_models_have_a_colour_and_the_others_share_one(tmp_path: Path) -> None:
    found = await page(tmp_path, [priced(f"{number + 1}", model=model) for number, model in enumerate(MODELS)])

    head, day, whole = found.tables["days"]
    assert head == ["Day", "Calls", "model-h", "model-g", "model-f", "model-e", "model-d", "3 others", "Cost"]
    assert [amount(each) for each in day[2:]] == [amount(each) for each in whole[2:]] == [8, 7, 6, 5, 4, 6, 36]
    assert found.charts["days"] == 1
    assert {f'<g class="{colour}">' in found.source for colour in ("c0", "c4", "others")} == {True}


async def test_of_many_users_the_ten_largest_are_named_and_the_others_counted(tmp_path: Path) -> None:
    found = await page(tmp_path, [priced(f"{number}", user=f"user{number:03}") for number in range(1, 201)])

    # 191 + … + 200 = 1955 of 1 + … + 200 = 20100
    names = [cells[0] for cells in found.tables["user"]]
    assert names[1:] == [f"user{number:03}" for number in range(200, 190, -1)] + ["190 others", "Charged"]
    assert amount(found.row("user", "190 others")[2]) == 20100 - 1955


async def test_unpriced_usage_is_never_zero(tmp_path: Path) -> None:
    unknown = {"cost": None, "exact_cost": None, "unit_price": None}
    rows = [
        priced("5"),
        row(state="unpriced", model="gpt-9", deployment="nine", quantity=Decimal(12300), **unknown),
        row(state="unsettled", meter="requests", unit="requests", quantity=Decimal(42), requests=42, **unknown),
    ]

    found = await page(tmp_path, rows)

    assert "not yet priced: 12_300 tokens of model gpt-9;" in found.text
    assert "not yet settled: 42 requests of model gpt-4o-2024-11-20;" in found.text
    assert "Charged to this cost centre ≥_5.00 USD" in found.text
    assert found.row("model", "gpt-9")[2] == "not known yet"
    assert found.row("model", "gpt-4o-2024-11-20")[2] == "≥_5.000000"
    assert ["gpt-9", "nine", "input_tokens", "12_300 tokens"] in found.tables["open"]


async def test_a_parent_knows_that_something_below_it_is_unpriced(tmp_path: Path) -> None:
    found = await page(tmp_path, [row(state="unpriced", cost=None, exact_cost=None)], "product")

    assert "With everything below it ≥_0.00 USD" in found.text
    assert "Charged to this cost centre 0.00 USD" in found.text


async def test_the_change_is_explained_by_parts_that_lead_from_month_to_month(tmp_path: Path) -> None:
    million = Decimal(1_000_000)
    shared = {"kind": "shared", "model": "", "shared_cost": "ptu", "meter": "fee", "allocated_ratio": Decimal(1)}
    before = [priced("10", quantity=4 * million), priced("3", model="old")]
    after = [
        priced("12", quantity=6 * million),  # 2 million more at 2.50; 6 million at 0.50 less
        priced("1.5", model="young"),
        priced("20", **shared),
        priced("-4", kind="correction", corrects_period="2026-01"),
    ]

    found = await page(tmp_path, after, previous=before)

    assert [(cells[0], cells[-1]) for cells in found.tables["why"][1:8]] == [
        ("February 2026", "13.000000"),
        ("Volume", "+5.000000"),
        ("Price", "-3.000000"),
        ("New and ended", "-1.500000"),
        ("Shared costs", "+20.000000"),
        ("Corrections", "-4.000000"),
        ("March 2026", "29.500000"),
    ]
    assert found.tables["why"][9] == ["Shared cost ptu", "0.000000", "20.000000", "+20.000000", "shared costs"]
    assert found.tables["why"][-1][-2:] == ["+1.500000", "new"]
    assert "Change from February 2026 +16.50 USD +126.9_% of 13.00 USD" in found.text


async def test_what_rounding_leaves_between_two_months_is_said(tmp_path: Path) -> None:
    before = row(cost=Decimal("0.000001"), exact_cost=Decimal("0.0000014"))
    after = row(cost=Decimal("0.000003"), exact_cost=Decimal("0.0000028"), quantity=Decimal(2_000_000))

    found = await page(tmp_path, [after], previous=[before])

    # Exactly 0.0000014 more, printed 0.000001; the printed costs differ by 0.000002.
    assert [cells[-1] for cells in found.tables["why"][2:5]] == ["+0.000001", "+0.000001", "0.000003"]
    assert found.tables["why"][3][0] == "Rounding"


async def test_without_a_month_before_nothing_is_compared(tmp_path: Path) -> None:
    found = await page(tmp_path, [row()])

    assert "Change from February 2026 - That month was never published" in found.text
    assert "why" not in found.tables


async def test_a_month_before_in_another_currency_is_not_compared(tmp_path: Path) -> None:
    found = await page(tmp_path, [row()], previous=[row(currency="EUR")])

    assert "The books were kept in EUR then" in found.text
    assert "why" not in found.tables


async def test_a_centre_with_nothing_but_a_past_says_so(tmp_path: Path) -> None:
    found = await page(tmp_path, [], "gone/team", previous=[priced("8", cost_centre="gone/team")])

    assert "Nothing was charged to this cost centre on any day of March 2026" in found.text
    assert "Change from February 2026 -8.00 USD" in found.text
    assert not found.charts


async def test_corrections_name_the_charge_that_they_correct(tmp_path: Path) -> None:
    correction = {
        "kind": "correction",
        "corrects_period": "2026-01",
        "corrects_charge_id": "3" * 16,
        "correction_reason": "late-usage",
    }

    found = await page(tmp_path, [priced("-30.25", charge_date="2026-01-17", quantity=Decimal(-120), **correction)])

    assert found.row("corrections", "2026-01, day 2026-01-17") == [
        "2026-01, day 2026-01-17",
        "3" * 16,
        "late: it came after closing, or had no price then",
        "gpt-4o-2024-11-20 input_tokens",
        "-120 tokens",
        "-30.250000",
    ]
    assert found.row("model", "Corrections") == ["Corrections", "-", "-30.250000", "-"]
    assert (
        found.row("corrections", "All 1 of January 2026: late: it came after closing, or had no price then")[-1]
        == "-30.250000"
    )
    assert "Charged to this cost centre -30.25 USD" in found.text


async def test_a_conversion_says_its_rate_date_and_source(tmp_path: Path) -> None:
    rate = {"exchange_rate": Decimal("1.0845"), "exchange_rate_date": "2026-02-27", "exchange_rate_source": "ECB"}

    found = await page(tmp_path, [row(pricing_currency="EUR", **rate)])

    assert "Prices in EUR were converted at 1.0845 USD for 1 EUR, the rate of 2026-02-27 (ECB)." in found.text
    assert "time zone UTC. March 2026 is 2026-03-01 00:00 to 2026-04-01 00:00 UTC" in found.text


async def test_links_lead_to_the_statements_above_and_below(tmp_path: Path) -> None:
    found = await pages(tmp_path, [row(cost_centre="R&D/x y/deep")])

    def links(centre: str) -> set[str | None]:
        return {attributes.get("href") for tag, attributes in found.of(centre).tags if tag == "a"}

    assert "x~20y/statement-2026-03.html" in links("R&D")
    assert {"../statement-2026-03.html", "deep/statement-2026-03.html"} <= links("R&D/x y")


async def test_the_unallocated_explain_themselves(tmp_path: Path) -> None:
    found = await page(tmp_path, [priced("3", cost_centre=UNALLOCATED)], UNALLOCATED)

    assert "Unallocated Cost centre unallocated" in found.text
    assert "No rule gives these charges to a cost centre." in found.text


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "</style><b>", '"><img src=x onerror=y>', "{{ 7*7 }}", "\\"]
)
async def test_text_from_outside_is_only_text(tmp_path: Path, text: str) -> None:
    path = f"product/{text.replace('/', '')}"
    dimensions = dict.fromkeys(("user", "model", "subscription_id", "deployment", "exchange_rate_source"), text)
    shared = {"kind": "shared", "shared_cost": text, "allocation_basis": text, "allocated_ratio": Decimal(1)}
    rows = [
        row(cost_centre=path, state="estimated", pricing_currency="EUR", **dimensions),
        row(cost_centre=path, **shared),
        row(kind="correction", corrects_period="2026-01", cost_centre=path, model=text),
    ]

    found = await page(tmp_path, rows, path, previous=[row(cost_centre=path, model=text, subscription_id=text)])

    assert {tag for tag, _ in found.tags}.isdisjoint({"script", "img", "b", "iframe", "object", "link"})
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    assert text.replace("/", "") in found.text


async def test_a_page_is_complete_in_itself_and_accessible(tmp_path: Path) -> None:
    found = await page(tmp_path, [row(), row(kind="correction", corrects_period="2026-01")], previous=[row()])

    assert "http" not in found.source.replace('http-equiv="Content-Security-Policy"', "")
    assert "url(" not in found.source
    assert "@import" not in found.source
    assert {"default-src 'none'"} == {
        (attributes["content"] or "").split(";")[0] for _, attributes in found.tags if "http-equiv" in attributes
    }
    identities = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    for tag, attributes in found.tags:
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or (attributes["role"], bool(attributes["aria-label"])) == (
                "img",
                True,
            )
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
        if tag == "section":
            assert attributes["aria-labelledby"] in identities
    assert [tag for tag, _ in found.tags].count("h1") == 1


async def test_the_same_rows_give_the_same_page(tmp_path: Path) -> None:
    rows = [priced("1", model=model, user=model) for model in MODELS]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    first, second = await pages(tmp_path / "a", rows), await pages(tmp_path / "b", rows)

    assert {path: each.source for path, each in first.items()} == {path: each.source for path, each in second.items()}


def test_numbers_are_printed_for_people() -> None:
    assert exact(Decimal("0.1234565"), 6) == "0.12<small>3456</small>"
    assert exact(Decimal(7), 0) == "7"
    assert percent(Decimal(1), Decimal(3)) == f"33.3{THIN}%"
    assert percent(Decimal(1), Decimal(0)) == ""
    assert on_axis(0.30000000000000004) == "0.3"
    assert on_axis(1e-05) == "0.00001"
    assert on_axis(25000.0) == f"25{THIN}000"
    assert css_text('a"\\ü') == '"a\\000022\\00005cü"'


def amount(text: str) -> Decimal:
    return Decimal(text.replace("_", ""))
