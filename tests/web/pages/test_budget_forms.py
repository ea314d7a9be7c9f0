"""The forms of budgets: each change is made once, on record, by whoever may, and nothing is overwritten unseen."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from chargeback.services.requests.repeatable import REQUEST_LEASE, RepeatableRequest, RepeatableRequests
from tests.support.page_forms import form_to, forms_of, send
from tests.support.page_reading import read_page
from tests.support.page_worlds import PageWorld
from tests.web.pages.budget_pages import HOSTILE, PAGE, Browsing, api, made, page, text_of

pytestmark = pytest.mark.anyio


async def new_form(browser: httpx.AsyncClient) -> Any:
    return form_to(await page(browser, "/new-budget"), "/new-budget")


async def test_an_owner_limits_what_is_below_the_own_cost_centre(limited: PageWorld, browsing: Browsing) -> None:
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


async def test_a_budget_is_made_once_however_often_the_form_is_sent(limited: PageWorld, browsing: Browsing) -> None:
    form = await new_form(browsing("finance"))
    typed = {"id": "research/trial", "scopeValue": "research", "amount": "120.50", "owner": "Eve", "reason": "a trial"}

    answers = [await send(browsing("finance"), form, **typed) for _ in range(2)]
    shown = text_of(await page(browsing("finance"), answers[0].headers["location"]))

    assert [each.status_code for each in answers] == [303, 303]
    assert answers[0].headers["location"] == "/budgets/research:trial?done=created"
    definition = (await api(limited, "/budgets/research:trial"))["definition"]
    assert (definition["amount"], definition["shadow"], len(definition["steps"])) == ("120.5", True, 2)
    assert len((await api(limited, "/budgets/research:trial/history"))["value"]) == 1
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
    limited: PageWorld, browsing: Browsing
) -> None:
    path = await made(limited, "meanwhile")
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
    assert (await api(limited, f"{path}"))["definition"]["amount"] == 66


async def test_a_change_that_is_sent_twice_is_made_once(limited: PageWorld, browsing: Browsing) -> None:
    path = await made(limited, "twice")
    form = form_to(await page(browsing("finance"), f"{path}/change"), f"{path}/change")

    answers = [await send(browsing("finance"), form, amount="77", reason=HOSTILE) for _ in range(2)]
    html = await page(browsing("finance"), path)

    assert [each.status_code for each in answers] == [303, 303]
    assert len((await api(limited, f"{path}/history"))["value"]) == 2
    assert "Amount: 40 → 77" in text_of(html)
    assert HOSTILE not in html
    assert HOSTILE in unescape(html)


async def test_deleting_asks_once_more(limited: PageWorld, browsing: Browsing) -> None:
    path = await made(limited, "deleted")
    form = form_to(await page(browsing("finance"), f"{path}/delete"), f"{path}/delete")
    change = form_to(await page(browsing("finance"), f"{path}/change"), f"{path}/change")
    await send(browsing("finance"), change, amount="88")

    stale = await send(browsing("finance"), form)
    done = await send(browsing("finance"), form_to(stale.text, f"{path}/delete"), reason="it is over")
    said = text_of(await page(browsing("finance"), done.headers["location"]))
    again = await send(browsing("finance"), form_to(stale.text, f"{path}/delete"), reason="it is over")

    assert stale.status_code == 412
    assert done.headers["location"] == "/budgets?done=deleted"
    assert again.headers["location"] == "/budgets?done=gone"
    assert "no such budget any more" in text_of(await page(browsing("finance"), again.headers["location"]))
    assert "product/search/deleted" not in said
    assert "The budget is deleted" in said
    assert (await browsing("finance").get(path)).status_code == 404


async def test_a_limit_is_overridden_and_the_override_ended(limited: PageWorld, browsing: Browsing) -> None:
    path = await made(limited, "overridden")
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
    assert [each["amount"] for each in (await api(limited, f"{path}/overrides"))["value"]] == [
        "500",
        "0",
    ]


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """No request lives to say how it ended, until what is given is called: then whoever died is given up, too."""
    begin, end = RepeatableRequests.begin, RepeatableRequests.end

    async def die(*_: object) -> None:
        raise ConnectionResetError("killed")

    async def begin_later(self: RepeatableRequests, name: str, asked: str, now: datetime) -> RepeatableRequest:
        return await begin(self, name, asked, now + REQUEST_LEASE)

    def live_on() -> None:
        monkeypatch.setattr(RepeatableRequests, "end", end)
        monkeypatch.setattr(RepeatableRequests, "begin", begin_later)

    monkeypatch.setattr(RepeatableRequests, "end", die)
    yield live_on
    monkeypatch.undo()


async def test_a_form_that_is_sent_again_after_a_kill_does_nothing_twice(
    limited: PageWorld, browsing: Browsing, dying: Callable[[], None]
) -> None:
    path = await made(limited, "killed")
    finance = browsing("finance")
    until = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M}"
    overriding = form_to(await page(finance, path), f"{path}/overrides")
    making = await new_form(finance)
    override = {"amount": "500", "until": until, "reason": "the launch"}
    budget = {"id": "research/killed", "scopeValue": "research", "amount": "5", "reason": "a trial"}

    for form, typed in ((overriding, override), (making, budget)):
        killed = await send(finance, form, **typed)
        waiting = await send(finance, form, **typed)
        assert (killed.status_code, waiting.status_code) == (500, 409)
        assert "send it again in some seconds" in text_of(waiting.text)
        (form.fields,) = [
            each.fields for each in forms_of(waiting.text) if each.fields.get("amount") == typed["amount"]
        ]
    dying()
    answers = [await send(finance, form) for form in (overriding, making)]

    assert [each.status_code for each in answers] == [303, 303]
    assert [each["amount"] for each in (await api(limited, f"{path}/overrides"))["value"]] == ["500"]
    assert len((await api(limited, "/budgets/research:killed/history"))["value"]) == 1


async def test_nothing_is_done_for_a_form_of_another_page(limited: PageWorld, browsing: Browsing) -> None:
    path = await made(limited, "forged")
    form = form_to(await page(browsing("finance"), f"{path}/delete"), f"{path}/delete")

    forged = await send(browsing("finance"), form, form_token="forged")

    assert forged.status_code == 403
    assert (await browsing("finance").get(path)).status_code == 200


async def test_the_audit_log_has_each_change_with_the_page_as_its_door(limited: PageWorld, browsing: Browsing) -> None:
    form = await new_form(browsing("finance"))
    await send(browsing("finance"), form, id="research/trial", scopeValue="research", amount="5", reason="a trial")

    entries = (await api(limited, "/audit-log?act=budget.create", "auditor"))["value"]

    mine = [each for each in entries if each["actor"]["source"]["door"] == "page"]
    assert {each["phase"] for each in mine} == {"begun", "changing", "concluded"}
    assert mine[0]["actor"]["name"] == "finance"
