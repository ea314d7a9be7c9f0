"""The overview says what the files say, to each person what they may see, and shows the rest where a part is away."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chargeback.domain.costs.cost_query import CostQuery, cost_query
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.reports.layout import statement_path
from chargeback.services.audit_log.entries import entries_since
from tests.support.cost_views import sums_of
from tests.support.many_dimensions import CENTRES
from tests.support.page_worlds import BLOB, CLOSED, HOSTILE, MONTH, call, without, world_over
from tests.support.written_statements import Page, plain
from tests.web.conftest import World
from tests.web.pages.looking import Books, amount, ask, headline, look, told

pytestmark = pytest.mark.anyio

SPANS = {
    "2026-02": ("2026-02-01", "2026-02-28"),
    "2026-03": ("2026-03-01", "2026-03-31"),
    "2026-04": ("2026-04-01", "2026-04-30"),
}
TABLES = {"model": Dimension.MODEL, "application": Dimension.APPLICATION, "user": Dimension.USER}
ZERO = Decimal(0)


def asked(month: str, *by: Dimension, centre: str = "") -> CostQuery:
    return cost_query(*SPANS[month], {Dimension.COST_CENTRE: (centre,)} if centre else {}, by)


def named(sums: Mapping[tuple[str, ...], Any], currency: str, nothing: str) -> dict[str, tuple[Decimal, int]]:
    """What the rows of a table are called → their cost, 0 where nobody knows it, and their calls."""
    found: dict[str, tuple[Decimal, int]] = {}
    for (_, value, kind, of), (cost, requests, _) in sums.items():
        name = {"shared": "Shared costs", "correction": "Corrections"}.get(kind, value or nothing)
        if of == currency:
            known = found.get(name, (ZERO, 0))
            found[name] = known[0] + (cost or ZERO), known[1] + requests
    return found


# The figures


@pytest.mark.parametrize("month", SPANS)
@pytest.mark.parametrize(("who", "centre"), [("finance", ""), ("finance", "product"), ("owner", ""), ("ann", "")])
async def test_every_figure_is_a_sum_of_the_printed_rows_that_somebody_sees(
    books: Books, who: str, centre: str, month: str
) -> None:
    scope, printed = books.who(who).scope, books.printed(month)
    wholes = sums_of(printed, asked(month, centre=centre), scope)

    page = await look(books.container, who, f"/overview?month={month}&costCentre={centre}")

    for (*_, currency), (cost, requests, _) in wholes.items():
        assert f"{headline(cost or ZERO)} {currency}" in page.text
        for name, dimension in TABLES.items():
            of_rows = sums_of(printed, asked(month, dimension, Dimension.KIND, centre=centre), scope)
            expected, found = named(of_rows, currency, f"(no {name})"), told(page, f"{name}-{currency}")
            assert found.pop("All") == (cost or ZERO, requests)
            others = found.pop("All others", (ZERO, 0))
            assert found == {label: expected[label] for label in found}
            assert others[0] == (cost or ZERO) - sum(each[0] for each in found.values())
            assert bool(others[0] or others[1]) == (len(found) < len(expected))
        days = [amount(row[-1]) for row in page.tables[f"days-{currency}"] if row[0] not in ("Day", "All")]
        assert sum(days) == (cost or ZERO)


async def test_to_look_is_recorded_as_a_sum_a_comparison_and_the_costs_of_persons(books: Books) -> None:
    async def reads() -> list[tuple[str, str]]:
        since = datetime(2020, 1, 1, tzinfo=UTC)
        entries = [each async for each in entries_since(books.container.audit_entries, since)]
        return [(read.act, read.asked) for each in entries for read in each.reads]

    before = len(await reads())
    await look(books.container, "finance", "/overview?month=2026-03")

    found = await reads()
    acts = {act for act, _ in found[: len(found) - before]}
    breakdowns = [asked for act, asked in found[: len(found) - before] if act == "getCostBreakdown"]
    assert acts == {"getCostSummary", "compareCosts", "getCostBreakdown", "listAlerts"}
    assert all("groupBy=user" in asked for asked in breakdowns)


async def test_costs_by_cost_centre_are_those_right_below_the_one_shown(books: Books) -> None:
    page = await look(books.container, "finance", "/overview?month=2026-02&costCentre=product")

    query = asked("2026-02", Dimension.COST_CENTRE, centre="product")
    by_centre = sums_of(books.printed("2026-02"), query, books.who("finance").scope)
    expected = {key[1]: of[0] for key, of in by_centre.items()}
    found = told(page, "cost_centre-USD")
    del found["All"]
    assert {name: cost for name, (cost, _) in found.items()} == expected
    assert set(found) == {each for each in CENTRES if each.startswith("product")}


async def test_everything_is_shown_by_the_first_level_of_cost_centres(books: Books) -> None:
    page = await look(books.container, "finance", "/overview?month=2026-02")

    assert {row[0] for row in page.tables["cost_centre-USD"][1:]} == {"product", "research", "unallocated", "All"}


async def test_the_figures_of_a_cost_centre_are_those_of_its_statement(world: World) -> None:
    container = (await world("ordinary")).container

    page = await look(container, "finance", f"/overview?month={MONTH}&costCentre=product/search")

    statement = Page(container.reports.files[statement_path("product/search", MONTH, "html")].decode())
    charged = " ".join(statement.text.partition("Charged to this cost centre ")[2].split()[:2])
    assert charged.startswith("≥_")
    assert f"Spent, Mar 2026 {charged}" in page.text
    for name in ("Shared costs", "gpt-4o", "gpt-4.1"):
        assert page.row("model-USD", name)[2] == statement.row("model", name)[2]
    assert page.row("days-USD", "Fri 20")[-1] == statement.row("days", "Fri 20")[-1]


async def test_the_change_and_its_reasons_are_those_of_the_comparison(books: Books) -> None:
    page = await look(books.container, "finance", "/overview?month=2026-03")

    spans = {"startDate": "2026-03-01", "endDate": "2026-03-31"}
    before = {"compareStartDate": "2026-02-01", "compareEndDate": "2026-02-28"}
    found = await ask(books.container, "finance", "costs/comparison", **spans, **before, top=100)
    change = Decimal(found["currencies"][0]["change"])
    reasons = {row[0].partition(":")[0]: amount(row[1]) for row in page.tables["why-USD"] if ":" in row[0]}
    for name, part in {"Volume": "volume", "Shared costs": "shared", "New and ended": "new"}.items():
        exact = sum(Decimal(each[part]) for each in found["value"])
        assert reasons.get(name, ZERO) == exact.quantize(Decimal("0.000001"))
    rounding = sum(amount(row[1]) for row in page.tables["why-USD"] if row[0] == "Rounding")
    assert sum(reasons.values()) + rounding == change
    assert amount(page.row("why-USD", "All")[1]) == change
    sign = "+" if change > 0 else ""
    assert f"{sign}{headline(change)} USD" in page.text


async def test_amounts_of_two_currencies_have_a_headline_each_that_of_the_books_first(books: Books) -> None:
    page = await look(books.container, "finance", "/overview?month=2026-04")

    sums = sums_of(books.printed("2026-04"), asked("2026-04"), books.who("finance").scope)
    headlines = [f"{headline(sums['', currency][0])} {currency}" for currency in ("EUR", "USD")]
    first, second = (page.text.index(each) for each in headlines)
    assert first < second
    assert page.text.count("Spent, Apr 2026") == 2
    assert {"model-EUR", "model-USD", "days-EUR", "days-USD"} <= page.tables.keys()


async def test_what_has_no_cost_yet_is_counted_and_leads_to_its_rows(books: Books) -> None:
    page = await look(books.container, "finance", "/overview?month=2026-03")

    [whole] = (await ask(books.container, "finance", "costs/summary", startDate="2026-03-01", endDate="2026-03-31"))[
        "value"
    ]
    assert f"≥_{headline(Decimal(whole['cost']))} USD" in page.text
    assert f"{whole['unpriced']} rows not priced yet" in page.text
    links = [attributes.get("href") or "" for tag, attributes in page.tags if tag == "a"]
    assert any("usageState=unpriced" in each and "month=2026-03" in each for each in links)


async def test_a_month_under_way_is_compared_with_the_same_days_of_the_month_before(world: World) -> None:
    page = await look((await world("ordinary")).container, "finance", "/overview")

    assert "Spent so far" in page.text
    assert "Against the same days" in page.text or "There is nothing to compare with" in page.text


# Who sees what


async def test_whoever_sees_only_own_calls_is_asked_nothing_about_cost_centres(books: Books) -> None:
    page = await look(books.container, "ann", "/overview?month=2026-03")

    assert page.text.count("Your calls, March 2026") == 1
    assert "Budget" not in page.text.replace("Budgets", "")
    assert "outlook" not in page.tables
    users = {row[0] for row in page.tables["user-USD"][1:]}
    assert users == {"ann", "All"}


async def test_a_cost_centre_that_is_not_theirs_is_not_there(books: Books) -> None:
    for who, centre in (("owner", "research"), ("owner", "prod"), ("ann", "product"), ("two-owner", "product")):
        page = await look(books.container, who, f"/overview?costCentre={centre}", 404)

        assert "there is no such cost centre, or you may not see it" in page.text.lower()
        assert "404" in (await look(books.container, who, f"/overview/outlook?costCentre={centre}", 404)).text


async def test_whoever_has_no_role_has_no_overview(books: Books) -> None:
    page = await look(books.container, "bob", "/overview", 404)

    assert "My usage" in page.text


async def test_an_owner_of_several_cost_centres_gets_to_each(books: Books) -> None:
    page = await look(books.container, "two-owner", "/overview?month=2026-03")

    links = {attributes.get("href") for tag, attributes in page.tags if tag == "a"}
    assert "/overview?month=2026-03&costCentre=research" in links
    assert "/overview?month=2026-03&costCentre=product%2Fsearch" in links


# What is not there


async def test_a_month_without_anything_says_so(books: Books) -> None:
    page = await look(books.container, "finance", "/overview?month=2025-11")

    assert "Nothing was used in November 2025." in page.text
    assert not page.tables


@pytest.mark.parametrize("month", ["2026-13", "soon", "2199-12", "<script>"])
async def test_a_word_that_is_not_a_month_is_refused_with_the_reason(books: Books, month: str) -> None:
    page = await look(books.container, "finance", f"/overview?month={month}", 400)

    assert month in page.text
    assert "not a month such as" in page.text or "has not begun" in page.text


async def test_without_the_figures_the_page_shows_what_it_can() -> None:
    page = await look(without(*BLOB).container, "finance", f"/overview?month={MONTH}")

    assert "Everything, March 2026" in page.text


async def test_hostile_names_are_text_and_lead_to_what_they_name(world: World) -> None:
    container = (await world("hostile")).container

    page = await look(container, "finance", f"/overview?month={MONTH}")

    assert len([tag for tag, _ in page.tags if tag in ("script", "img")]) == 1  # our own script
    links = [urlsplit(attributes["href"] or "") for tag, attributes in page.tags if tag == "a"]
    assert {each.netloc for each in links} == {""}
    assert {each.scheme for each in links} == {""}
    shown = [row[0] for row in page.tables["application-USD"][1:]]
    applications = [parse_qs(each.query).get("application", [""])[0] for each in links]
    assert {HOSTILE[0], HOSTILE[1]} <= set(applications)
    assert all(plain(name) in shown for name in applications if name)


async def test_a_closed_month_is_final(world: World) -> None:
    page = await look((await world("ordinary")).container, "finance", f"/overview?month={CLOSED[1]}")

    assert "closed · final" in page.text


# What is to come


async def test_the_most_urgent_alert_that_stands_is_said_first(world: World) -> None:
    container = (await world("ordinary")).container

    page = await look(container, "finance", "/overview")

    found = (await ask(container, "finance", "alerts", standing="true"))["value"]
    standing = [each for each in found if each["state"] == "stands"]
    [worst] = [each for each in standing if each["severity"] == "money-at-risk"]
    assert f"{len(standing)} alerts stand. {plain(worst['headline'])}" in page.text


async def test_a_budget_is_used_as_the_api_says(world: World) -> None:
    container = (await world("ordinary")).container

    page = await look(container, "owner", "/overview?costCentre=product/search")

    status = await ask(container, "owner", "budgets/product:search:launch/status")
    assert f"{headline(Decimal(status['spent']))} USD of {headline(Decimal(status['limit']))} USD a month" in page.text
    assert "used up" in page.text


async def test_a_cost_centre_without_a_budget_says_so(world: World) -> None:
    page = await look((await world("ordinary")).container, "finance", "/overview?costCentre=unallocated")

    assert "No budget is set." in page.text


async def test_the_forecast_comes_afterwards_and_without_a_script_by_a_link(world: World) -> None:
    container = (await world("ordinary")).container

    page = await look(container, "owner", "/overview?costCentre=product")
    [section] = [attributes for tag, attributes in page.tags if tag == "section" and attributes.get("id") == "outlook"]
    [address] = {
        attributes["href"] for tag, attributes in page.tags if tag == "a" and "outlook" in str(attributes["href"])
    }
    afterwards = await look(container, "owner", str(address))

    assert section["data-from"] == address
    found = await ask(container, "owner", "forecast", costCentre="product", below="false")
    assert [each["costCentre"] for each in found["forecasts"]] == ["product"]
    assert "Expected at the end of" in afterwards.text
    assert "Budget used up" in afterwards.text
    assert "calls that wait, by an estimate" in afterwards.text


async def test_a_forecast_says_how_many_charges_have_no_known_cost() -> None:
    world, now = world_over(), datetime.now(UTC)
    await world.ingest([call("search", "", 1, model="mystery-1", time=f"{now:%Y-%m-%dT%H:%M:%SZ}")], now)
    await world.container.poster.post(now)

    page = await look(world.container, "finance", "/overview/outlook")

    [forecast] = (await ask(world.container, "finance", "forecast", below="false"))["forecasts"]
    assert forecast["unknown"] == 2
    assert "2 charges have no known cost yet, which comes on top" in page.text


async def test_the_budget_of_a_month_that_is_over_says_what_was_spent_of_it(world: World) -> None:
    container = (await world("ordinary")).container

    page = await look(container, "finance", f"/overview/outlook?month={MONTH}&costCentre=product/support")

    [budget] = (await ask(container, "finance", "forecast", costCentre="product/support", period=MONTH, below="false"))[
        "budgets"
    ]
    assert f"of {headline(Decimal(budget['amount']))} USD was spent" in page.text


async def test_a_budget_is_used_up_when_the_api_says(world: World) -> None:
    container = (await world("ordinary")).container

    page = await look(container, "owner", "/overview/outlook?costCentre=product/search")

    found = await ask(container, "owner", "budget/predict/product:search:launch")
    day = datetime.fromisoformat(found["used_up_since"])
    assert f"Budget used up {day:%-d %b %Y} All of {headline(Decimal(found['budget_limit']))} USD" in page.text
