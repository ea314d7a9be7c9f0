"""Signing out, and what is left of a session afterwards: nothing, on no instance."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.access.sessions import COOKIE
from chargeback.services.access.sign_in import cookie_of
from chargeback.web.visits import MOST_FIELDS
from stack.identity.people import PEOPLE
from stack.identity.tokens import TENANT
from tests.support.entra import KEY, Registered, begun, choose, page_of, signed_in, token_in
from tests.support.entra import app as app
from tests.support.entra import authority as authority
from tests.support.entra import browser as browser

pytestmark = pytest.mark.anyio


async def test_signing_out_ends_the_session_also_for_a_copy_on_another_instance(
    app: Registered, browser: httpx.AsyncClient
) -> None:
    await signed_in(browser, "finance")
    cookie, page = browser.cookies[COOKIE], await page_of(browser)
    another = app.another_instance()
    assert await another.sessions.find(cookie)

    answer = await browser.post("/sign-out", data={"form_token": token_in(page)})
    goodbye = await browser.get(answer.headers["location"])

    assert (answer.status_code, answer.headers["location"]) == (303, "/signed-out")
    assert COOKIE not in browser.cookies
    assert await another.sessions.find(cookie) is None
    assert await app.container.sessions.find(cookie) is None
    assert f'href="{app.authority}/{TENANT}/oauth2/v2.0/logout"' in goodbye.text
    assert 'href="/sign-in?account=choose"' in goodbye.text


@pytest.mark.parametrize("form", [{}, {"form_token": ""}, {"form_token": "x"}, {"form_token": "ü\x00"}])
async def test_nobody_is_signed_out_by_a_form_of_another_site(
    app: Registered, browser: httpx.AsyncClient, form: dict[str, str]
) -> None:
    await signed_in(browser, "finance")

    answer = await browser.post("/sign-out", data=form)

    assert answer.status_code == 403
    assert await app.container.sessions.find(browser.cookies[COOKIE])


async def test_the_form_of_one_session_does_not_end_another(app: Registered, browser: httpx.AsyncClient) -> None:
    async with app.browser() as other:
        await signed_in(other, "finance")
        foreign = token_in(await page_of(other))
    await signed_in(browser, "finance")

    assert (await browser.post("/sign-out", data={"form_token": foreign})).status_code == 403
    assert await app.container.sessions.find(browser.cookies[COOKIE])


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_looking_signs_nobody_out(app: Registered, browser: httpx.AsyncClient, method: str) -> None:
    await signed_in(browser, "finance")

    answer = await browser.request(method, "/sign-out")

    assert answer.status_code == 405
    assert await app.container.sessions.find(browser.cookies[COOKIE])


async def test_signing_out_without_a_session_is_harmless(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/sign-out", data={"form_token": "any"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/signed-out")


async def test_a_form_of_another_site_makes_no_browser_forget_its_session(browser: httpx.AsyncClient) -> None:
    """A browser sends no cookie along with such a form, and would still do what the answer says about it."""
    answer = await browser.post("/sign-out", data={"form_token": "any"}, headers={"Origin": "https://elsewhere.test"})

    assert "set-cookie" not in answer.headers


async def test_a_browser_forgets_a_session_that_is_no_longer_valid(browser: httpx.AsyncClient) -> None:
    browser.cookies.set(COOKIE, "worn out", domain="pages.test")

    answer = await browser.post("/sign-out", data={})

    assert "Max-Age=0" in answer.headers["set-cookie"]


@pytest.mark.parametrize("path", ["/sign-out", "/new-budget", "/months/2026-03/close"])
async def test_a_form_with_too_many_fields_is_refused_and_not_a_failure_of_ours(
    browser: httpx.AsyncClient, path: str
) -> None:
    answer = await browser.post(path, data={f"field-{number}": "1" for number in range(MOST_FIELDS + 1)})

    assert answer.status_code == 413
    assert f"more than {MOST_FIELDS} fields" in answer.text


class Away(MemoryControl):
    """A store of control documents that went away."""

    async def get(self, kind: str, name: str) -> dict[str, Any] | None:
        raise StoreUnavailable("Cosmos DB")

    async def get_versioned(
        self, kind: str, name: str, known: tuple[dict[str, Any], str] | None = None
    ) -> tuple[dict[str, Any], str] | None:
        raise StoreUnavailable("Cosmos DB")


async def test_while_the_store_is_away_pages_say_so_and_nobody_is_in_and_nobody_is_said_to_be_out(
    app: Registered, browser: httpx.AsyncClient
) -> None:
    await signed_in(browser, "finance")
    page = await page_of(browser)
    sessions = app.container.sign_in.sessions  # type: ignore[union-attr]
    there, sessions._ended._control = sessions._ended._control, Away()

    looked = [await browser.get(path) for path in ("/", "/overview", "/welcome", "/sign-in")]
    left = await browser.post("/sign-out", data={"form_token": token_in(page)})

    assert [each.status_code for each in (*looked, left)] == [503] * 5
    assert all("Cosmos" not in each.text for each in looked)
    assert COOKIE in browser.cookies
    sessions._ended._control = there
    assert (await browser.post("/sign-out", data={"form_token": token_in(page)})).status_code == 303


async def test_a_session_of_another_deployment_or_key_or_a_made_up_one_is_nobodys(
    app: Registered, browser: httpx.AsyncClient
) -> None:
    async with app.browser(app.another_instance(key="B" * 43)) as elsewhere:
        await signed_in(elsewhere, "admin")
        foreign = elsewhere.cookies[COOKIE]

    for value in (foreign, "admin", "A" * 300, ""):
        browser.cookies.set(COOKIE, value, domain="pages.test")
        answer = await browser.get("/overview")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?back=%2Foverview")


async def test_the_cookie_of_a_sign_in_is_no_session_and_a_session_no_sign_in(browser: httpx.AsyncClient) -> None:
    state = (await begun(browser))["state"]
    attempt = browser.cookies[cookie_of(state)]
    browser.cookies.set(COOKIE, attempt, domain="pages.test")

    assert (await browser.get("/overview")).headers["location"].startswith("/sign-in")
    browser.cookies.clear()
    await signed_in(browser, "admin")
    browser.cookies.set(cookie_of("s"), browser.cookies[COOKIE], domain="pages.test")
    del browser.cookies[COOKIE]
    assert (await browser.get("/signed-in?code=c&state=s")).status_code == 400


async def test_a_session_that_ended_leads_to_signing_in_and_its_forms_do_nothing(
    app: Registered, browser: httpx.AsyncClient
) -> None:
    await signed_in(browser, "finance")
    app.now = datetime.now(UTC) + timedelta(hours=3)

    assert (await browser.get("/overview?month=2026-03")).headers["location"] == (
        "/sign-in?back=%2Foverview%3Fmonth%3D2026-03"
    )
    assert (await browser.post("/sign-out", data={})).headers["location"] == "/signed-out"


async def test_an_app_without_a_registration_says_what_is_missing(app: Registered) -> None:
    vars(app.container).update(sign_in=None)
    async with app.browser() as browser:
        answers = [await browser.get(path) for path in ("/sign-in", "/signed-in?code=c&state=s")]

    assert [each.status_code for each in answers] == [503, 503]
    assert all("API_CLIENT_ID and PAGES_URL" in each.text for each in answers)


async def test_neither_codes_nor_tokens_nor_cookies_are_in_the_log(
    app: Registered, browser: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="chargeback")
    asked = await browser.get("/sign-in")
    back = await choose(asked.headers["location"], "finance")
    await browser.get(back)
    await browser.get(back)
    page = await page_of(browser)
    cookie = browser.cookies[COOKIE]
    await browser.post("/sign-out", data={"form_token": token_in(page)})

    lines = [json.loads(each.message) for each in caplog.records if each.name.startswith("chargeback")]
    assert [each["event"] for each in lines] == ["signed_in", "sign_in_failed", "signed_out"]
    assert lines[0]["actor"] == lines[2]["actor"] == f"person:{TENANT}/{PEOPLE['finance'].object_id}"
    for secret in (back.params["code"], back.params["state"], cookie, token_in(page), "Fiona", KEY):
        assert secret not in caplog.text
