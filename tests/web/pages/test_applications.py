"""The list of applications and the page of one: every figure is the API's, and each name leads to its rows."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.support.costs_api import NOBODY, OPERATOR, OWNER
from tests.support.page_worlds import PageWorld
from tests.support.pages import browser_of
from tests.support.people import as_person
from tests.support.shown_pages import Element, figure, shown, table_of

pytestmark = pytest.mark.anyio

MARCH = "/applications?month=2026-03"
World = Callable[[str], Awaitable[PageWorld]]


async def page_at(container: Any, address: str, who: str = "finance") -> Element:
    async with browser_of(container, who) as browser:
        answer = await browser.get(address)
    assert answer.status_code == 200, answer.text[-2000:]
    return shown(answer.text)


async def api_rows(container: Any, path: str, **asked: Any) -> list[dict[str, Any]]:
    transport = browser_of(container)._transport
    async with httpx.AsyncClient(transport=transport, base_url="https://page.test/api/v1") as client:
        answer = await client.get(path, params=asked, headers=as_person("finance"))
    rows: list[dict[str, Any]] = answer.json()["value"]
    return rows


async def costs_of(container: Any, month: str, last: str) -> dict[str, dict[str, Any]]:
    rows = await api_rows(container, "/applications", startDate=f"{month}-01", endDate=f"{month}-{last}")
    return {row["application"]: row for row in rows if row["application"]}


def costs_in(page: Element) -> dict[str, tuple[Decimal | None, Decimal | None, Decimal | None]]:
    """Name → the cost of the month and of the one before, and the calls of the month."""
    head, _, _ = table_of(page)
    assert head[1:4] == ["Mar 2026", "Feb 2026", "Calls"]
    found = {}
    for row in page.all("tbody")[0].all("tr"):
        name = row.all("th")[0].all("bdi")[0].text
        now, before, calls = (cell.words.removesuffix(" USD") for cell in row.all("td")[:3])
        found[name] = (figure(now), figure(before), figure(calls))
    return found


async def test_each_application_has_the_figures_of_the_api_for_both_months(three_months_seen: Any) -> None:
    page = await page_at(three_months_seen, MARCH)
    now, before = await costs_of(three_months_seen, "2026-03", "31"), await costs_of(three_months_seen, "2026-02", "28")

    found = costs_in(page)

    assert {*found} == {*now, *before}
    for name, (this_month, last_month, calls) in found.items():
        for shown_cost, of in ((this_month, now), (last_month, before)):
            cost = of[name]["cost"] if name in of else None
            assert shown_cost == (None if cost is None else round(Decimal(cost), 2))
        assert calls == (now[name]["requests"] if name in now else 0)


async def test_what_costs_most_comes_first_unless_names_do(three_months_seen: Any) -> None:
    by_cost = costs_in(await page_at(three_months_seen, MARCH))
    by_name = costs_in(await page_at(three_months_seen, f"{MARCH}&orderBy=name"))

    sums = [sum(each or 0 for each in costs[:2]) for costs in by_cost.values()]
    assert sums == sorted(sums, reverse=True)
    assert [*by_name] == sorted(by_cost)


async def test_names_are_found_by_what_they_begin_with(three_months_seen: Any) -> None:
    found = await page_at(three_months_seen, f"{MARCH}&startsWith=app-")
    nothing = await page_at(three_months_seen, f"{MARCH}&startsWith=%22%3E%3Cscript")

    assert {*costs_in(found)} == {"app-1", "app-2", "app-3"}
    assert 'whose name begins with "><script' in nothing.words
    assert not nothing.all("table")


async def test_a_name_leads_to_its_own_page_with_the_sum_of_the_api_and_on_to_its_rows(three_months_seen: Any) -> None:
    page = await page_at(three_months_seen, MARCH)
    one = await page_at(three_months_seen, page.link("app-1"))
    (whole,) = await api_rows(
        three_months_seen, "/costs/summary", startDate="2026-03-01", endDate="2026-03-31", application="app-1"
    )

    assert figure(one.all("dd", class_="big")[0].words.removesuffix(" USD")) == round(Decimal(whole["cost"]), 2)
    assert parse_qs(urlsplit(one.link("mystery")).query) == {
        "month": ["2026-03"], "application": ["app-1"], "model": ["mystery"], "groupBy": ["user"],
    }  # fmt: skip
    for table in one.all("table", class_="by-name"):
        (foot,) = [row.all("th", "td") for row in table.all("tfoot")[0].all("tr")]
        assert figure(foot[2].words) == round(Decimal(whole["cost"]), 6)
        costs = [
            figure(row.all("td")[1].words.replace("not known yet", "\N{EN DASH}"))
            for row in table.all("tbody")[0].all("tr")
        ]
        assert sum(each or 0 for each in costs) == figure(foot[2].words)
    unpriced = next(each for each in one.all("a") if "without a price" in each.words)
    assert parse_qs(urlsplit(unpriced.attributes["href"]).query)["usageState"] == ["unpriced"]


async def test_limits_owners_and_budgets_stand_where_they_are_known(world: World) -> None:
    container = (await world("ordinary")).container

    page = await page_at(container, "/applications/one?application=support&month=2026-03")
    launch = await page_at(container, "/applications/one?application=search&month=2026-03")

    assert "1\N{NARROW NO-BREAK SPACE}000\N{NARROW NO-BREAK SPACE}000 tokens" in page.words
    assert "product/support: group 5a9e1c52-7f3b-4d0a-9a53-0d8a2a6e6a10" in page.words
    assert "no owner named" in launch.words
    assert launch.link("product/search/launch") == "/budgets/product%3Asearch%3Alaunch"


async def test_hostile_names_are_text_and_lead_to_their_pages(world: World) -> None:
    container = (await world("hostile")).container
    page = await page_at(container, MARCH)

    for name in costs_in(page) if page.all("table") else ():
        cell = next(each for each in page.all("th") if name in [bdi.text for bdi in each.all("bdi")])
        one = await page_at(container, cell.all("a")[0].attributes["href"])
        assert one.all("h1")[0].text == name
        assert one.all("a", class_="button quiet")


@pytest.mark.parametrize("name", ["empty", "one row"])
async def test_few_applications_or_none_are_shown_as_they_are(world: World, name: str) -> None:
    container = (await world(name)).container
    page = await page_at(container, MARCH)

    if name == "empty":
        assert "No application used anything" in page.words
    else:
        assert len(costs_in(page)) == 1
    one = await page_at(container, "/applications/one?application=never-heard-of&month=2026-03")
    assert "It used nothing in March 2026 that you may see." in one.words


@pytest.mark.parametrize("who", [NOBODY, OPERATOR], ids=lambda who: who.name)
async def test_who_may_see_no_costs_finds_no_applications(three_months_seen: Any, who: Any) -> None:
    async with browser_of(three_months_seen, who.name) as browser:
        answers = [await browser.get(each) for each in (MARCH, "/applications/one?application=app-1")]

    assert [each.status_code for each in answers] == [404, 404]


async def test_an_owner_sees_what_applications_cost_the_own_cost_centres_alone(three_months_seen: Any) -> None:
    whole = costs_in(await page_at(three_months_seen, MARCH))
    own = costs_in(await page_at(three_months_seen, MARCH, OWNER.name))
    one = await page_at(three_months_seen, "/applications/one?application=app-1&month=2026-03", OWNER.name)

    assert (own["app-1"][0] or 0) < (whole["app-1"][0] or 0)
    assert "research" not in {*own}
    assert "research" not in one.words


async def test_pages_of_applications_follow_the_cursor_of_the_api(
    three_months_seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chargeback.web.pages.applications._ROWS", 3)
    seen: list[str] = []
    address = MARCH
    while address:
        page = await page_at(three_months_seen, address)
        seen += costs_in(page) if page.all("table") else ()
        following = page.all("nav", aria_label="Pages of the applications")[0].all("a", rel="next")
        address = following[0].attributes["href"] if following else ""

    assert len(seen) == len({*seen})
    assert {*seen} == {*costs_in(await _whole(three_months_seen, monkeypatch))}


async def _whole(container: Any, monkeypatch: pytest.MonkeyPatch) -> Element:
    monkeypatch.undo()
    return await page_at(container, MARCH)
