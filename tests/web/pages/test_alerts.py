"""The section Alerts: what stands comes first, everybody sees what is theirs, and each leads to where one can act."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape

import httpx
import pytest

from chargeback.adapters.memory.outbox import MemoryOutbox
from chargeback.domain.alerts.alert import Alert, Matter, Sighting, Turn, TurnKind, with_telling
from chargeback.domain.alerts.facts import AlertFigure, AlertMover, Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.telling import attempted, failed, told, waiting
from chargeback.domain.alerts.watching import raised
from tests.support.alerts import TO_CHAT
from tests.support.page_reading import read_page
from tests.support.page_worlds import PageWorld, world_over
from tests.support.pages import browser_of
from tests.web.pages.test_budgets import text_of

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
HOSTILE = "<img src=x onerror=alert(1)>"
STEP = Matter(AlertKind.BUDGET, "product/search/launch", "cost-centre:product/search", "2026-11", "80 % actual")


def alert(
    matter: Matter = STEP,
    *,
    centre: str = "product/search",
    severity: Severity = Severity.LOOK_TODAY,
    occurrence: int = 1,
    hours_ago: int = 2,
    headline: str = "Search has reached 80 % of its budget",
    is_event: bool = False,
) -> Alert:
    facts = Facts(headline, (AlertFigure("Spent", "80.00 USD"),), "USD", cause="More calls", advice="Ask Lea for more.")
    sighting = Sighting(matter, severity, facts, centre, is_event=is_event)
    return raised(sighting, occurrence, TO_CHAT, NOW - timedelta(hours=hours_ago))


@pytest.fixture(scope="module")
def built() -> PageWorld:
    return world_over()


@pytest.fixture
def world(built: PageWorld) -> PageWorld:
    """A product that has told nobody anything yet."""
    vars(built.container)["outbox"] = MemoryOutbox()
    return built


@pytest.fixture
async def finance(world: PageWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with browser_of(world.container, "finance") as browser:
        yield browser


async def keep(world: PageWorld, *alerts: Alert) -> None:
    for each in alerts:
        assert await world.container.outbox.create(each)


async def page(browser: httpx.AsyncClient, path: str, status: int = 200) -> str:
    answer = await browser.get(path)
    assert answer.status_code == status, answer.text
    assert read_page(answer.text).faults == []
    return answer.text


async def test_what_stands_comes_first_the_most_urgent_at_the_top(world: PageWorld, finance: httpx.AsyncClient) -> None:
    closed = alert(Matter(AlertKind.CLOSED, scope="2026-10"), centre="", headline="October is closed", is_event=True)
    variance = Matter(AlertKind.VARIANCE, scope="2026-10")
    differs = alert(variance, centre="", severity=Severity.MONEY_AT_RISK, headline="The invoice differs", hours_ago=9)
    await keep(world, closed, differs, alert())

    said = text_of(await page(finance, "/alerts"))

    assert said.index("Stands now (2)") < said.index("The invoice differs") < said.index("Search has reached")
    assert said.index("Search has reached") < said.index("What happened since") < said.index("October is closed")
    assert "Money at risk" in said
    assert "What to do: Ask Lea for more." in said


async def test_what_stands_from_long_ago_is_shown_too(world: PageWorld, finance: httpx.AsyncClient) -> None:
    await keep(world, alert(hours_ago=24 * 200))

    assert "Search has reached" in text_of(await page(finance, "/alerts?days=1"))


async def test_the_turns_of_a_matter_are_told_in_order(world: PageWorld, finance: httpx.AsyncClient) -> None:
    first = replace(alert(severity=Severity.INFORMATION, hours_ago=9), ended=NOW - timedelta(hours=5))
    again = alert(severity=Severity.MONEY_AT_RISK, occurrence=2, hours_ago=5)
    cleared = replace(again, cleared=Turn(NOW - timedelta(hours=1), Facts("Search is below 80 % again")))
    await keep(world, first, cleared)

    said = text_of(await page(finance, "/alerts"))

    turns = [said.index(f" {each} ") for each in ("raised", "more urgent", "Search is below")]
    assert turns == sorted(turns)
    assert "all clear" in said
    assert said.index("What happened since") < said.index("Search has reached")


@pytest.mark.parametrize(("query", "shown"), [("kind=variance", False), ("kind=budget", True), ("kind=nonsense", True),
                                              ("costCentre=product", True), ("costCentre=prod", False)])  # fmt: skip
async def test_the_list_is_filtered(world: PageWorld, finance: httpx.AsyncClient, query: str, shown: bool) -> None:  # noqa: FBT001
    await keep(world, alert())

    assert ("Search has reached" in await page(finance, f"/alerts?{query}")) is shown


async def test_nobody_sees_what_is_not_theirs(world: PageWorld) -> None:
    foreign = alert(replace(STEP, rule="research"), centre="research", headline="Research has reached 80 %")
    whole = alert(Matter(AlertKind.VARIANCE, scope="2026-10"), centre="", headline="The invoice differs")
    await keep(world, alert(), foreign, whole)

    async with browser_of(world.container, "owner") as owner, browser_of(world.container, "user") as user:
        said = await page(owner, "/alerts")
        own = text_of(await page(owner, f"/alerts/{alert().id}"))
        statuses = [(await owner.get(f"/alerts/{each.id}")).status_code for each in (foreign, whole)]
        others = [(await user.get(path)).status_code for path in ("/alerts", f"/alerts/{alert().id}")]

    assert "Search has reached" in said
    assert "Research" not in said
    assert "The invoice differs" not in said
    assert "Who was told" not in own
    assert "chat" not in own
    assert statuses == [404, 404]
    assert others == [404, 404]


async def test_each_leads_to_where_something_can_be_done(world: PageWorld, finance: httpx.AsyncClient) -> None:
    centre = "product/search"
    matters = {
        STEP: "/budgets/product:search:launch",
        Matter(
            AlertKind.ANOMALY, scope=centre, period="2026-11-14"
        ): "/explore?month=2026-11&amp;costCentre=product%2Fsearch",
        Matter(AlertKind.CLOSING, scope="2026-10"): "/months/2026-10",
        Matter(AlertKind.LEDGER_SHORT, scope="2026-11-03"): "/months/2026-11",
        Matter(AlertKind.UNPRICED, scope="mystery", period="2026-11"): "/explore?month=2026-11&amp;usageState=unpriced",
    }
    for matter, where in matters.items():
        kept = alert(matter)
        await keep(world, kept)

        assert f'href="{where}' in await page(finance, f"/alerts/{kept.id}")


async def test_one_alert_says_all_that_was_told_and_to_whom(world: PageWorld, finance: httpx.AsyncClient) -> None:
    kept = alert()
    facts = replace(kept.raised.facts, movers=(AlertMover("search-app", Decimal("12.5")),))
    begun = attempted(waiting(NOW), NOW)
    kept = replace(kept, raised=replace(kept.raised, facts=facts))
    kept = with_telling(kept, TurnKind.RAISED, "chat", told(begun, NOW))
    kept = with_telling(kept, TurnKind.RAISED, "mail", failed(begun, NOW, "the host refused it", again=True))
    await keep(world, kept)

    said = text_of(await page(finance, f"/alerts/{kept.id}"))

    for each in (
        "Spent 80.00 USD",
        "search-app",
        "+12.50",
        "More calls",
        "Ask Lea for more.",
        "chat told",
        "mail waiting",
    ):
        assert each in said
    assert "the host refused it" in said
    assert kept.id in said


async def test_hostile_text_is_text(world: PageWorld, finance: httpx.AsyncClient) -> None:
    kept = alert(replace(STEP, rule=HOSTILE), headline=HOSTILE, centre=HOSTILE)
    await keep(world, kept)

    for path in ("/alerts", f"/alerts/{kept.id}"):
        html = await page(finance, path)
        assert "<img" not in html
        assert HOSTILE in unescape(html)


async def test_without_alerts_the_page_says_so(finance: httpx.AsyncClient) -> None:
    said = text_of(await page(finance, "/alerts"))

    assert "Nothing stands now." in said
    assert "Nothing else was told since then." in said
