"""The workbook as it comes out of a printer: LibreOffice prints it into a PDF, whose pages are counted and read."""

import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pypdf import PdfReader

from chargeback.domain.reports.standing import InvoiceCheck, PeriodStanding
from chargeback.services.publishing.period_tables import PeriodTables
from tests.support.budgets import monthly
from tests.support.period_tables import framed, local_slices, period_tables, row
from tests.support.rows_of_every_kind import correction, costs, every_kind
from tests.support.workbooks import workbook_of

SOFFICE = shutil.which("soffice")

pytestmark = pytest.mark.skipif(SOFFICE is None, reason="LibreOffice Calc is not installed (libreoffice-calc)")

NAMES = {"product": "Product", "product/search": "Search", "research": "Research", "corporate/legal": "Legal"}
HOSTILE = ["=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "<b>x</b>&amp;&P", "\u202eevil", "A" * 300, "名前が長い" * 40]


def busy() -> list[dict[str, Any]]:
    rng = random.Random(21)
    used = [
        row(
            cost_centre=rng.choice([*NAMES, "unallocated"]),
            charge_date=f"2026-03-{rng.randrange(1, 32):02}",
            model=rng.choice(["gpt-5.5-2026-04-24", "o4-mini-2025-04-16"]),
            meter=rng.choice(["input_tokens", "output_tokens"]),
            quantity=Decimal(rng.randrange(1_000, 9_000_000)),
            requests=rng.randrange(1, 50),
            subscription_id=rng.choice(["search", "legal", "bot"]),
            **costs(f"{rng.randrange(10**8)}e-6"),
        )
        for _ in range(200)
    ]
    return [*used, *every_kind()]


def many(folder: Path) -> PeriodTables:
    """Six hundred teams in forty units; the rows are made of one by SQL, because that is quick."""
    tables = period_tables(folder, [row(), row()], centres={})
    made = folder / "many.parquet"
    team = "'company/unit-' || printf('%02d', n % 40) || '/team-' || printf('%04d', n)"
    with duckdb.connect() as engine:
        engine.execute(
            f"COPY (SELECT * REPLACE (printf('%032x', n) AS charge_id, {team} AS cost_centre)"
            f" FROM '{folder}/rows-0.parquet', range(600) AS numbers(n)) TO '{made}' (FORMAT parquet)"
        )
    return replace(tables, rows=local_slices(made))


CASES: dict[str, Callable[[Path], PeriodTables]] = {
    "open": lambda folder: period_tables(folder, busy(), previous=[row(**costs("900"))], centres=NAMES),
    "closed": lambda folder: framed(
        period_tables(folder, [row()], centres=NAMES, is_closed=True),
        standing=PeriodStanding(InvoiceCheck.AGREES, "Ann"),
    ),
    "one": lambda folder: period_tables(folder, [row()]),
    "many": many,
    "hostile": lambda folder: period_tables(
        folder, [row(cost_centre=f"c/{n.replace('/', '')}", subscription_id=n, model=n) for n in HOSTILE], centres={}
    ),
    "currencies": lambda folder: period_tables(folder, [*busy(), correction("-12.5", currency="EUR")]),
    "unspent": lambda folder: period_tables(folder, [], budgets=(monthly("product", 5000, 80),)),
}
PAGES = {"open": 12, "closed": 11, "one": 11, "hostile": 11, "currencies": 13, "unspent": 11}
"""The sheets, with a page each, and what does not fit on one."""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The text of each page of each case; one start of the program prints all of them."""
    folder = tmp_path_factory.mktemp("printed")
    for name, made in CASES.items():
        rows = folder / name
        rows.mkdir()
        (folder / f"{name}.xlsx").write_bytes(workbook_of(made(rows)))
    profile = f"-env:UserInstallation=file://{folder}/profile"
    command = [str(SOFFICE), profile, "--headless", "--convert-to", "pdf", "--outdir", str(folder)]
    subprocess.run([*command, *map(str, sorted(folder.glob("*.xlsx")))], check=True, capture_output=True, timeout=120)
    return {name: [page.extract_text() for page in PdfReader(folder / f"{name}.pdf").pages] for name in CASES}


@pytest.mark.parametrize("name", PAGES)
def test_each_sheet_takes_few_pages(printed: dict[str, list[str]], name: str) -> None:
    assert len(printed[name]) == PAGES[name]


@pytest.mark.parametrize("name", CASES)
def test_the_first_page_is_the_month_at_a_glance(printed: dict[str, list[str]], name: str) -> None:
    first, second, *_ = printed[name]

    assert "Azure OpenAI charges, March 2026" in first
    assert "What is not final" in first
    assert "The whole month" in first
    assert "Cost centres" in second
    assert f"1 / {len(printed[name])}" in first


@pytest.mark.parametrize("name", CASES)
def test_no_number_is_too_wide_and_no_formula_fails(printed: dict[str, list[str]], name: str) -> None:
    said = "\n".join(printed[name])

    assert "###" not in said
    assert "Err:" not in said
    assert "#NAME" not in said


def test_each_page_of_a_long_sheet_has_its_header(printed: dict[str, list[str]]) -> None:
    charges = [page for page in printed["many"] if "Billed price" in page]

    assert len(charges) > 5
    assert all("Cost (USD)" in page and "Quantity" in page for page in charges)


def test_every_line_of_many_cost_centres_is_printed_whole(printed: dict[str, list[str]]) -> None:
    """Each page has some sixty lines as wide as the paper, so that nothing is in strips."""
    said = "\n".join(printed["many"])

    assert all(f"team-{number:04}" in said for number in range(0, 600, 29))
    assert len(printed["many"]) < 60
