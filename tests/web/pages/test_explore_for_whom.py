"""Explore for whoever looks: names of any kind, an empty product, what each may see, and one record of the look."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from chargeback.services.audit_log.entries import entries_since
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import EVERYBODY, NOBODY, OPERATOR, OWNER, costs_api
from tests.support.evidenced_months import call, evidenced
from tests.support.pages import browser_of, with_sessions
from tests.support.shown_pages import table_of
from tests.web.conftest import World
from tests.web.pages.exploring import MARCH, page_at, view_of

pytestmark = pytest.mark.anyio

HOSTILE = [
    'x&costCentre=secret"><script>alert(1)</script>',
    "a=b/c+d%2F?e#f",
    "{{ 7*7 }}",
    "\N{RIGHT-TO-LEFT OVERRIDE}evil",
    "數據 Ünïcode 🦄",
    "n" * 200,
]


async def test_to_look_is_recorded_once(three_months_seen: Any, finance: httpx.AsyncClient) -> None:
    async def reads() -> list[str]:
        entries = [
            each async for each in entries_since(three_months_seen.audit_entries, datetime(2020, 1, 1, tzinfo=UTC))
        ]
        return [read.act for each in entries for read in each.reads]

    before = await reads()
    await page_at(finance, f"{MARCH}&groupBy=model")

    assert (await reads())[: -len(before) or None] == ["getCostBreakdown"]


async def test_names_are_shown_as_text_and_lead_to_their_rows_whatever_they_are(tmp_path: Path) -> None:
    now = datetime(2026, 3, 20, 6, tzinfo=UTC)
    product = evidenced(tmp_path)
    calls = [
        call("search", f"2026-03-{10 + place}T10:00:00Z", username=name, id=f"call-{place}")
        for place, name in enumerate(HOSTILE)
    ]
    await product.ingest(calls, now)
    await product.auditor.audit(now)
    viewed = ViewedProduct(product)
    await viewed.refresh(now)
    container = with_sessions(costs_api(viewed).state.container, *EVERYBODY)
    async with browser_of(container, "finance") as browser:
        page = await page_at(browser, f"{MARCH}&groupBy=user")
        names = [row[0] for row in table_of(page)[1]]
        assert len(names) >= len(HOSTILE)
        assert not page.all("script", src="")
        for cell in (row for row in page.all("tbody")[0].all("th")):
            name = cell.text.strip()
            (link,) = cell.all("a")
            if name != "none":
                behind = await page_at(browser, link.attributes["href"])
                assert view_of(link.attributes["href"]).all("user") == [name]
                assert name in [each.text for each in behind.all("bdi")]
                assert table_of(behind)[1]
                assert (await browser.get(behind.link("CSV"))).status_code == 200


async def test_an_empty_product_says_so(tmp_path: Path) -> None:
    viewed = ViewedProduct(evidenced(tmp_path))
    await viewed.refresh(datetime(2026, 3, 20, 6, tzinfo=UTC))
    container = with_sessions(costs_api(viewed).state.container, *EVERYBODY)
    async with browser_of(container, "finance") as browser:
        for address in (f"{MARCH}&kind=usage", f"{MARCH}&kind=usage&granularity=day&groupBy=model&compare=before"):
            page = await page_at(browser, address)
            assert "Nothing was charged in this span" in page.words


@pytest.mark.parametrize("who", [NOBODY, OPERATOR], ids=lambda who: who.name)
@pytest.mark.parametrize(
    "path", ["", "/values?dimension=user", "/explain?period=2026-03&costCentre=product", "/costs.csv"]
)
async def test_who_may_see_no_costs_finds_no_such_page(three_months_seen: Any, who: Any, path: str) -> None:
    async with browser_of(three_months_seen, who.name) as browser:
        answer = await browser.get(f"/explore{path}")

    assert answer.status_code == 404
    assert "no such page" in answer.text


async def test_an_owner_sees_the_own_rows_alone_and_learns_nothing_of_others(three_months_seen: Any) -> None:
    async with browser_of(three_months_seen, OWNER.name) as browser:
        page = await page_at(browser, MARCH)
        others = await page_at(browser, f"{MARCH}&costCentre=research")
        refused = await page_at(browser, "/explore/explain?period=2026-03&costCentre=research", 404)

    assert {row[0] for row in table_of(page)[1]} == {"product", "product/search", "product/searching"}
    assert "Nothing was charged in this span" in others.words
    assert "There is nothing to explain" in refused.words


@pytest.mark.parametrize(("who", "whose"), [("user", "pays for your calls"), ("owner", "pays itself")])
async def test_an_explanation_says_whether_it_is_of_all_that_a_cost_centre_pays_or_of_the_own_calls(
    world: World, who: str, whose: str
) -> None:
    built = await world("ordinary")
    async with browser_of(built.container, who) as browser:
        page = await page_at(browser, "/explore/explain?period=2026-03&costCentre=product/search")

    assert [each.words for each in page.all("h2", id="sum")] == [f"All that product/search {whose}"]
    assert ("Why product/search pays this for your calls" in page.words) is (who == "user")


async def test_whoever_is_not_signed_in_comes_back_to_the_view(three_months_seen: Any) -> None:
    async with browser_of(three_months_seen) as browser:
        answer = await browser.get(f"{MARCH}&user=a%26b")

    assert answer.headers["location"] == f"/sign-in?back={quote(f'{MARCH}&user=a%26b', safe='')}"
