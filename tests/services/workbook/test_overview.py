"""The first sheet of the workbook reads as a page, with the figures of the statements and of the rows."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.reports.layout import statement_path
from chargeback.domain.reports.manifest import Deed
from chargeback.domain.reports.standing import InvoiceCheck, PeriodStanding
from chargeback.domain.terms.issuer import ChargeIssuer
from chargeback.domain.time.months import Month
from chargeback.services.publishing.files import Files
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.running.progress import ignore_progress
from chargeback.services.statements.write_statements import write_statements
from chargeback.services.workbook.overview_tree import MOST_LISTED
from tests.support.budgets import monthly
from tests.support.period_tables import PERIOD, framed, period_tables, row
from tests.support.rows_of_every_kind import correction, costs, every_kind
from tests.support.workbooks import Lines, parts, read_workbook, table, workbook_of

CENTRES = {"product": "Product", "product/search": "Search", "research": "Research"}
FEBRUARY = [row(cost_centre="product/search", **costs("400")), row(cost_centre="research", **costs("10.005"))]
MARCH = [
    *every_kind(),
    row(cost_centre="research", **costs("33.333333")),
    row(cost_centre="research/lab", **costs("1")),
]
AGREED = PeriodStanding(InvoiceCheck.AGREES, "Ann")


def first_sheet(tables: PeriodTables) -> Lines:
    return read_workbook(workbook_of(tables))["Summary"]


def tree(sheet: Lines) -> dict[str, list[Any]]:
    """Name → what stands beside it."""
    start = next(number for number, line in enumerate(sheet) if str(line[0]).startswith("Cost centre,"))
    lines = {line[0]: line[1:6] for line in sheet[start + 1 :] if line[1] != ""}
    assert list(lines)[-1] == "The whole month"
    return lines


def not_final(sheet: Lines) -> list[str]:
    start = next(number for number, line in enumerate(sheet) if line[0] == "What is not final") + 1
    return [line[0] for line in sheet[start : next(n for n in range(start, len(sheet)) if not sheet[n][0])]]


def statements_of(tables: PeriodTables) -> dict[str, str]:
    reports = MemoryReports()
    asyncio.run(write_statements(tables, Files(reports), ignore_progress, workers=0))
    return {path: content.decode() for path, content in reports.files.items() if path.endswith(".html")}


def big_amounts(page: str) -> list[float]:
    """The amounts in large letters: charged, with everything below, change."""
    said = re.findall(r'<dd class="big">(?:\u2265\u202f)?([+\u2212]?[\d\u202f]+\.\d\d) <span', page)
    return [float(each.replace("\u202f", "").replace("\u2212", "-")) for each in said]


def test_every_amount_is_the_one_on_the_statement_and_they_add_up_to_the_rows(tmp_path: Path) -> None:
    budgets = (monthly("product", 2000, 80), monthly("research", 20, 80))
    tables = period_tables(tmp_path, MARCH, previous=FEBRUARY, centres=CENTRES, budgets=budgets)

    sheet = first_sheet(tables)

    shown, pages = tree(sheet), statements_of(tables)
    for path, name in {**CENTRES, "unallocated": "Unallocated", "research/lab": "lab"}.items():
        amounts = big_amounts(pages[statement_path(path, Month(PERIOD), "html")])
        with_below = amounts[1] if "/" not in path and path != "unallocated" else amounts[0]
        assert shown[name][0] == pytest.approx(with_below, abs=1e-9)
        assert shown[name][1] == pytest.approx(with_below - before(path), abs=0.011)
    assert shown["The whole month"][0] == round(1005.5025 + 33.333333 + 1, 2)
    assert sheet[4][0] == shown["The whole month"][0]
    tops = ("Product", "Research", "Unallocated")
    assert sum(Decimal(str(shown[name][0])) for name in tops) == Decimal(str(shown["The whole month"][0]))
    assert [shown[name][3] for name in ("Product", "Research", "Search")] == [2000.0, 20.0, ""]
    assert shown["Research"][4] == pytest.approx(34.333333 / 20)


def before(path: str) -> float:
    return {"product": 400.0, "product/search": 400.0, "research": 10.005}.get(path, 0.0)


def test_the_headline_says_how_much_how_it_changed_and_how_far_it_is(tmp_path: Path) -> None:
    tables = framed(
        period_tables(tmp_path, MARCH, previous=FEBRUARY, is_closed=True),
        issuer=ChargeIssuer("Contoso IT"),
        standing=AGREED,
    )

    title, said, _, labels, figures, *_ = first_sheet(tables)

    assert title[0] == "Azure OpenAI charges, March 2026"
    assert said[0] == "Final: the month is closed, approved by Ann. Charged by Contoso IT; days of UTC."
    assert [each for each in labels if each][:2] == ["Charged (USD)", "Change from February 2026: +153.6 %"]
    assert [each for each in figures if each != ""][:3] == [1039.84, 629.84, 3.0]


def test_what_is_not_final_is_said_in_sentences(tmp_path: Path) -> None:
    unsettled = row(state="unsettled", meter="requests", unit="requests", requests=7, **costs(None))
    deeds = (Deed("overrode", "=Bob", datetime(2026, 4, 4, tzinfo=UTC), "it was urgent", ("2026-03",)),)
    rows = [*every_kind(), unsettled, correction("-12.5", currency="EUR"), correction("3", currency="JPY")]
    open_month = framed(period_tables(tmp_path, rows), standing=PeriodStanding(InvoiceCheck.DIFFERS, None, deeds))

    assert not_final(first_sheet(open_month)) == [
        "March 2026 is not closed: every amount may still change. The last usage counted so far is of 2026-03-31.",
        "Usage without a price is in no amount: 1 row. See the sheet Open items.",
        "Calls whose tokens are not known yet are in no amount: 7. See the sheet Open items.",
        "2.00 USD of it rest on estimates.",
        "Corrections of months that were kept in EUR come in addition: \u221212.50 EUR."
        " See the sheet Other currencies.",
        "Corrections of months that were kept in JPY come in addition: 3 JPY. See the sheet Other currencies.",
        "The provider's invoice differs from it by more than is tolerated.",
        "=Bob closed the month in spite of what kept it open. Reason: it was urgent",
    ]


def test_a_month_that_is_final_says_so(tmp_path: Path) -> None:
    closed = framed(period_tables(tmp_path, [row()], is_closed=True), standing=AGREED)

    assert not_final(first_sheet(closed)) == ["Nothing: no amount rests on estimates, and none is missing."]


@pytest.mark.parametrize(
    ("previous", "said"),
    [
        ([], "Change from February 2026: it was never published"),
        ([row(currency="EUR")], "Change from February 2026: it was kept in EUR"),
    ],
)
def test_a_change_that_nobody_knows_is_not_shown_as_one(
    tmp_path: Path, previous: Sequence[dict[str, Any]], said: str
) -> None:
    sheet = first_sheet(period_tables(tmp_path, [row()], previous=previous))

    assert said in sheet[3]
    assert sheet[4][1] == "unknown"
    assert tree(sheet)["Search"][1:3] == ["", ""]


def test_the_sheet_of_cost_centres_compares_with_the_month_before_if_there_is_one(tmp_path: Path) -> None:
    with_one, without = tmp_path / "with", tmp_path / "without"
    for each in (with_one, without):
        each.mkdir()
    sheets = [
        read_workbook(workbook_of(period_tables(folder, MARCH, previous=previous, centres=CENTRES)))["Cost centres"]
        for folder, previous in ((with_one, FEBRUARY), (without, []))
    ]

    research = table(sheets[0], "Cost centre")["research"]
    assert (research["The month before (USD)"], research["Change (USD)"]) == (10.005, 23.328333)
    assert sheets[0][-1][9:11] == [410.005, 629.830833]
    assert not {"The month before (USD)", "Change (USD)"} & set(sheets[1][0])


def test_a_page_shows_the_costliest_of_many_cost_centres_and_says_where_the_others_are(tmp_path: Path) -> None:
    rows = [row(cost_centre=f"company/unit-{n:02}/team", **costs(str(n + 1))) for n in range(40)]

    sheet = first_sheet(period_tables(tmp_path, rows, centres={"company": "Company"}))

    names = list(tree(sheet))
    assert names[:3] == ["Company", "unit-39", "unit-38"]
    assert len(names) == MOST_LISTED + 1
    assert f"{1 + 40 + 40 - MOST_LISTED} more are on the sheet Cost centres." in [line[0] for line in sheet]


def test_a_budget_in_another_currency_is_said_in_it(tmp_path: Path) -> None:
    budgets = (monthly("product", 2000, 80, currency="EUR"), monthly("research", "0.5", 80))
    tables = period_tables(tmp_path, [row()], centres=CENTRES, budgets=budgets)

    sheet = first_sheet(tables)

    assert tree(sheet)["Product"][3:] == ["", ""]
    assert tree(sheet)["Research"] == [0.0, "", "", 0.5, 0.0]
    assert "The budget of Product is 2\u202f000.00 EUR." in [line[0] for line in sheet]


def test_two_charts_show_the_days_of_the_month_and_the_costliest_cost_centres(tmp_path: Path) -> None:
    content = workbook_of(period_tables(tmp_path, MARCH))

    charts = list(parts(content, "xl/charts/").values())

    assert len(charts) == 2
    # A header and 31 days, without the day of February to which a correction belongs.
    assert "Summary!$O$5:$O$35" in charts[0]
    drawn = {float(line[19]) for line in read_workbook(content)["Summary"][4:10] if line[19] != ""}
    assert drawn == {750.0, 253.5, 33.34, 2.0, 1.0}


def test_a_month_without_any_cost_has_a_page_without_charts(tmp_path: Path) -> None:
    content = workbook_of(period_tables(tmp_path, [row(state="unpriced", **costs(None))]))

    assert parts(content, "xl/charts/") == {}
    assert tree(read_workbook(content)["Summary"])["The whole month"][0] == 0.0
