"""Months on a page: what stands in the way, what is done about it, and what whoever comes second is told."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import unquote

import pytest
from msgspec.structs import replace

from chargeback.domain.periods.lifecycle import BillingPeriod
from chargeback.services.operations.operation import OperationState
from tests.support.page_worlds import MONTH, PageWorld, call
from tests.support.pages import FORM_TOKEN
from tests.support.people import as_person
from tests.support.shown_pages import shown, table_of
from tests.support.waiting_month import PAGE, Visitor, WaitingMonths, visitor
from tests.web.conftest import World

pytestmark = pytest.mark.anyio

REASON = "<script>alert('the draft')</script>"


@pytest.fixture
async def waiting(waiting_month: WaitingMonths) -> PageWorld:
    return await waiting_month()


async def month_of(world: PageWorld) -> BillingPeriod:
    return (await world.container.periods.get(MONTH))[0]


# Doing something to a month


async def test_a_draft_is_approved_once_however_often_the_button_is_pressed(waiting: PageWorld) -> None:
    async with visitor(waiting, "finance") as finance:
        filled_in = await finance.fill_in(f"{PAGE}/approve", reason=REASON)
        first, second = await finance.send(*filled_in), await finance.send(*filled_in)
        page = await finance.see(first.headers["location"])

    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"] == f"{PAGE}?done=approved"
    assert "The draft is approved." in page.words
    assert [each.what for each in (await month_of(waiting)).history] == ["approved"]
    assert page.words.count(REASON) == 2  # beside the approval, and in the history
    assert not page.all("script", src="")


async def test_a_draft_that_was_written_again_with_other_charges_is_not_approved_unseen(waiting: PageWorld) -> None:
    container, now = waiting.container, datetime.now(UTC)
    async with visitor(waiting, "finance") as finance:
        opened = await finance.fill_in(f"{PAGE}/approve", reason="all is checked")
        await container.ingest.ingest([call("legal", f"{MONTH}-11", 20_000)], now)
        await container.auditor.audit(now)
        await container.drafts.publish(MONTH, now)
        answer = await finance.send(*opened)
        before = (await month_of(waiting)).approval
        await finance.do(f"{PAGE}/approve")

    assert answer.status_code == 409
    assert "Its draft has other charges than when you looked: look at it again." in shown(answer.text).words
    assert before is None
    assert (await month_of(waiting)).approval is not None


async def test_an_approval_is_refused_with_every_reason_and_what_was_typed_stays(waiting_month: WaitingMonths) -> None:
    world = await waiting_month(has_draft=False)
    async with visitor(world, "finance") as finance:
        answer = await finance.do(f"{PAGE}/approve", 409, reason="all is checked")

    page = shown(answer.text)
    assert "It has no draft" in page.words
    assert [each.attributes["value"] for each in page.all("input", name="reason")] == ["all is checked"]
    assert (await month_of(world)).approval is None


async def test_whoever_comes_second_is_told_so_and_changes_nothing(waiting: PageWorld) -> None:
    async with visitor(waiting, "finance") as finance, visitor(waiting, "admin") as admin:
        await finance.do(f"{PAGE}/approve")
        late = await admin.fill_in(f"{PAGE}/withdraw-approval", reason="not yet")
        await finance.do(f"{PAGE}/withdraw-approval", reason="an amount is wrong")
        await finance.do(f"{PAGE}/approve", reason="corrected")
        answer = await admin.send(*late)
        again = shown(answer.text).all("form", method="post")[-1]
        form = {each.attributes["name"]: each.attributes["value"] for each in again.all("input")}
        done = await admin.send(late[0], form)

    assert answer.status_code == 412
    assert "somebody or a timer changed this month since you opened the page" in shown(answer.text).words
    assert (done.status_code, form["reason"]) == (303, "not yet")
    assert [each.reason for each in (await month_of(waiting)).history][-2:] == ["corrected", "not yet"]


async def test_a_form_of_another_session_does_nothing(waiting: PageWorld) -> None:
    async with visitor(waiting, "finance") as finance:
        path, form = await finance.fill_in(f"{PAGE}/approve")
        for token in ("", "another", FORM_TOKEN[:-1]):
            answer = await finance.send(path, form | {"form_token": token})
            assert (answer.status_code, "nothing was done" in answer.text) == (403, True)

    assert (await month_of(waiting)).history == ()


async def test_nobody_but_finance_has_the_forms_or_may_send_them(waiting: PageWorld) -> None:
    async with visitor(waiting, "finance") as finance:
        path, form = await finance.fill_in(f"{PAGE}/approve")
    for who, status in (("auditor", 403), ("owner", 403), ("user", 403), ("operator", 404), ("nobody", 404)):
        async with visitor(waiting, who) as other:
            assert (await other.browser.get(path)).status_code == 404
            assert (await other.send(path, form)).status_code == status
            assert (await other.send(f"{PAGE}/close-in-spite", form | {"reason": "x"})).status_code == status
            if status == 403:
                page = await other.see(PAGE)
                assert not page.all("form", method="post")[1:], who  # but for signing out
                assert "Approve the draft" not in page.words

    assert (await month_of(waiting)).history == ()
    assert await waiting.container.operations.waiting() == ()


async def test_a_closing_is_refused_by_what_is_open_and_goes_on_in_spite_of_it_for_a_reason(waiting: PageWorld) -> None:
    async with visitor(waiting, "finance") as finance, visitor(waiting, "admin") as admin:
        await finance.do(f"{PAGE}/approve")
        asked = await admin.do(f"{PAGE}/close")
        before = await admin.see(asked.headers["location"])
        await waiting.container.operation_runner.run_waiting()
        refused = await admin.see(asked.headers["location"])
        anyway = refused.link("Do it in spite of this")
        confirming = await admin.see(anyway)
        without_reason = await admin.do(anyway, 400, reason="  ")
        filled_in = await admin.fill_in(anyway, reason="research pays it next month")
        first, second = await admin.send(*filled_in), await admin.send(*filled_in)
        await waiting.container.operation_runner.run_waiting()
        done = await admin.see(first.headers["location"])
        closed = await admin.see(PAGE)

    assert "It begins within a minute" in before.words
    assert before.all("section", id="operation", data_refresh="5")
    assert "refused" in refused.words
    assert "mystery (mystery-1)" in refused.words
    assert not refused.all("section", data_refresh="5")
    assert "mystery (mystery-1)" in confirming.words
    assert "say why" in shown(without_reason.text).words.lower()
    assert first.headers["location"] == second.headers["location"]
    assert "The month is closed, and its files stay as they are." in done.words
    assert "Its files are final" in closed.words
    assert "in spite of:" in closed.words
    assert "research pays it next month" in closed.words
    assert (await month_of(waiting)).state == "closed"


async def test_whoever_approved_does_not_close(waiting: PageWorld) -> None:
    async with visitor(waiting, "finance") as finance:
        await finance.do(f"{PAGE}/approve")
        page = await finance.see(f"{PAGE}/close")

    assert "whoever approves does not close" in page.words
    assert "Nobody can close the month before what cannot be overridden is done." in page.words


async def test_a_closed_month_is_rated_again_and_trued_up_for_those_who_say_why(waiting_month: WaitingMonths) -> None:
    world = await waiting_month(is_priced=True)
    async with visitor(world, "finance") as finance, visitor(world, "admin") as admin:
        await finance.do(f"{PAGE}/approve")
        await _done(world, admin, f"{PAGE}/close")
        unsaid = await finance.do(f"{PAGE}/correct", 400)
        corrected = await _done(world, finance, f"{PAGE}/correct", reason="the contract says so")
        compared = await _done(world, finance, f"{PAGE}/reconcile")
        removed = await _done(world, finance, f"{PAGE}/remove-true-up")
        again = await finance.do(f"{PAGE}/close", 409)
        published = await finance.do(f"{PAGE}/publish", 409)
        page = await finance.see(PAGE)

    assert unsaid.text.count('aria-invalid="true"') == 1
    assert "No line differs" in corrected
    assert "was compared: invoiced 0" in compared
    assert "There was none." in removed
    assert "is closed" in shown(again.text).words
    assert "its files stay as they are" in shown(published.text).words
    assert "Rate March 2026 again done" in page.words


async def _done(world: PageWorld, who: Visitor, path: str, **fields: str) -> str:
    """Do long work, and say what its page says when it is over."""
    asked = await who.do(path, **fields)
    await world.container.operation_runner.run_waiting()
    return (await who.see(asked.headers["location"])).words


async def test_work_whose_run_was_killed_says_what_happens_next(waiting: PageWorld) -> None:
    operations = waiting.container.operations
    async with visitor(waiting, "finance") as finance:
        where = (await finance.do(f"{PAGE}/publish")).headers["location"]
        known, token = await operations.get(where.rpartition("/")[2])
        await operations.put(replace(known, state=OperationState.RUNNING, tries=2), token)
        page = await finance.see(where)
        month = await finance.see(PAGE)
        await waiting.container.operation_runner.run_waiting()
        after = await finance.see(where)

    assert "this is try 2" in page.words
    assert "another one begins it again within six minutes, and nothing is done twice" in page.words
    assert month.all("section", id="operations", data_refresh="10")
    assert "The draft comes to" in after.words


async def test_an_operation_of_others_is_not_there(waiting: PageWorld) -> None:
    async with visitor(waiting, "finance") as finance:
        where = (await finance.do(f"{PAGE}/publish")).headers["location"]
    for who, status in (("auditor", 200), ("owner", 404), ("user", 404), ("operator", 404)):
        async with visitor(waiting, who) as other:
            await other.see(where, status)


# Looking at months


async def test_what_stands_in_the_way_is_told_with_something_to_do_about_it(waiting: PageWorld) -> None:
    async with visitor(waiting, "finance") as finance, visitor(waiting, "auditor") as auditor:
        page, for_auditor = await finance.see(PAGE), await auditor.see(PAGE)
        explored = await finance.see(page.link("Explore it"))

    assert "Nobody has approved it" in page.words
    assert "1 of 3 requests (33.333\u00a0%) is unpriced: mystery (mystery-1)" in page.words
    assert f"{PAGE}/approve" in {each.attributes["href"] for each in page.all("a")}
    head, rows, _ = table_of(page)
    assert head[:2] == ["Model", "Meter"]
    assert ["mystery-1", "input_tokens"] in [row[:2] for row in rows]
    assert "mystery-1" in explored.words
    assert "is unpriced: mystery (mystery-1)" in for_auditor.words
    assert not [each for each in for_auditor.all("a") if each.attributes["href"].startswith(f"{PAGE}/app")]


async def test_months_are_listed_the_newest_first_with_their_totals_and_last_months_file(world: World) -> None:
    built = await world("ordinary")
    async with visitor(built, "finance") as finance:
        page = await finance.see("/months")
        head, rows, _ = table_of(page)
        answer = await finance.browser.get("/api/v1/periods/2026-02/corrections", headers=as_person("finance"))
        corrections = answer.json()["value"]
        february = (await finance.see("/months/2026-02")).all("dd", class_="big")[0].words
        file = await finance.browser.get(page.all("a", download="")[0].attributes["href"])

    months = [row[0] for row in rows]
    assert months[-3:] == ["March 2026", "February 2026", "January 2026"]
    row = dict(zip(head, rows[-2], strict=True))
    [correction] = corrections
    assert row["State"] == "closed final approved by finance"
    assert row["Total"] == february
    assert row["Corrections in it"] == f"+{Decimal(correction['cost']):.2f} USD"
    assert re.fullmatch(r"\d things", rows[-3][head.index("In the way")])
    assert file.headers["content-disposition"] == 'attachment; filename="chargeback-2026-02.csv"'


async def test_every_file_is_what_the_api_gives_and_runs_nothing_here(world: World) -> None:
    built = await world("ordinary")
    async with visitor(built, "finance") as finance:
        page = await finance.see("/months/2026-02")
        links = [each.attributes["href"] for each in page.all("a", download="")]
        given = {link: await finance.browser.get(link) for link in links}
        html = next(link for link in links if link.endswith(".html"))
        part = await finance.browser.get(html, headers={"Range": "bytes=5-9"})
        known = await finance.browser.get(html, headers={"If-None-Match": given[html].headers["etag"]})
        beyond = await finance.browser.get(html, headers={"Range": "bytes=99999999-"})

    assert len(links) > 20
    for link, answer in given.items():
        name = unquote(link.removeprefix("/months/2026-02/files/"))
        assert answer.content == built.container.closed_reports.files[f"2026-02/{name}"]
        assert answer.headers["content-disposition"] == f'attachment; filename="{name.rpartition("/")[2]}"'
        assert answer.headers["content-security-policy"].startswith("sandbox;")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (part.status_code, part.content) == (206, given[html].content[5:10])
    assert (known.status_code, beyond.status_code) == (304, 416)


async def test_owners_have_their_statements_and_no_other_file(world: World) -> None:
    built = await world("ordinary")
    async with visitor(built, "owner") as owner, visitor(built, "finance") as finance:
        page = await owner.see("/months/2026-02")
        theirs = {each.attributes["href"] for each in page.all("a", download="")}
        every = {each.attributes["href"] for each in (await finance.see("/months/2026-02")).all("a", download="")}
        hidden = {link: await owner.browser.get(link) for link in every - theirs}
        nothing = await owner.browser.get("/months/2026-02/files/nothing.csv")

    assert {re.sub(r"/statement-.*", "", link) for link in theirs} == {
        f"/months/2026-02/files/statements/product{below}" for below in ("", "/search", "/support", "/support/voice")
    }
    assert hidden
    for answer in (*hidden.values(), nothing):
        assert answer.status_code == 404
        assert "There is no such page" in answer.text
        assert answer.headers["content-type"].startswith("text/html")
    assert not page.all("section", id="history")
    assert not page.all("section", id="in-the-way")


@pytest.mark.parametrize(("who", "says_so"), [("auditor", True), ("owner", False), ("user", False)])
async def test_who_approved_is_told_to_those_who_may_know_and_nobody_else_is_told_that_nobody_did(
    world: World, who: str, *, says_so: bool
) -> None:
    built = await world("ordinary")
    async with visitor(built, who) as somebody:
        page = await somebody.see("/months/2026-02")

    assert ("checked with the heads of the units" in page.words) is says_so
    assert "nobody approved it" not in page.words


async def test_whoever_has_no_files_is_led_to_none(world: World) -> None:
    built = await world("ordinary")
    async with visitor(built, "user") as user, visitor(built, "owner") as owner:
        theirs, of_owner = await user.see("/months"), await owner.see("/months")

    assert not [each for each in theirs.all("a") if each.attributes["href"].endswith("#files")]
    assert [each for each in of_owner.all("a") if each.attributes["href"].endswith("#files")]


async def test_statements_of_many_cost_centres_are_found_by_a_part_of_their_name(world: World) -> None:
    built = await world("ordinary")
    async with visitor(built, "finance") as finance:
        page = await finance.see("/months/2026-02?statements=VOICE")
        none = await finance.see("/months/2026-02?statements=<b>x")

    assert "1 of 1 are shown" in page.words
    assert "No cost centre has this in its name." in none.words
    assert [each.attributes["value"] for each in none.all("input", name="statements")] == ["<b>x"]


async def test_before_the_first_call_there_is_the_month_under_way_and_nothing_of_it(world: World) -> None:
    built = await world("empty")
    async with visitor(built, "finance") as finance:
        page = await finance.see("/months")

    _, rows, _ = table_of(page)
    assert len(rows) == 1
    assert rows[0][2] == "\N{EN DASH}"


@pytest.mark.parametrize("path", ["/months/2026-13", "/months/x", "/months/2026-03/no-such-act", "/months/%2e%2e/x"])
async def test_what_is_no_month_is_no_page(world: World, path: str) -> None:
    async with visitor(await world("ordinary"), "finance") as finance:
        await finance.see(path, 404)


async def test_what_is_said_afterwards_is_never_a_text_of_the_address(world: World) -> None:
    async with visitor(await world("ordinary"), "finance") as finance:
        page = await finance.see(f"{PAGE}?done=You+have+won")

    assert "You have won" not in page.words
