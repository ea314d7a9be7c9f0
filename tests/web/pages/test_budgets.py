"""The section Budgets: the figures are those of the API and of the command, and each change is made once, on record."""

import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from chargeback.adapters.config.folders import path_of
from chargeback.cli.budget_documents import replayed_budgets, shown_budget
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.time.months import Month
from chargeback.services.budgets.made_budgets import BudgetChange
from chargeback.web.pages.budgets.listing import ON_A_PAGE
from chargeback.web.rendering import headline
from stack.example import EXAMPLE_CONFIG
from tests.support.audit_log import KIM
from tests.support.budgets import budget
from tests.support.page_forms import form_to, forms_of, send
from tests.support.page_reading import read_page
from tests.support.page_worlds import PageWorld, call, this_month, world_over
from tests.support.pages import browser_of

pytestmark = pytest.mark.anyio

LAUNCH = {
    "id": "product/search/launch", "costCentre": "product/search", "amount": 40, "every": "year", "owner": "Lea",
    "steps": [{"percent": 10, "do": "warn"}, {"percent": 90, "do": "block"}], "reason": "the launch",
}  # fmt: skip
TRIAL = LAUNCH | {"id": "product/search/trial", "amount": 1, "shadow": True}
PAGE = "/budgets/product:search:launch"
HOSTILE = "<script>alert(1)</script>"

Browsing = Callable[[str], httpx.AsyncClient]


@pytest.fixture(scope="module")
async def world(anyio_backend: str) -> PageWorld:
    """Ten days of calls of one team, with a budget that acts and one in shadow."""
    world, now = world_over(), datetime.now(UTC)
    calls = [
        call("search", "", 400 + 10 * back, time=f"{now - timedelta(days=back, seconds=9):%Y-%m-%dT%H:%M:%SZ}")
        for back in range(10)
    ]
    await world.ingest(calls, now)
    await world.container.auditor.audit(now)
    for each in (LAUNCH, TRIAL):
        await world.act("finance", "POST", "/budgets", **each)
    return world


@pytest.fixture(scope="module")
async def browsing(world: PageWorld) -> AsyncIterator[Browsing]:
    async with AsyncExitStack() as stack:
        known: dict[str, httpx.AsyncClient] = {}
        for who in ("finance", "admin", "auditor", "owner", "user", "operator", "nobody"):
            known[who] = await stack.enter_async_context(browser_of(world.container, who))
        yield known.__getitem__


async def made(world: PageWorld, name: str) -> str:
    """The page of a budget that a test may change."""
    await world.act("finance", "POST", "/budgets", **TRIAL | {"id": f"product/search/{name}", "amount": 40})
    return f"/budgets/product:search:{name}"


async def page(browser: httpx.AsyncClient, path: str, status: int = 200) -> str:
    answer = await browser.get(path)
    assert answer.status_code == status, answer.text
    assert read_page(answer.text).faults == []
    return answer.text


def text_of(html: str) -> str:
    """What a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


async def api(world: PageWorld, path: str, who: str = "finance") -> Any:
    return (await world.act(who, "GET", path)).json()


async def test_the_figures_are_those_of_the_api_and_of_the_command(world: PageWorld, browsing: Browsing) -> None:
    status = await api(world, "/budgets/product:search:launch/status")
    explained = await api(world, "/budgets/product:search:launch/explanation")
    predicted = await api(world, "/budget/predict/product:search:launch")
    found = await world.container.budget_states.evaluate(datetime.now(UTC))
    (state,) = [each for each in found.states if each.budget.id == LAUNCH["id"]]
    command = shown_budget(state, found.clock, None, None)

    listed, one = text_of(await page(browsing("finance"), "/budgets")), text_of(await page(browsing("finance"), PAGE))

    assert Decimal(status["spent"]) == command.spent > 0
    assert Decimal(status["limit"]) == command.limit == 40
    assert Decimal(explained["posted"]) + Decimal(explained["counted"]) == command.known
    assert sum(Decimal(each["posted"]) for each in explained["dates"]) == Decimal(explained["posted"])
    for amount in (status["spent"], status["limit"], status["remaining"]):
        assert headline(amount, "USD") in listed
        assert headline(amount, "USD") in one
    assert headline(explained["posted"], "USD") in one
    assert headline(predicted["predicted_monthly_cost"], "USD") in one
    assert str(command.step and command.step.percent) == status["percent"] == "10"
    assert "calls are warned" in listed


async def test_the_most_urgent_budget_comes_first_and_shadow_is_told(world: PageWorld, browsing: Browsing) -> None:
    said = text_of(await page(browsing("finance"), "/budgets"))

    assert said.index("product/search/launch") < said.index("product/search/trial") < said.index("corporate/legal")
    assert "calls would be refused" in said
    assert "next: block at 90 %" in said


async def test_forecasts_that_take_long_follow_and_are_those_of_one_budget(
    world: PageWorld, browsing: Browsing
) -> None:
    await made(world, "forecast")
    first = await page(browsing("finance"), "/budgets")
    await world.container.budget_outlooks.worked_out()
    then = await page(browsing("finance"), "/budgets")
    predicted = await api(world, "/budget/predict/product:search:launch")

    assert "being worked out" in first
    assert 'data-refresh="5"' in first
    assert "being worked out" not in then
    assert headline(predicted["predicted_monthly_cost"], "USD") in then


@pytest.mark.parametrize("query", ["costCentre=research", "state=shadow", "state=acts+now"])
async def test_the_list_is_filtered(browsing: Browsing, query: str) -> None:
    said = text_of(await page(browsing("finance"), f"/budgets?{query}"))

    shown = {each for each in ("research", "product/search/launch", "product/search/trial") if f" {each} " in said}
    wanted = {"costCentre=research": "research", "state=shadow": "product/search/trial"}
    assert shown == {wanted.get(query, "product/search/launch")}


async def test_thousands_of_budgets_come_in_pages() -> None:
    world = world_over()
    limits = [budget(f"user:u-{number}", id=f"many-{number:04}") for number in range(2 * ON_A_PAGE)]
    async with world.container.audit_log.acting(KIM, Act.CREATE_BUDGET, "many"):
        for each in limits:
            await world.container.change_budgets.made.create(BudgetChange(each, datetime.now(UTC), "kim"))

    async with browser_of(world.container, "finance") as browser:
        pages = [await page(browser, f"/budgets?page={number}") for number in (1, 2, 3, 99)]
    await world.container.budget_outlooks.stop()
    rows = [re.findall(r'<th scope="row"[^>]*><a href="([^"]+)"', each) for each in pages]

    assert [len(each) for each in rows[:2]] == [ON_A_PAGE] * 2
    assert 'rel="next"' in pages[1]
    assert 'rel="next"' not in pages[2]
    assert rows[3] == rows[2]
    assert {f"/budgets/{each.id}" for each in limits} < {path for each in rows for path in each}


async def test_nobody_sees_what_is_not_theirs(world: PageWorld, browsing: Browsing) -> None:
    owner = text_of(await page(browsing("owner"), "/budgets"))

    assert "product/search/launch" in owner
    assert "research" not in owner
    for path in (
        "/budgets/research",
        "/budgets/research/change",
        "/budgets/nope",
        "/budgets/decisions",
        "/budgets/a%3Fb",
    ):
        assert (await browsing("owner").get(path)).status_code == 404
    assert (await browsing("user").get("/budgets")).status_code == 404
    assert (await browsing("operator").get("/budgets")).status_code == 404


async def test_whoever_may_only_look_has_no_button(browsing: Browsing) -> None:
    for path in ("/budgets", PAGE):
        html = await page(browsing("auditor"), path)
        assert {each.action for each in forms_of(html)} == {"/sign-out"}
        assert "/new-budget" not in html
        assert "/change" not in html
    for path in ("/new-budget", f"{PAGE}/change", f"{PAGE}/delete"):
        assert (await browsing("auditor").get(path)).status_code == 404


async def test_an_owner_limits_what_is_below_the_own_cost_centre(world: PageWorld, browsing: Browsing) -> None:
    above = await page(browsing("owner"), "/budgets/product")
    below = await page(browsing("owner"), PAGE)

    assert "/overrides" not in {each.action for each in forms_of(above)}
    assert {each.action for each in forms_of(below)} >= {f"{PAGE}/overrides", f"{PAGE}/replays"}
    assert f'href="{PAGE}/change"' in below


async def test_a_budget_of_the_files_is_changed_there(browsing: Browsing) -> None:
    html = await page(browsing("finance"), "/budgets/research")

    assert "budgets.yaml:" in html
    assert "/budgets/research/change" not in html
    assert {each.action for each in forms_of(html)} >= {"/budgets/research/overrides"}


async def new_form(browser: httpx.AsyncClient) -> Any:
    return form_to(await page(browser, "/new-budget"), "/new-budget")


async def test_a_budget_is_made_once_however_often_the_form_is_sent(world: PageWorld, browsing: Browsing) -> None:
    form = await new_form(browsing("finance"))
    typed = {"id": "research/trial", "scopeValue": "research", "amount": "120.50", "owner": "Eve", "reason": "a trial"}

    answers = [await send(browsing("finance"), form, **typed) for _ in range(2)]
    shown = text_of(await page(browsing("finance"), answers[0].headers["location"]))

    assert [each.status_code for each in answers] == [303, 303]
    assert answers[0].headers["location"] == "/budgets/research:trial?done=created"
    definition = (await api(world, "/budgets/research:trial"))["definition"]
    assert (definition["amount"], definition["shadow"], len(definition["steps"])) == ("120.5", True, 2)
    assert len((await api(world, "/budgets/research:trial/history"))["value"]) == 1
    assert "The budget is made" in shown
    assert "a trial" in shown


async def test_each_field_says_what_is_wrong_and_keeps_what_was_typed(browsing: Browsing) -> None:
    finance = browsing("finance")
    first = await new_form(finance)

    answer = await send(finance, first, id="no id!", scopeValue="research", amount="a lot", owner=HOSTILE)
    steps = {"steps__0__percent": "80", "steps__0__do": "swap", "steps__0__swap": "gpt-5.5"}
    malformed = await send(finance, await new_form(finance), id="research/x", scopeValue="", amount="1", **steps)
    late = {"steps__3__percent": "5", "steps__3__do": "notify"}
    typed = {"id": "research/x", "scopeValue": "research", "amount": "1", **late}
    unordered = await send(finance, await new_form(finance), **typed)

    assert [each.status_code for each in (answer, malformed, unordered)] == [400, 400, 400]
    assert read_page(answer.text).faults == []
    for field in ("id", "amount"):
        assert f'id="{field}-fault"' in answer.text
        assert f'href="#{field}"' in answer.text
    kept = form_to(answer.text, "/new-budget").fields
    assert (kept["id"], kept["amount"], kept["owner"]) == ("no id!", "a lot", HOSTILE)
    assert HOSTILE not in answer.text
    assert 'id="steps-0-swap-fault"' in malformed.text
    assert 'id="scopeValue-fault"' in malformed.text
    assert 'id="steps-3-percent-fault"' in unordered.text
    assert form_to(answer.text, "/new-budget").fields["key"] != first.fields["key"]


async def test_an_owner_cannot_find_out_what_others_have(browsing: Browsing) -> None:
    owner = browsing("owner")

    for centre in ("research", "no-such-centre"):
        answer = await send(owner, await new_form(owner), id=f"{centre}/x", scopeValue=centre, amount="1")
        assert answer.status_code == 404
        assert 'id="scopeValue-fault"' in answer.text
        assert "There is no such cost centre, or you may not limit it." in text_of(answer.text)
    own = await send(owner, await new_form(owner), id="product/x", scopeValue="product", amount="1")
    assert own.status_code == 403


async def test_what_somebody_else_changed_meanwhile_is_shown_before_it_is_overwritten(
    world: PageWorld, browsing: Browsing
) -> None:
    path = await made(world, "meanwhile")
    form = form_to(await page(browsing("finance"), f"{path}/change"), f"{path}/change")
    other = form_to(await page(browsing("admin"), f"{path}/change"), f"{path}/change")
    done = await send(browsing("admin"), other, amount="55", reason="it grew")

    refused = await send(browsing("finance"), form, amount="66")
    again = await send(browsing("finance"), form_to(refused.text, f"{path}/change"))

    assert done.headers["location"] == f"{path}?done=changed"
    assert refused.status_code == 412
    assert "Amount: now 55 , typed 66" in text_of(refused.text)
    assert "admin" in text_of(refused.text)
    assert again.status_code == 303
    assert (await api(world, f"{path}"))["definition"]["amount"] == 66


async def test_a_change_that_is_sent_twice_is_made_once(world: PageWorld, browsing: Browsing) -> None:
    path = await made(world, "twice")
    form = form_to(await page(browsing("finance"), f"{path}/change"), f"{path}/change")

    answers = [await send(browsing("finance"), form, amount="77", reason=HOSTILE) for _ in range(2)]
    html = await page(browsing("finance"), path)

    assert [each.status_code for each in answers] == [303, 303]
    assert len((await api(world, f"{path}/history"))["value"]) == 2
    assert "Amount: 40 → 77" in text_of(html)
    assert HOSTILE not in html
    assert HOSTILE in unescape(html)


async def test_deleting_asks_once_more(world: PageWorld, browsing: Browsing) -> None:
    path = await made(world, "deleted")
    form = form_to(await page(browsing("finance"), f"{path}/delete"), f"{path}/delete")
    change = form_to(await page(browsing("finance"), f"{path}/change"), f"{path}/change")
    await send(browsing("finance"), change, amount="88")

    stale = await send(browsing("finance"), form)
    done = await send(browsing("finance"), form_to(stale.text, f"{path}/delete"), reason="it is over")
    said = text_of(await page(browsing("finance"), done.headers["location"]))

    assert stale.status_code == 412
    assert done.headers["location"] == "/budgets?done=deleted"
    assert "product/search/deleted" not in said
    assert "The budget is deleted" in said
    assert (await browsing("finance").get(path)).status_code == 404


async def test_a_limit_is_overridden_and_the_override_ended(world: PageWorld, browsing: Browsing) -> None:
    path = await made(world, "overridden")
    finance, action = browsing("finance"), f"{path}/overrides"
    form = form_to(await page(finance, path), action)
    until = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M}"

    wrong = await send(finance, form, amount="much", until=until, reason="the launch")
    form = form_to(wrong.text, action)
    answers = [await send(finance, form, amount="500", reason=HOSTILE) for _ in range(2)]
    held = await page(finance, path)
    (ending,) = [each for each in forms_of(held) if each.action == action and each.fields["amount"] == "0"]
    ended = await send(finance, ending, reason="over")
    after = await page(finance, path)

    assert wrong.status_code == 400
    assert 'id="override-amount-fault"' in wrong.text
    assert 'value="much"' in wrong.text
    assert [each.headers["location"] for each in answers] == [f"{path}?done=overridden#overrides"] * 2
    assert "+500.00 by override" in text_of(held)
    assert HOSTILE not in held
    assert ended.headers["location"] == f"{path}?done=ended#overrides"
    assert "+500.00 by override" not in text_of(after)
    assert [each["amount"] for each in (await api(world, f"{path}/overrides"))["value"]] == [
        "500",
        "0",
    ]


async def test_a_replay_says_what_the_command_says(world: PageWorld, browsing: Browsing) -> None:
    finance, month = browsing("finance"), this_month()
    form = form_to(await page(finance, "/budgets/product:search:trial"), "/budgets/product:search:trial/replays")

    asked = await send(finance, form, month=month)
    waiting = text_of(await page(finance, asked.headers["location"]))
    assert 'id="replays" data-refresh="10"' in await page(finance, asked.headers["location"])
    await world.container.operation_runner.run_waiting()
    said = text_of(await page(finance, asked.headers["location"]))
    (kept,) = (await api(world, "/budgets/product:search:trial/replays"))["value"]
    budgets = (await world.container.catalogues.terms()).budgets
    replayer = await world.container.budget_replayer()
    found = await replayer.replay([each for each in budgets if each.id == TRIAL["id"]], Month(month))
    (command,) = replayed_budgets(found).budgets

    assert "waits for its turn" in waiting
    (window,), (shown,) = kept["windows"], command.windows
    assert (Decimal(window["spent"]), window["calls"]) == (shown.spent, shown.calls)
    assert [(each["percent"], each["do"], each["calls"]) for each in window["steps"]] == [
        (str(each.percent), each.action, each.calls) for each in shown.steps
    ]
    for each in shown.steps:
        assert f"{each.calls} {'warned' if each.action == 'warn' else 'refused'}" in said


async def test_another_amount_can_be_tried_and_changes_nothing(world: PageWorld, browsing: Browsing) -> None:
    path = await made(world, "tried")
    finance = browsing("finance")
    form = form_to(await page(finance, path), f"{path}/replays")

    wrong = await send(finance, form, month=this_month(), amount="none")
    await send(finance, form_to(wrong.text, f"{path}/replays"), month=this_month(), amount="9000")
    await world.container.operation_runner.run_waiting()
    said = text_of(await page(finance, path))

    assert wrong.status_code == 400
    assert 'id="replay-amount-fault"' in wrong.text
    assert "No step would have been reached" in said
    assert (await api(world, f"{path}"))["definition"]["amount"] == 40


async def test_nothing_is_done_for_a_form_of_another_page(world: PageWorld, browsing: Browsing) -> None:
    path = await made(world, "forged")
    form = form_to(await page(browsing("finance"), f"{path}/delete"), f"{path}/delete")

    forged = await send(browsing("finance"), form, form_token="forged")

    assert forged.status_code == 403
    assert (await browsing("finance").get(path)).status_code == 200


async def test_the_audit_log_has_each_change_with_the_page_as_its_door(world: PageWorld, browsing: Browsing) -> None:
    form = await new_form(browsing("finance"))
    await send(browsing("finance"), form, id="research/trial", scopeValue="research", amount="5", reason="a trial")

    entries = (await api(world, "/audit-log?act=budget.create", "auditor"))["value"]

    mine = [each for each in entries if each["actor"]["source"]["door"] == "page"]
    assert {each["phase"] for each in mine} == {"begun", "changing", "concluded"}
    assert mine[0]["actor"]["name"] == "finance"


async def test_without_any_budget_the_page_says_what_to_do(tmp_path: Path) -> None:
    config = Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))
    path_of(config, "budgets.yaml").unlink()
    async with browser_of(world_over(config).container, "finance") as browser:
        said = text_of(await page(browser, "/budgets"))

    assert "There is no budget that you may see" in said
