"""The section Budgets: the figures are those of the API and of the command, for whoever looks, however many."""

import re
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

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
from tests.support.page_worlds import PageWorld, this_month, world_over
from tests.support.pages import browser_of
from tests.web.pages.budget_pages import LAUNCH, PAGE, TRIAL, Browsing, api, made, page, text_of

pytestmark = pytest.mark.anyio


async def test_the_figures_are_those_of_the_api_and_of_the_command(limited: PageWorld, browsing: Browsing) -> None:
    status = await api(limited, "/budgets/product:search:launch/status")
    explained = await api(limited, "/budgets/product:search:launch/explanation")
    predicted = await api(limited, "/budget/predict/product:search:launch")
    found = await limited.container.budget_states.evaluate(datetime.now(UTC))
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


async def test_the_most_urgent_budget_comes_first_and_shadow_is_told(limited: PageWorld, browsing: Browsing) -> None:
    said = text_of(await page(browsing("finance"), "/budgets"))

    assert said.index("product/search/launch") < said.index("product/search/trial") < said.index("corporate/legal")
    assert "calls would be refused" in said
    assert "next: block at 90 %" in said


async def test_forecasts_that_take_long_follow_and_are_those_of_one_budget(
    limited: PageWorld, browsing: Browsing
) -> None:
    await made(limited, "forecast")
    first = await page(browsing("finance"), "/budgets")
    await limited.container.budget_outlooks.worked_out()
    then = await page(browsing("finance"), "/budgets")
    predicted = await api(limited, "/budget/predict/product:search:launch")

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


async def test_nobody_sees_what_is_not_theirs(limited: PageWorld, browsing: Browsing) -> None:
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


async def test_a_replay_says_what_the_command_says(limited: PageWorld, browsing: Browsing) -> None:
    finance, month = browsing("finance"), this_month()
    form = form_to(await page(finance, "/budgets/product:search:trial"), "/budgets/product:search:trial/replays")

    asked = await send(finance, form, month=month)
    waiting = text_of(await page(finance, asked.headers["location"]))
    assert 'id="replays" data-refresh="10"' in await page(finance, asked.headers["location"])
    await limited.container.operation_runner.run_waiting()
    said = text_of(await page(finance, asked.headers["location"]))
    (kept,) = (await api(limited, "/budgets/product:search:trial/replays"))["value"]
    budgets = (await limited.container.catalogues.terms()).budgets
    replayer = await limited.container.budget_replayer()
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


async def test_another_amount_can_be_tried_and_changes_nothing(limited: PageWorld, browsing: Browsing) -> None:
    path = await made(limited, "tried")
    finance = browsing("finance")
    form = form_to(await page(finance, path), f"{path}/replays")

    wrong = await send(finance, form, month=this_month(), amount="none")
    await send(finance, form_to(wrong.text, f"{path}/replays"), month=this_month(), amount="9000")
    await limited.container.operation_runner.run_waiting()
    said = text_of(await page(finance, path))

    assert wrong.status_code == 400
    assert 'id="replay-amount-fault"' in wrong.text
    assert "No step would have been reached" in said
    assert (await api(limited, f"{path}"))["definition"]["amount"] == 40


async def test_without_any_budget_the_page_says_what_to_do(tmp_path: Path) -> None:
    config = Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))
    path_of(config, "budgets.yaml").unlink()
    async with browser_of(world_over(config).container, "finance") as browser:
        said = text_of(await page(browser, "/budgets"))

    assert "There is no budget that you may see" in said
