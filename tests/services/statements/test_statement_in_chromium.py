"""Statements in a real browser: what is shown, what is printed, and that nothing is asked for or run."""

import json
import random
import re
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from tests.support.budgets import monthly
from tests.support.chromium import chromium, printed
from tests.support.period_tables import row
from tests.support.written_statements import Page, pages, plain

pytestmark = pytest.mark.anyio

MEASURE = """
<script>
addEventListener("load", () => {
  const width = document.documentElement.clientWidth;
  const wide = [...document.querySelectorAll("body *")].filter(e =>
    e.getBoundingClientRect().right > width + 1 && !e.closest(".table"));
  const bars = [...document.querySelectorAll(".chart rect")].map(e => getComputedStyle(e).fill);
  const texts = [...document.querySelectorAll(".chart text")].filter(e =>
    e.getBoundingClientRect().left < e.ownerSVGElement.getBoundingClientRect().left - 1);
  document.body.textContent = JSON.stringify({
    wide: wide.map(e => e.tagName + "." + e.className), bars: [...new Set(bars)], cut: texts.map(e => e.textContent),
  });
});
</script>
"""
"""What a reader's eye would see, measured by the browser; for a copy of the page that may run scripts."""


def month(**fields: Any) -> list[dict[str, Any]]:
    """A full month: 31 days, 9 models, 200 users, names of many scripts and lengths."""
    drawn = random.Random(5)
    models = [f"model-{number}-2025-0{number}-14" for number in range(1, 9)] + ["a-very-long-name-" * 5]
    names = ["Zoë Ångström", "محمد الفارسي", "李小龍", "somebody.with.a.long.name@subsidiary.example.com"]
    names += [f"user{number}@example.com" for number in range(200)]
    rows = []
    for day in range(1, 32):
        for number, model in enumerate(models):
            cost = Decimal(drawn.randrange(10**6, 10**9)).scaleb(-6) / (number + 1)
            cost = cost.quantize(Decimal("0.000001"))
            who = {"user": names[(day * 9 + number) % 204], "subscription_id": ["معرف", "x" * 40, "web"][number % 3]}
            rows.append(row(charge_date=f"2026-03-{day:02}", model=model, cost=cost, exact_cost=cost, **who, **fields))
    return rows


async def saved(folder: Path, rows: list[dict[str, Any]], **given: Any) -> tuple[Path, Page]:
    found = (await pages(folder, rows, **given)).of("product/search")
    file = folder / "statement.html"
    file.write_text(found.source, "utf-8")
    return file, found


async def test_a_statement_prints_on_few_pages_each_with_its_centre_and_number(tmp_path: Path) -> None:
    rows = month()
    charged = sum(each["cost"] for each in rows)
    file, _ = await saved(tmp_path, rows, previous=month()[:90])

    pdf = PdfReader(printed(file))

    texts = [plain(page.extract_text()) for page in pdf.pages]
    assert 3 <= len(texts) <= 6
    for number, text in enumerate(texts, 1):
        assert "product/search" in text
        assert "March 2026, provisional" in text
        assert f"{number} / {len(texts)}" in text
    everything = " ".join(texts).replace("_", "").replace(" ", "")
    assert f"{charged:.6f}" in everything
    assert f"{round(charged, 2)}USD" in everything
    assert "http" not in everything
    width, height = (round(float(side) / 72 * 25.4) for side in pdf.pages[0].mediabox[2:])
    assert (width, height) == (210, 297)


async def test_a_page_asks_for_nothing_and_runs_nothing(tmp_path: Path) -> None:
    file, found = await saved(tmp_path, month())
    log = tmp_path / "net.json"

    dom = chromium("--dump-dom", f"--log-net-log={log}", file.as_uri()).stdout

    assert "script" not in {tag for tag, _ in found.tags}
    assert "model-1-2025-01-14" in dom
    asked = set(re.findall(r'"url":"([^"]+)"', log.read_text("utf-8")))
    assert {url for url in asked if not url.startswith(("file:", "data:"))} <= _browsers_own(asked)


def _browsers_own(asked: set[str]) -> set[str]:
    """What the browser itself asks its maker for, whatever page is shown."""
    return {url for url in asked if re.match(r"https?://([\w-]+\.)*(google|googleapis|gvt1)\.com/", url)}


@pytest.mark.parametrize("width", [1200, 700, 500])
async def test_nothing_is_cut_off_on_screens_of_any_width(tmp_path: Path, width: int) -> None:
    budgets = (monthly("product/search", 100, 100),)
    file, found = await saved(tmp_path, month(), previous=month()[:90], budgets=budgets)

    seen = measured(file, found, width)

    assert seen["wide"] == []
    assert seen["cut"] == []


async def test_charts_are_coloured_by_the_page(tmp_path: Path) -> None:
    correction = {"kind": "correction", "corrects_period": "2026-01", "charge_date": "2026-01-09"}
    shared = {"kind": "shared", "allocated_ratio": Decimal(1), "shared_cost": "ptu", "model": ""}
    negative = row(cost=Decimal(-900), exact_cost=Decimal(-900), **correction)
    file, found = await saved(tmp_path, [*month(), negative, row(**shared)])

    colours = measured(file, found, 1200)["bars"]

    # Five models, others, shared costs and corrections, of which the last shares the colour of the fourth model.
    assert len(colours) == 7
    assert "rgb(0, 0, 0)" not in colours


async def test_a_centre_without_rows_is_one_page(tmp_path: Path) -> None:
    file, _ = await saved(tmp_path, [], previous=[row()])

    pdf = PdfReader(printed(file))

    assert len(pdf.pages) <= 2
    assert "Nothing was charged" in pdf.pages[0].extract_text()


async def test_a_single_day_has_a_chart_of_the_whole_month(tmp_path: Path) -> None:
    file, found = await saved(tmp_path, [row()])

    assert found.charts["days"] == 1
    assert measured(file, found, 1200)["cut"] == []
    assert len(PdfReader(printed(file)).pages) <= 3


def measured(file: Path, found: Page, width: int) -> dict[str, Any]:
    open_page = file.with_name("measured.html")
    source = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", found.source)
    open_page.write_text(source.replace("</head>", f"{MEASURE}</head>"), "utf-8")
    dom = chromium(f"--window-size={width},1000", "--dump-dom", open_page.as_uri()).stdout
    return json.loads(unescape(dom[dom.index("<body>") + 6 : dom.index("</body>")]))
