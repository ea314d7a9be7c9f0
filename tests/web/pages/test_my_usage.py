"""My usage: everybody sees what they used themselves, as the files print it, and nobody else's rows."""

from decimal import Decimal

import pytest

from chargeback.domain.access.requester import RowScope
from chargeback.domain.costs.cost_query import cost_query
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.time.months import dates_of
from tests.support.cost_views import sums_of
from tests.support.many_dimensions import MONTHS
from tests.support.page_worlds import world_over
from tests.support.pages import browser_of
from tests.web.pages.looking import Books, amount, headline, look, told

pytestmark = pytest.mark.anyio

TABLES = {"model": Dimension.MODEL, "application": Dimension.APPLICATION, "cost_centre": Dimension.COST_CENTRE}
ZERO = Decimal(0)


@pytest.mark.parametrize(("who", "month"), [*(("ann", month) for month in MONTHS), ("bob", "2026-03")])
async def test_every_figure_is_a_sum_of_the_printed_rows_of_their_own_calls(books: Books, who: str, month: str) -> None:
    printed, scope = books.printed(month), RowScope(own=books.who(who).identity)
    dates = dates_of(month)  # type: ignore[arg-type]
    wholes = sums_of(printed, cost_query(dates[0], dates[-1], {}, ()), scope)

    page = await look(books.container, who, f"/my-usage?month={month}")

    assert wholes
    for (_, currency), (cost, requests, _) in wholes.items():
        assert f"{headline(cost or ZERO)} {currency}" in page.text
        for name, dimension in TABLES.items():
            sums = sums_of(printed, cost_query(dates[0], dates[-1], {}, (dimension,)), scope)
            expected = {
                key[1] or f"(no {name})": (of[0] or ZERO, of[1]) for key, of in sums.items() if key[2] == currency
            }
            assert told(page, f"{name}-{currency}") == expected | {"All": (cost or ZERO, requests)}
        days = [amount(row[-1]) for row in page.tables[f"days-{currency}"] if row[0] not in ("Day", "All")]
        assert sum(days) == (cost or ZERO)
    shown = {(row[0], row[5]): amount(row[4]) for row in page.tables["months"][1:]}
    names = {"2026-02": "February 2026", "2026-03": "March 2026", "2026-04": "April 2026"}
    for (_, currency), (cost, _, _) in wholes.items():
        assert shown[names[month], currency] == (cost or ZERO)


async def test_finance_sees_there_only_what_finance_used(books: Books) -> None:
    page = await look(books.container, "finance", "/my-usage?month=2026-03")

    assert "You used nothing in March 2026, as far as calls name you." in page.text
    assert {*page.tables} == set()


async def test_it_says_under_which_identity_calls_count(books: Books) -> None:
    page = await look(books.container, "bob", "/my-usage?month=2026-03")

    assert "signed in as bob, in the books person:tenant-a/bob." in page.text


async def test_nobody_finds_another_person_there(books: Books) -> None:
    async with browser_of(books.container, "bob") as browser:
        whole = (await browser.get("/my-usage?month=2026-03&user=ann&costCentre=product")).text
        plain = (await browser.get("/my-usage?month=2026-03")).text

    for name in ("cora", "tenant-b", "Zoë"):
        assert name not in whole
    assert whole.count("<tr>") == plain.count("<tr>")


async def test_someone_with_no_role_begins_there(books: Books) -> None:
    async with browser_of(books.container, "bob") as browser:
        answer = await browser.get("/")

    assert (answer.status_code, answer.headers["location"]) == (303, "/my-usage")


@pytest.mark.parametrize("month", ["2026-00", "yesterday", "2199-01"])
async def test_a_word_that_is_not_a_month_is_refused_with_the_reason(books: Books, month: str) -> None:
    page = await look(books.container, "bob", f"/my-usage?month={month}", 400)

    assert month in page.text


async def test_a_budget_of_their_own_is_shown_to_whoever_it_limits_alone() -> None:
    product = world_over()
    steps = [{"percent": 100, "do": "block"}]
    await product.act("finance", "POST", "/budgets", id="of-user", user="object-user", amount=50, steps=steps)

    theirs = await look(product.container, "user", "/my-usage")
    others = await look(product.container, "finance", "/my-usage")

    assert "Your own budget 0.0_% 0.00 USD of 50.00 USD a month: of-user" in theirs.text
    assert "of-user" not in others.text
