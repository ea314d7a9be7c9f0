"""The workbook, read with a library that did not write it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook

from chargeback.services.workbook import write_workbook as module
from chargeback.services.workbook.write_workbook import write_workbook
from tests.support.budgets import monthly
from tests.support.period_tables import period_tables, row
from tests.support.rows_of_every_kind import correction, costs, every_kind, shared, written

NAME = "chargeback-2026-03.xlsx"
TABS = ["Summary", "Models", "Days", "Applications", "Shared costs", "Corrections", "Prices used", "Open items"]

Book = dict[str, list[list[Any]]]


def book(folder: Path, rows: Sequence[Mapping[str, Any]], **fields: Any) -> Book:
    content = written(write_workbook, replace(period_tables(folder, rows), **fields))[NAME]
    read = CalamineWorkbook.from_filelike(BytesIO(content))
    return {name: read.get_sheet_by_name(name).to_python() for name in read.sheet_names}


def table(lines: list[list[Any]], key: str) -> dict[Any, dict[str, Any]]:
    header, *rest = lines
    return {line[header.index(key)]: dict(zip(header, line, strict=True)) for line in rest}


def test_every_sheet_is_there(tmp_path: Path) -> None:
    assert list(book(tmp_path, every_kind())) == [*TABS, "Charges", "Read me"]


def test_the_totals_of_the_sheets_are_those_of_the_rows(tmp_path: Path) -> None:
    """Usage 2.50 + 0.0025 + 1.25 + 2 = 5.7525, shared 1000, correction -0.25: together 1005.5025."""
    sheets = book(tmp_path, every_kind())

    assert table(sheets["Summary"], "Cost centre")["Total"]["Cost (USD)"] == 1005.5025
    assert {name: sheets[name][-1][sheets[name][0].index("Cost (USD)")] for name in (*TABS[1:7], "Charges")} == {
        "Models": 5.7525,
        "Days": 1005.5025,
        "Applications": 5.7525,
        "Shared costs": 1000.0,
        "Corrections": -0.25,
        "Prices used": 1005.5025,
        "Charges": 1005.5025,
    }


def test_the_summary_follows_the_tree_with_what_is_below(tmp_path: Path) -> None:
    """product/search: 2.50 + 0.0025 + 1.25 + 250 - 0.25 = 253.5025; product itself: 750."""
    budget = monthly("product", 2007, 80)

    summary = book(tmp_path, every_kind(), budgets=(budget,))["Summary"]

    assert [line[:5] for line in summary[1:]] == [
        ["product", "Product", 1.0, 750.0, 1003.5025],
        ["product/search", "Search", 2.0, 253.5025, 253.5025],
        ["unallocated", "", 1.0, 2.0, 2.0],
        ["Total", "", "", 1005.5025, ""],
    ]
    product, search = (table(summary, "Cost centre")[path] for path in ("product", "product/search"))
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
    content = written(write_workbook, period_tables(tmp_path, [row(deployment="=1+1", subscription_id="@cmd()")]))[NAME]

    sheets = CalamineWorkbook.from_filelike(BytesIO(content))
    charges = table(sheets.get_sheet_by_name("Charges").to_python(), "Deployment")
    assert charges["=1+1"]["Subscription"] == "@cmd()"
    with ZipFile(BytesIO(content)) as parts:
        pages = [parts.read(name) for name in parts.namelist() if name.startswith("xl/worksheets/")]
    assert len(pages) == 10
    assert not [page for page in pages if b"<f>" in page or b"<f " in page]


def test_what_has_no_cost_is_an_open_item_and_its_cell_is_empty(tmp_path: Path) -> None:
    unsettled = row(state="unsettled", meter="requests", unit="requests", price_id="", requests=1, **costs(None))

    sheets = book(tmp_path, [unsettled, row(state="unpriced", **costs(None))])

    assert [line[0] for line in sheets["Open items"][1:]] == ["unpriced", "unsettled"]
    assert [line[14] for line in sheets["Charges"][1:-1]] == ["", ""]


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


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    period = period_tables(tmp_path, every_kind())

    assert written(write_workbook, period) == written(write_workbook, period)


def test_an_empty_period_is_a_workbook_too(tmp_path: Path) -> None:
    assert book(tmp_path, [])["Days"][1][0] == "Total"
