"""Explore shows what its address asks for: every figure is the API's, and every link and form keeps the question."""

import asyncio
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from hypothesis import given, settings

from chargeback.api.costs.names import NAME_OF
from chargeback.domain.costs.cost_query import CostQuery, Granularity, RowOrder
from chargeback.web.pages.cost_view import CostView
from tests.support.cost_questions import questions
from tests.support.examples import few
from tests.support.shown_pages import Element, figure, sent_by, table_of
from tests.web.pages.exploring import MARCH, form_of, page_at, view_of

pytestmark = pytest.mark.anyio

CROSS = "\N{MULTIPLICATION SIGN}"
SPAN = {"startDate": "2026-03-01", "endDate": "2026-03-31"}
SUMS = {"cost": "Cost", "listCost": "At list price", "contractedCost": "Contracted", "requests": "Requests",
        "inputTokens": "Tokens in", "outputTokens": "Tokens out"}  # fmt: skip


def address_of(query: CostQuery) -> str:
    """The address of a question."""
    pairs: list[tuple[str, str]] = [("startDate", query.first), ("endDate", query.last)]
    for dimension, values in query.filters.items():
        name = NAME_OF[dimension]
        pairs += [(name, value) if value else ("without", name) for value in dict.fromkeys(values)]
    pairs += [("groupBy", NAME_OF[each]) for each in query.group_by]
    pairs += [("granularity", query.granularity)] if query.granularity is not Granularity.NONE else []
    if query.levels and query.granularity is Granularity.NONE:
        pairs.append(("levels", str(query.levels)))
    pairs += [("orderBy", "name")] if query.order is RowOrder.KEY else []
    return f"/explore?{urlencode([(str(name), str(value)) for name, value in pairs])}"


def same_question(one: CostView, other: CostView) -> bool:
    return one.path == other.path and _unordered(one) == _unordered(other)


def _unordered(view: CostView) -> dict[str, Any]:
    asked = view.question()
    asked.setdefault("groupBy", view.group_by)
    return {name: values if name == "groupBy" else sorted(values) for name, values in asked.items() if values}


async def test_any_question_is_answered_with_the_figures_of_the_api_and_its_form_asks_it_again(
    finance: httpx.AsyncClient, finance_api: httpx.AsyncClient
) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=few(25))
    @given(questions())
    def hold(query: CostQuery) -> None:
        asyncio.run_coroutine_threadsafe(_hold(finance, finance_api, address_of(query)), loop).result(60)

    await asyncio.to_thread(hold)


async def _hold(browser: httpx.AsyncClient, api: httpx.AsyncClient, address: str) -> None:
    view = view_of(address)
    page = await page_at(browser, address)

    again = view_of(f"/explore?{urlencode(sent_by(form_of(page)))}")
    assert same_question(again, view)

    asked = await api.get(f"/api/v1{view.path}", params={**view.question(), "maxpagesize": "100"})
    whole = await api.get("/api/v1/costs/summary", params=view.span_and_filters())
    rows, sums = asked.json()["value"], whole.json()["value"]
    if not rows:
        assert not page.all("table")
        return
    head, body, foot = table_of(page)
    assert [_figures(head, each, sums) for each in body] == [_expected(each) for each in rows]
    assert [_figures(head, each, sums, shift=len(head) - len(each)) for each in foot] == [
        _expected(each) for each in sums
    ]
    assert f"{asked.json()['total']:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") in page.all("caption")[0].text


def _figures(head: list[str], cells: list[str], sums: list[Any], shift: int = 0) -> dict[str, Decimal | None]:
    currency = f", {sums[0]['currency']}" if len(sums) == 1 else ""
    places = {name: head.index(words + (currency if name == "cost" else "")) - shift for name, words in SUMS.items()}
    return {name: figure(cells[place]) for name, place in places.items()}


def _expected(row: dict[str, Any]) -> dict[str, Decimal | None]:
    return {name: None if row[name] is None else round(Decimal(row[name]), 6) for name in SUMS}


async def test_rows_of_every_page_sum_to_the_total_and_links_keep_the_filters(finance: httpx.AsyncClient) -> None:
    address = f"{MARCH}&groupBy=user&groupBy=model&maxpagesize=5&application=app-1&application=app-2"
    seen: list[Decimal] = []
    totals = set()
    while address:
        page = await page_at(finance, address)
        head, body, foot = table_of(page)
        seen += [cost for row in body if (cost := figure(row[head.index("Cost, USD")])) is not None]
        totals.add(figure(foot[0][1]))
        following = page.all("a", rel="next")
        address = following[0].attributes["href"] if following else ""
        assert not address or view_of(address).all("application") == ["app-1", "app-2"]

    assert len(seen) > 5
    assert totals == {sum(seen)}


async def test_a_name_leads_to_what_is_behind_it_and_so_on_to_the_events_of_a_charge(
    finance: httpx.AsyncClient,
) -> None:
    first = await page_at(finance, f"{MARCH}&model=gpt-4o-2024-11-20&orderBy=name")
    second = first.link("product/search")
    assert parse_qs(urlsplit(second).query) == {
        "month": ["2026-03"], "model": ["gpt-4o-2024-11-20"], "orderBy": ["name"], "costCentre": ["product/search"],
        "groupBy": ["application"],
    }  # fmt: skip
    third = (await page_at(finance, second)).link("app-1")
    assert view_of(third).all("groupBy") == ["user"]

    why = await page_at(finance, first.link("Explain product/search"))
    charge = next(each for each in why.all("a") if "charge=" in each.attributes["href"])
    events = await page_at(finance, charge.attributes["href"])
    assert "of the ledger, as the record says" in events.words
    assert "Rule search: subscription = search → product/search" in events.words
    assert "2.53 USD per 1\N{NARROW NO-BREAK SPACE}000\N{NARROW NO-BREAK SPACE}000 tokens" in events.words


async def test_cost_centres_are_summed_by_level_and_each_leads_one_level_down(
    finance: httpx.AsyncClient, finance_api: httpx.AsyncClient
) -> None:
    top = await page_at(finance, f"{MARCH}&levels=1&orderBy=name")
    below = await page_at(finance, top.link("product"))
    asked = SPAN | {"groupBy": "costCentre", "levels": "1", "orderBy": "name"}
    rows = (await finance_api.get("/api/v1/costs/breakdown", params=asked)).json()["value"]

    head, body, _ = table_of(top)
    sums = {row[0]: figure(row[head.index("Cost, USD")]) for row in body}
    assert sums == {row["costCentre"]: round(Decimal(row["cost"]), 6) for row in rows}
    assert "Explain" not in " ".join(row[-1] for row in body)
    assert figure(table_of(below)[2][0][1]) == sums["product"]
    assert view_of(below.link("product/search")).one("levels") == "3"
    assert below.link("Explain product") == "/explore/explain?period=2026-03&costCentre=product"


async def test_a_shared_cost_and_a_correction_are_explained_too(finance: httpx.AsyncClient) -> None:
    why = await page_at(finance, "/explore/explain?period=2026-03&costCentre=product/search")

    split = await page_at(finance, why.link("platform"))
    corrected = await page_at(
        finance, next(each for each in _links(why) if "charge=" in each and each in _corrections(why))
    )

    assert "100.010000 USD as a whole, split by usage" in split.words
    assert "with this correction" in corrected.words


def _links(page: Element) -> list[str]:
    return [each.attributes["href"] for each in page.all("a")]


def _corrections(page: Element) -> list[str]:
    (section,) = page.all("section", aria_labelledby="corrections")
    return _links(section)


async def test_a_filter_in_force_has_a_link_that_removes_it_alone(finance: httpx.AsyncClient) -> None:
    page = await page_at(finance, f"{MARCH}&model=mystery&user=ann&user=bob&without=application")

    links = {each.words: each.attributes["href"] for each in page.all("ul", class_="chips")[0].all("a")}

    whole = "/explore?month=2026-03&model=mystery"
    assert links[f"{CROSS}Remove the filter: user ann"] == f"{whole}&user=bob&without=application"
    assert links[f"{CROSS}Remove the filter: application none"] == f"{whole}&user=ann&user=bob"
    assert len(links) == 4


@pytest.mark.parametrize(("name", "kind"), [("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet")])
@pytest.mark.parametrize("query", ["month=2026-03", "month=2026-03&granularity=day&groupBy=user&without=application"])
async def test_a_file_has_the_bytes_of_the_api_whatever_page_is_looked_at(
    finance: httpx.AsyncClient, finance_api: httpx.AsyncClient, name: str, kind: str, query: str
) -> None:
    page = await page_at(finance, f"/explore?{query}&maxpagesize=2")
    view = view_of(f"/explore?{query}")

    file = await finance.get(page.link({"csv": "CSV", "parquet": "Parquet"}[name]))
    answer = await finance_api.get(f"/api/v1{view.path}", params=view.question(), headers={"Accept": kind})

    assert file.content == answer.content
    assert file.headers["content-type"] == answer.headers["content-type"]
    assert file.headers["content-disposition"] == f'attachment; filename="costs 2026-03-01 to 2026-03-31.{name}"'


async def test_the_same_question_for_programs_has_no_token_and_gives_the_same_rows(
    finance: httpx.AsyncClient, finance_api: httpx.AsyncClient
) -> None:
    page = await page_at(finance, f"{MARCH}&groupBy=user&user=Zo%C3%AB%2C+of+%22sales%22&user=%24(rm)&user=a%27b%60c")

    (command,) = [each.text for each in page.all("code") if each.text.startswith("curl")]
    address = command.split('"')[3]
    rows = (await finance_api.get(address)).json()["value"]

    assert '"Authorization: Bearer $TOKEN"' in command
    assert "finance" not in command
    assert not set("$`'\\ ") & set(address)
    assert [row["user"] for row in rows] == [row[0] for row in table_of(page)[1]]


async def test_a_whole_month_is_compared_with_the_whole_month_before(
    finance: httpx.AsyncClient, finance_api: httpx.AsyncClient
) -> None:
    page = await page_at(finance, f"{MARCH}&groupBy=application&compare=before")
    asked = {**SPAN, "compareStartDate": "2026-02-01", "compareEndDate": "2026-02-28", "groupBy": "application"}
    movers = (await finance_api.get("/api/v1/costs/comparison", params=asked)).json()["value"]

    head, body, _ = table_of(page, 1)

    assert "beside 1 Feb 2026 to 28 Feb 2026" in page.words
    assert [figure(row[head.index("Change")]) for row in body] == [round(Decimal(each["change"]), 6) for each in movers]


@pytest.mark.parametrize(("span", "before"), [
    ("startDate=2026-03-01&endDate=2026-03-31", "1 Feb 2026 to 28 Feb 2026"),
    ("startDate=2026-03-01&endDate=2026-03-30", "1 Feb 2026 to 28 Feb 2026"),
    ("startDate=2026-04-01&endDate=2026-04-20", "1 Mar 2026 to 20 Mar 2026"),
    ("startDate=2026-03-11&endDate=2026-03-20", "1 Mar 2026 to 10 Mar 2026"),
])  # fmt: skip
async def test_the_time_before_is_what_people_mean_by_it(finance: httpx.AsyncClient, span: str, before: str) -> None:
    page = await page_at(finance, f"/explore?{span}&compare=before")

    assert f"beside {before}" in page.words
