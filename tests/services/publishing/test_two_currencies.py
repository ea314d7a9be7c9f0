"""The books went from USD to EUR: what corrects a month in USD is never added to what is charged in EUR.

100 EUR of usage and a correction of 1 000 USD are two totals, in every file.
"""

from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.services.explaining.render_explanation import text_of
from chargeback.services.focus.write_focus import write_focus
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.workbook.write_workbook import write_workbook
from tests.support import written_statements as statements
from tests.support.catalogues import catalogue
from tests.support.period_tables import PERIOD, framed, period_tables, row, write_rows
from tests.support.product_in_memory import in_memory
from tests.support.published_product import SEARCH, PublishedProduct
from tests.support.rows_of_every_kind import correction, costs, csv_rows, written

pytestmark = pytest.mark.anyio

CALENDAR = Calendar((BooksSetting("2026-01", "UTC", "USD"), BooksSetting(PERIOD, "UTC", "EUR")))


ROWS = [
    row(currency="EUR", pricing_currency="EUR", **costs("100"), quantity=Decimal(40_000_000)),
    correction("1000"),
]


@pytest.fixture
def month(tmp_path: Path) -> PeriodTables:
    return framed(period_tables(tmp_path, ROWS), currency="EUR")


def test_focus_bills_each_row_in_its_currency_on_an_invoice_of_its_own(month: PeriodTables) -> None:
    told = csv_rows(written(write_focus, framed(month, is_closed=True))["focus-1.3-2026-03.csv"])

    assert [(each["BillingCurrency"], each["BilledCost"], each["InvoiceId"]) for each in told] == [
        ("USD", "1000.0", "chargeback-2026-03-USD"),
        ("EUR", "100.0", "chargeback-2026-03"),
    ]


def test_the_workbook_adds_up_the_currency_of_the_books_and_shows_the_other_one_apart(month: PeriodTables) -> None:
    read = CalamineWorkbook.from_filelike(BytesIO(written(write_workbook, month)["chargeback-2026-03.xlsx"]))
    sheets = {name: read.get_sheet_by_name(name).to_python() for name in read.sheet_names}

    for name in ("Cost centres", "Days", "Charges", "Prices used"):
        assert sheets[name][-1][sheets[name][0].index("Cost (EUR)")] == 100, name
    assert [line[:3] + line[-1:] for line in sheets["Other currencies"][2:]] == [
        ["USD", "2026-02", "product/search", 1000.0],
        ["USD", "Total", "", 1000.0],
    ]


async def test_the_statement_says_both_amounts(month: PeriodTables) -> None:
    _, files = await statements.written(month)
    pages = statements.Pages({path: statements.Page(text.decode()) for path, text in files.items() if "html" in path})
    page = pages.of(SEARCH)

    assert "Charged to this cost centre 100.00 EUR" in page.text
    assert "and 1_000.00 USD: corrections of months that were kept in USD" in page.text
    assert page.row("model", "Charged")[2] == "100.000000"
    assert page.row("days", "All")[-1] == "100.000000"
    whole = "All 1 of February 2026: counted again: less was used"
    assert page.row("corrections", whole)[-1] == "+1_000.000000 USD"
    sums: dict[str, Decimal] = {}
    for each in statements.csv_rows(files, SEARCH):
        sums[each["currency"]] = sums.get(each["currency"], Decimal(0)) + Decimal(each["cost"])
    assert sums == {"EUR": 100, "USD": 1000}


async def test_explain_says_both_amounts(tmp_path: Path) -> None:
    published_product = PublishedProduct(in_memory(catalogue(calendar=CALENDAR)))
    published_product.reports.files[f"{PERIOD}/charges-{PERIOD}.parquet"] = write_rows(
        tmp_path / "charges.parquet", ROWS
    ).read_bytes()

    found = await published_product.explain()

    assert (found["cost"], found["currency"], found["otherCurrencies"]) == ("100", "EUR", {"USD": "1000"})
    assert found["kinds"] == {"usage": {"cost": "100", "rows": 1}}
    text = text_of(await published_product.explanation())
    assert "  100 EUR and 1000 USD\n" in text
    assert "correction of 2026-02 (2026-02-11): 1000 USD" in text
