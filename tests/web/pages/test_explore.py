"""Explore shows what its address asks for: every figure is the API's, and every link and form keeps the question."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import httpx
import pytest
from hypothesis import given, settings

from chargeback.api.costs.names import NAME_OF, DimensionName
from chargeback.domain.costs.cost_query import CostQuery, Granularity, RowOrder
from chargeback.services.audit_log.entries import entries_since
from chargeback.web.pages.cost_view import CostView
from tests.support.cost_questions import questions
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import EVERYBODY, NOBODY, OPERATOR, OWNER, costs_api
from tests.support.evidenced_months import call, evidenced
from tests.support.examples import few
from tests.support.pages import browser_of, with_sessions
from tests.support.people import as_person
from tests.support.shown_pages import Element, figure, sent_by, shown, table_of
from tests.web.conftest import World

pytestmark = pytest.mark.anyio

CROSS = "\N{MULTIPLICATION SIGN}"
MARCH = "/explore?month=2026-03"
SPAN = {"startDate": "2026-03-01", "endDate": "2026-03-31"}
SUMS = {"cost": "Cost", "listCost": "At list price", "contractedCost": "Contracted", "requests": "Requests",
        "inputTokens": "Tokens in", "outputTokens": "Tokens out"}  # fmt: skip


@pytest.fixture
async def browser(three_months_seen: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with browser_of(three_months_seen, "finance") as made:
        yield made


@pytest.fixture
async def api(three_months_seen: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=browser_of(three_months_seen)._transport,
        base_url="https://page.test",
        headers=as_person("finance"),
    ) as made:
        yield made


async def page_at(browser: httpx.AsyncClient, address: str, status: int = 200) -> Element:
    answer = await browser.get(address, follow_redirects=True)
    assert answer.status_code == status, answer.text[-2000:]
    return shown(answer.text)


def form_of(page: Element) -> Element:
    (form,) = page.all("form", action="/explore")
    return form


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


def view_of(address: str) -> CostView:
    return CostView.of(parse_qsl(urlsplit(address).query, keep_blank_values=True))


def same_question(one: CostView, other: CostView) -> bool:
    return one.path == other.path and _unordered(one) == _unordered(other)


def _unordered(view: CostView) -> dict[str, Any]:
    asked = view.question()
    asked.setdefault("groupBy", view.group_by)
    return {name: values if name == "groupBy" else sorted(values) for name, values in asked.items() if values}


async def test_to_look_is_recorded_once(three_months_seen: Any, browser: httpx.AsyncClient) -> None:
    async def reads() -> list[str]:
        entries = [
            each async for each in entries_since(three_months_seen.audit_entries, datetime(2020, 1, 1, tzinfo=UTC))
        ]
        return [read.act for each in entries for read in each.reads]

    before = await reads()
    await page_at(browser, f"{MARCH}&groupBy=model")

    assert (await reads())[: -len(before) or None] == ["getCostBreakdown"]


async def test_any_question_is_answered_with_the_figures_of_the_api_and_its_form_asks_it_again(
    browser: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=few(25), deadline=None)
    @given(questions())
    def hold(query: CostQuery) -> None:
        asyncio.run_coroutine_threadsafe(_hold(browser, api, address_of(query)), loop).result(60)

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


async def test_rows_of_every_page_sum_to_the_total_and_links_keep_the_filters(browser: httpx.AsyncClient) -> None:
    address = f"{MARCH}&groupBy=user&groupBy=model&maxpagesize=5&application=app-1&application=app-2"
    seen: list[Decimal] = []
    totals = set()
    while address:
        page = await page_at(browser, address)
        head, body, foot = table_of(page)
        seen += [cost for row in body if (cost := figure(row[head.index("Cost, USD")])) is not None]
        totals.add(figure(foot[0][1]))
        following = page.all("a", rel="next")
        address = following[0].attributes["href"] if following else ""
        assert not address or view_of(address).all("application") == ["app-1", "app-2"]

    assert len(seen) > 5
    assert totals == {sum(seen)}


async def test_a_name_leads_to_what_is_behind_it_and_so_on_to_the_events_of_a_charge(
    browser: httpx.AsyncClient,
) -> None:
    first = await page_at(browser, f"{MARCH}&model=gpt-4o-2024-11-20&orderBy=name")
    second = first.link("product/search")
    assert parse_qs(urlsplit(second).query) == {
        "month": ["2026-03"], "model": ["gpt-4o-2024-11-20"], "orderBy": ["name"], "costCentre": ["product/search"],
        "groupBy": ["application"],
    }  # fmt: skip
    third = (await page_at(browser, second)).link("app-1")
    assert view_of(third).all("groupBy") == ["user"]

    why = await page_at(browser, first.link("Explain product/search"))
    charge = next(each for each in why.all("a") if "charge=" in each.attributes["href"])
    events = await page_at(browser, charge.attributes["href"])
    assert "of the ledger, as the record says" in events.words
    assert "Rule search: subscription = search → product/search" in events.words
    assert "2.53 USD per 1\N{NARROW NO-BREAK SPACE}000\N{NARROW NO-BREAK SPACE}000 tokens" in events.words


async def test_cost_centres_are_summed_by_level_and_each_leads_one_level_down(
    browser: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    top = await page_at(browser, f"{MARCH}&levels=1&orderBy=name")
    below = await page_at(browser, top.link("product"))
    asked = SPAN | {"groupBy": "costCentre", "levels": "1", "orderBy": "name"}
    rows = (await api.get("/api/v1/costs/breakdown", params=asked)).json()["value"]

    head, body, _ = table_of(top)
    sums = {row[0]: figure(row[head.index("Cost, USD")]) for row in body}
    assert sums == {row["costCentre"]: round(Decimal(row["cost"]), 6) for row in rows}
    assert "Explain" not in " ".join(row[-1] for row in body)
    assert figure(table_of(below)[2][0][1]) == sums["product"]
    assert view_of(below.link("product/search")).one("levels") == "3"
    assert below.link("Explain product") == "/explore/explain?period=2026-03&costCentre=product"


async def test_a_shared_cost_and_a_correction_are_explained_too(browser: httpx.AsyncClient) -> None:
    why = await page_at(browser, "/explore/explain?period=2026-03&costCentre=product/search")

    split = await page_at(browser, why.link("platform"))
    corrected = await page_at(
        browser, next(each for each in _links(why) if "charge=" in each and each in _corrections(why))
    )

    assert "100.010000 USD as a whole, split by usage" in split.words
    assert "with this correction" in corrected.words


def _links(page: Element) -> list[str]:
    return [each.attributes["href"] for each in page.all("a")]


def _corrections(page: Element) -> list[str]:
    (section,) = page.all("section", aria_labelledby="corrections")
    return _links(section)


async def test_a_filter_in_force_has_a_link_that_removes_it_alone(browser: httpx.AsyncClient) -> None:
    page = await page_at(browser, f"{MARCH}&model=mystery&user=ann&user=bob&without=application")

    links = {each.words: each.attributes["href"] for each in page.all("ul", class_="chips")[0].all("a")}

    whole = "/explore?month=2026-03&model=mystery"
    assert links[f"{CROSS}Remove the filter: user ann"] == f"{whole}&user=bob&without=application"
    assert links[f"{CROSS}Remove the filter: application none"] == f"{whole}&user=ann&user=bob"
    assert len(links) == 4


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("startDate=2026-02-30&user=ann", "startDate", "not a date such as"),
        ("startDate=2026-04-02&endDate=2026-04-01", "endDate", "lies before"),
        ("startDate=1999-01-01&endDate=2026-01-01", "endDate", "days are too many"),
        ("startDate=2026-03-01&startDate=2026-03-02", "startDate", "Give it once"),
        ("month=2026-13", "month", "not a month such as 2026-03"),
        ("month=2026-03&endDate=2026-03-04", "month", "Give one month, or dates"),
        ("groupBy=colour", "groupBy", "Input should be"),
        ("groupBy=model&groupBy=model", "groupBy", "names a dimension twice"),
        ("&".join(f"groupBy={each}" for each in [*DimensionName][:5]), "groupBy", "4 dimensions at most"),
        ("granularity=week", "granularity", "Input should be"),
        ("orderBy=luck", "orderBy", "Input should be"),
        ("levels=deep", "levels", "valid integer"),
        ("levels=99", "levels", "20"),
        ("maxpagesize=many", "maxpagesize", "valid integer"),
        ("maxpagesize=0", "maxpagesize", "greater than or equal to 1"),
        ("usageState=sad", "usageState", "is not one of"),
        (f"model={'x' * 513}", "model", "more than 512 characters"),
        ("user=%00", "user", "characters that no name has"),
    ],
)
async def test_a_refusal_stands_beside_its_field_with_the_form_as_it_was_filled_in(
    browser: httpx.AsyncClient, query: str, field: str, words: str
) -> None:
    page = await page_at(browser, f"/explore?{query}", 400)

    (alert,) = page.all("div", role="alert")
    (fault,) = form_of(page).all("span", id=f"fault-{field}")
    assert words.lower() in alert.words.lower()
    assert words.lower() in fault.words.lower()
    assert page.all("input", "select", "fieldset", id=f"field-{field}")
    sent = [pair for pair in sent_by(form_of(page)) if pair[1]]
    for name, value in parse_qsl(query):
        if name not in ("month", "startDate") or "Give" not in words:
            assert (name, value) in sent or (name, value) == ("user", "\0"), sent
    assert not page.all("table")


async def test_a_parameter_that_nobody_knows_is_named_and_not_ignored(browser: httpx.AsyncClient) -> None:
    page = await page_at(browser, f"{MARCH}&colour=red", 400)

    assert "colour: This is no parameter here" in page.all("div", role="alert")[0].words


async def test_blank_fields_of_the_form_are_no_part_of_the_address(browser: httpx.AsyncClient) -> None:
    page = await page_at(browser, f"{MARCH}&groupBy=model")

    answer = await browser.get(f"/explore?{urlencode(sent_by(form_of(page)))}")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/explore?startDate=2026-03-01&endDate=2026-03-31&groupBy=model"


@pytest.mark.parametrize(("name", "kind"), [("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet")])
@pytest.mark.parametrize("query", ["month=2026-03", "month=2026-03&granularity=day&groupBy=user&without=application"])
async def test_a_file_has_the_bytes_of_the_api_whatever_page_is_looked_at(
    browser: httpx.AsyncClient, api: httpx.AsyncClient, name: str, kind: str, query: str
) -> None:
    page = await page_at(browser, f"/explore?{query}&maxpagesize=2")
    view = view_of(f"/explore?{query}")

    file = await browser.get(page.link({"csv": "CSV", "parquet": "Parquet"}[name]))
    answer = await api.get(f"/api/v1{view.path}", params=view.question(), headers={"Accept": kind})

    assert file.content == answer.content
    assert file.headers["content-type"] == answer.headers["content-type"]
    assert file.headers["content-disposition"] == f'attachment; filename="costs 2026-03-01 to 2026-03-31.{name}"'


async def test_the_same_question_for_programs_has_no_token_and_gives_the_same_rows(
    browser: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    page = await page_at(browser, f"{MARCH}&groupBy=user&user=Zo%C3%AB%2C+of+%22sales%22&user=%24(rm)&user=a%27b%60c")

    (command,) = [each.text for each in page.all("code") if each.text.startswith("curl")]
    address = command.split('"')[3]
    rows = (await api.get(address)).json()["value"]

    assert '"Authorization: Bearer $TOKEN"' in command
    assert "finance" not in command
    assert not set("$`'\\ ") & set(address)
    assert [row["user"] for row in rows] == [row[0] for row in table_of(page)[1]]


async def test_a_whole_month_is_compared_with_the_whole_month_before(
    browser: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    page = await page_at(browser, f"{MARCH}&groupBy=application&compare=before")
    asked = {**SPAN, "compareStartDate": "2026-02-01", "compareEndDate": "2026-02-28", "groupBy": "application"}
    movers = (await api.get("/api/v1/costs/comparison", params=asked)).json()["value"]

    head, body, _ = table_of(page, 1)

    assert "beside 1 Feb 2026 to 28 Feb 2026" in page.words
    assert [figure(row[head.index("Change")]) for row in body] == [round(Decimal(each["change"]), 6) for each in movers]


@pytest.mark.parametrize(("span", "before"), [
    ("startDate=2026-03-01&endDate=2026-03-31", "1 Feb 2026 to 28 Feb 2026"),
    ("startDate=2026-03-01&endDate=2026-03-30", "1 Feb 2026 to 28 Feb 2026"),
    ("startDate=2026-04-01&endDate=2026-04-20", "1 Mar 2026 to 20 Mar 2026"),
    ("startDate=2026-03-11&endDate=2026-03-20", "1 Mar 2026 to 10 Mar 2026"),
])  # fmt: skip
async def test_the_time_before_is_what_people_mean_by_it(browser: httpx.AsyncClient, span: str, before: str) -> None:
    page = await page_at(browser, f"/explore?{span}&compare=before")

    assert f"beside {before}" in page.words


async def test_values_of_a_filter_are_listed_as_far_as_other_filters_leave_any(browser: httpx.AsyncClient) -> None:
    page = await page_at(browser, f"{MARCH}&costCentre=research&user=ann")
    (field,) = page.all("input", name="user", list="values-user")

    listed = await page_at(browser, field.attributes["data-values"])
    searched = await page_at(browser, f"{field.attributes['data-values']}&startsWith=b")

    names = [each.attributes["data-value"] for each in listed.all("a") if "data-value" in each.attributes]
    assert {"ann", "bob"} <= {*names}
    assert listed.link("bob") == "/explore?month=2026-03&costCentre=research&user=ann&user=bob"
    assert [each.words for each in searched.all("a") if "data-value" in each.attributes] == ["bob"]


HOSTILE = [
    'x&costCentre=secret"><script>alert(1)</script>',
    "a=b/c+d%2F?e#f",
    "{{ 7*7 }}",
    "\N{RIGHT-TO-LEFT OVERRIDE}evil",
    "數據 Ünïcode 🦄",
    "n" * 200,
]


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


async def test_an_outdated_or_foreign_cursor_leads_back_to_the_first_page(browser: httpx.AsyncClient) -> None:
    page = await page_at(browser, f"{MARCH}&maxpagesize=1&cursor=made-up", 400)

    alert = page.all("div", role="alert")[0]
    assert "this is no cursor of this list for you" in alert.words.lower()
    assert alert.link("Go to the first page") == f"{MARCH}&maxpagesize=1"


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
