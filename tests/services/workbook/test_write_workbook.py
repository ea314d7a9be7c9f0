"""The workbook, read with a library that did not write it."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chargeback.services.workbook import write_workbook as module
from tests.support.budgets import monthly
from tests.support.period_tables import period_tables, row
from tests.support.rows_of_every_kind import correction, costs, every_kind, priced, shared
from tests.support.workbooks import Lines, book, found, parts, read_workbook, table, workbook_of

TABS = ["Cost centres", "Models", "Days", "Applications", "Shared costs", "Corrections", "Prices used", "Open items"]


def test_every_sheet_is_there(tmp_path: Path) -> None:
    assert list(book(tmp_path, every_kind())) == ["Summary", *TABS, "Charges", "Read me"]


def test_the_totals_of_the_sheets_are_those_of_the_rows(tmp_path: Path) -> None:
    """Usage 2.50 + 0.0025 + 1.25 + 2 = 5.7525, shared 1000, correction -0.25: together 1005.5025."""
    sheets = book(tmp_path, every_kind())

    assert table(sheets["Cost centres"], "Cost centre")["Total"]["Cost (USD)"] == 1005.5025
    assert {name: sheets[name][-1][sheets[name][0].index("Cost (USD)")] for name in (*TABS[1:7], "Charges")} == {
        "Models": 5.7525,
        "Days": 1005.5025,
        "Applications": 5.7525,
        "Shared costs": 1000.0,
        "Corrections": -0.25,
        "Prices used": 1005.5025,
        "Charges": 1005.5025,
    }


def test_the_cost_centres_follow_the_tree_with_what_is_below(tmp_path: Path) -> None:
    """product/search: 2.50 + 0.0025 + 1.25 + 250 - 0.25 = 253.5025; product itself: 750."""
    budget = monthly("product", 2007, 80)

    lines = book(tmp_path, every_kind(), budgets=(budget,))["Cost centres"]

    assert [line[:5] for line in lines[1:]] == [
        ["product", "Product", 1.0, 750.0, 1003.5025],
        ["product/search", "Search", 2.0, 253.5025, 253.5025],
        ["unallocated", "", 1.0, 2.0, 2.0],
        ["Total", "", "", 1005.5025, ""],
    ]
    product, search = (table(lines, "Cost centre")[path] for path in ("product", "product/search"))
    assert (product["Budget (USD)"], product["Budget used"]) == (2007.0, pytest.approx(0.50000124564, abs=1e-9))
    assert (search["Unpriced rows"], search["Corrections (USD)"], search["Calls"]) == (1.0, -0.25, 3.0)
    assert search["Budget (USD)"] == ""


def test_dates_are_dates_and_quantities_numbers(tmp_path: Path) -> None:
    sheets = book(tmp_path, every_kind())

    days = [line[0] for line in sheets["Days"][1:-1]]
    assert days == [date(2026, 2, 11), date(2026, 3, 1), date(2026, 3, 14), date(2026, 3, 15), date(2026, 3, 31)]
    assert sheets["Models"][1][4] == 1_000_000.0
    assert all(isinstance(line[4], float) for line in sheets["Models"][1:-1])


def test_what_looks_like_a_formula_is_text(tmp_path: Path) -> None:
    hostile = row(deployment="=1+1", subscription_id="@cmd()", cost_centre="+1+1", model="-2", app_id="=x")
    content = workbook_of(period_tables(tmp_path, [hostile], centres={"+1+1": "=HYPERLINK(0)"}))

    sheets = read_workbook(content)
    assert table(sheets["Charges"], "Deployment")["=1+1"]["Subscription"] == "@cmd()"
    assert "=HYPERLINK(0)" in [line[0] for line in sheets["Summary"]]
    formulas = found(r"<f>(.*?)</f>", content, "xl/worksheets/")
    assert formulas
    assert [each for each in formulas if not re.fullmatch(r"SUBTOTAL\(109,[A-Za-z]+\[[A-Za-z ,()]+\]\)", each)] == []


def test_each_sheet_of_lines_is_a_table_with_a_name_a_filter_and_totals_that_follow_it(tmp_path: Path) -> None:
    content = workbook_of(period_tables(tmp_path, every_kind()))

    tables = parts(content, "xl/tables/").values()

    named = dict(each for xml in tables for each in re.findall(r' name="([A-Za-z]+)".*? ref="([A-Z0-9:]+)"', xml)[:1])
    assert set(named) == {each.replace(" ", "") for each in (*TABS, "Charges")}
    assert named["Days"] == "A1:F7"  # a header, five days and the totals
    assert all("<autoFilter" in xml for xml in tables)
    days = next(xml for xml in tables if 'name="Days"' in xml)
    assert '<autoFilter ref="A1:F6"' in days
    assert 'totalsRowCount="1"' in days
    assert days.count('totalsRowFunction="sum"') == 5
    assert 'totalsRowLabel="Total"' in days
    assert read_workbook(content)["Days"][-1] == ["Total", 5.7525, 1000.0, -0.25, 1005.5025, 3.0]


def test_a_header_and_its_column_are_aligned_and_have_one_number_format(tmp_path: Path) -> None:
    tiny = row(charge_date="2026-03-02", **costs("0.000001"))
    content = workbook_of(period_tables(tmp_path, [tiny, row(**costs("2211.6")), row(**costs("102.027253"))]))

    (styles,) = parts(content, "xl/styles").values()
    forms = re.findall(r'formatCode="(.*?)"', styles)

    assert not [each for each in forms if re.search(r"\.0*#", each)]  # as many places in each cell
    assert {"#,##0.00", "#,##0.000000", "#,##0"} <= set(forms)
    sheets = parts(content, "xl/worksheets/")
    used = re.findall(r'<c r="E\d+" s="(\d+)"><v>', sheets["xl/worksheets/sheet4.xml"])
    assert len(set(used)) == 1  # the costs of the days, without their total


def test_prices_have_the_places_that_one_of_them_needs(tmp_path: Path) -> None:
    rows = [row(), row(meter="cached_input_tokens", price_id="b", **priced("0.0375"))]

    (styles,) = parts(workbook_of(period_tables(tmp_path, rows)), "xl/styles").values()

    assert "#,##0.0000" in re.findall(r'formatCode="(.*?)"', styles)


def test_sheets_print_across_as_wide_as_the_paper_with_their_header_on_each_page(tmp_path: Path) -> None:
    rows = [row(subscription_id=f"s{number:02}") for number in range(60)]
    content = workbook_of(period_tables(tmp_path, rows))

    pages = parts(content, "xl/worksheets/sheet").values()
    (book_xml,) = parts(content, "xl/workbook.xml").values()

    assert all('orientation="landscape"' in xml and "fitToPage" in xml for xml in pages)
    assert len([xml for xml in pages if 'fitToHeight="0"' in xml]) == 2  # applications and charges
    repeated = re.findall(r'"_xlnm.Print_Titles"[^>]*>([^<]+)<', book_xml)
    printed = re.findall(r'"_xlnm.Print_Area"[^>]*>([^<]+)<', book_xml)
    assert sorted(repeated) == sorted(f"'{tab}'!$1:$1" if " " in tab else f"{tab}!$1:$1" for tab in (*TABS, "Charges"))
    assert len(printed) == len(TABS) + 3
    assert "Charges!$A$1:$P$62" in printed  # not the ids on the right
    assert all('state="frozen"' in xml for xml in list(pages)[1:-1])


def test_what_has_no_cost_is_an_open_item_and_its_cell_is_empty(tmp_path: Path) -> None:
    unsettled = row(state="unsettled", meter="requests", unit="requests", price_id="", requests=1, **costs(None))

    sheets = book(tmp_path, [unsettled, row(state="unpriced", **costs(None))])

    assert [line[0] for line in sheets["Open items"][1:-1]] == ["unpriced", "unsettled"]
    assert [line["Cost (USD)"] for line in lines_of(sheets["Charges"])] == ["", ""]


def test_shared_costs_and_corrections_say_where_they_come_from(tmp_path: Path) -> None:
    sheets = book(tmp_path, [shared("0.25"), shared("0.75", cost_centre="product"), correction()])

    assert [line[:6] for line in sheets["Shared costs"][1:-1]] == [
        ["ptu-east", "provisioned", "usage", "product", 0.75, 750.0],
        ["ptu-east", "provisioned", "usage", "product/search", 0.25, 250.0],
    ]
    (corrected,) = sheets["Corrections"][1:-1]
    assert corrected[:3] == ["2026-02", "product/search", date(2026, 2, 11)]
    assert corrected[-1] == "c" * 32


def test_too_many_charges_are_summed_and_the_sheet_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(subscription_id=f"s{number}", cost_centre=f"c{number % 2}") for number in range(6)]
    monkeypatch.setattr(module, "MAX_LINES", 5)

    note, header, *lines = book(tmp_path, rows)["Charges"]

    assert note[0] == "Summed by cost centre, model, meter and price; every charge is in chargeback-2026-03.csv."
    assert "Subscription" not in header
    assert [line[header.index("Cost (USD)")] for line in lines] == [7.5, 7.5, 15.0]


def lines_of(sheet: Lines) -> list[dict[str, Any]]:
    header, *lines, _ = sheet
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_a_part_of_a_whole_is_no_quantity(tmp_path: Path) -> None:
    sheets = book(tmp_path, [shared("0.25"), shared("0.75", cost_centre="product")])

    assert [(each["Quantity"], each["Unit"]) for each in lines_of(sheets["Charges"])] == [("", "share")] * 2


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    period = period_tables(tmp_path, every_kind())

    assert workbook_of(period) == workbook_of(period)


def test_an_empty_period_is_a_workbook_too(tmp_path: Path) -> None:
    assert book(tmp_path, [])["Days"][1][0] == "Total"
