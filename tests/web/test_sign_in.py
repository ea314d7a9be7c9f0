"""Signing in: who gets in, where it leads, and what somebody may try at the door."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from chargeback.services.access.session_content import MOST_CHARACTERS
from chargeback.services.access.sessions import COOKIE
from chargeback.services.access.sign_in import cookie_of
from chargeback.web.local_paths import LONGEST_BACK, local_path
from stack.identity.people import API, PEOPLE
from tests.support.entra import REDIRECT_URI, Registered, asked_of, attempts, begun, choose, said_of, signed_in
from tests.support.entra import app as app
from tests.support.entra import authority as authority
from tests.support.entra import browser as browser

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("who", PEOPLE)
async def test_everybody_gets_in_with_what_entra_says_of_them_and_goes_on_with_the_page_they_wanted(
    app: Registered, browser: httpx.AsyncClient, who: str
) -> None:
    answer = await signed_in(browser, who, "/explore?month=2026-03&groupBy=model")
    welcome = await browser.get(answer.headers["location"])

    found = await app.container.sessions.find(browser.cookies[COOKIE])
    assert (answer.status_code, welcome.status_code) == (303, 303)
    assert welcome.headers["location"] == "/explore?month=2026-03&groupBy=model"
    assert found is not None
    assert (found.who.name, found.who.login, found.who.roles) == (
        PEOPLE[who].name,
        PEOPLE[who].login,
        set(PEOPLE[who].roles),
    )
    assert found.who.scope.cost_centres == ({"product/support"} if who == "owner" else set())


async def test_the_cookies_are_for_this_host_over_tls_alone_and_no_script_reads_them(
    browser: httpx.AsyncClient,
) -> None:
    asked = await browser.get("/sign-in")
    answer = await browser.get(await choose(asked.headers["location"], "finance"))

    (kept,) = asked.headers.get_list("set-cookie")
    session, forgotten = answer.headers.get_list("set-cookie")
    for line in (kept, session, forgotten):
        assert line.startswith("__Host-chargeback-s")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(line.split("; "))
        assert "domain" not in line.lower()
    assert "Max-Age=900" in kept
    assert "Max-Age" not in session
    assert "Max-Age=0" in forgotten
    assert attempts(browser) == []
    assert asked.headers["cache-control"] == answer.headers["cache-control"] == "no-store"


async def test_what_goes_to_entra_is_what_the_flow_asks_for_and_is_made_up_each_time(
    app: Registered, browser: httpx.AsyncClient
) -> None:
    first, second = [asked_of((await browser.get("/sign-in")).headers["location"]) for _ in range(2)]

    assert {name: first[name] for name in ("client_id", "response_type", "redirect_uri", "response_mode", "scope")} == {
        "client_id": API,
        "response_type": "code",
        "redirect_uri": REDIRECT_URI,
        "response_mode": "query",
        "scope": f"openid profile {API}/access_as_user",
    }
    assert first["code_challenge_method"] == "S256"
    assert "prompt" not in first
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert len(first[name]) >= 43
    assert first["state"] not in browser.cookies[cookie_of(first["state"])]


async def test_whoever_signed_out_may_choose_another_account(browser: httpx.AsyncClient) -> None:
    asked = await browser.get("/sign-in?account=choose")

    assert asked_of(asked.headers["location"])["prompt"] == "select_account"


async def test_the_address_of_the_pages_comes_from_the_settings_and_not_from_the_request(
    browser: httpx.AsyncClient,
) -> None:
    asked = await browser.get("/sign-in", headers={"host": "evil.example", "x-forwarded-host": "evil.example"})

    assert asked_of(asked.headers["location"])["redirect_uri"] == REDIRECT_URI


async def test_two_tabs_sign_in_side_by_side(app: Registered, browser: httpx.AsyncClient) -> None:
    first, second = [await browser.get(f"/sign-in?back=/{name}") for name in ("budgets", "months")]

    answers = [await browser.get(await choose(each.headers["location"], "finance")) for each in (first, second)]

    assert [asked_of(each.headers["location"])["back"] for each in answers] == ["/budgets", "/months"]


async def test_somebody_who_is_in_is_not_sent_to_entra_again(browser: httpx.AsyncClient) -> None:
    await signed_in(browser, "user")

    answer = await browser.get("/sign-in?back=/my-usage")

    assert (answer.status_code, answer.headers["location"]) == (303, "/my-usage")


async def test_somebody_who_goes_back_in_the_history_stays_in(browser: httpx.AsyncClient) -> None:
    asked = await browser.get("/sign-in")
    back = await choose(asked.headers["location"], "user")
    await browser.get(back)
    session = browser.cookies[COOKIE]

    again = await browser.get(back)

    assert (again.status_code, again.headers["location"]) == (303, "/")
    assert browser.cookies[COOKIE] == session


EVIL = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n//evil.example",
    "\t//evil.example",
    " //evil.example",
    "https://evil.example/",
    "https:evil.example",
    "javascript:alert(1)",
    "evil.example",
    "",
    "/overview\r\nSet-Cookie: a=b",
    "/sign-in",
    "/sign-in?back=/sign-in",
    "/sign-out",
    "/signed-in?code=1",
    "/signed-out",
    "/welcome?back=/welcome",
    "/a/../../evil",
    "/ümlaut",
    "/x#//evil.example",
    f"/{'x' * LONGEST_BACK}",
]


@pytest.mark.parametrize("back", EVIL)
async def test_nobody_is_sent_anywhere_but_to_a_page_of_this_site(browser: httpx.AsyncClient, back: str) -> None:
    answer = await signed_in(browser, "user", back)
    planted = await browser.get("/welcome", params={"back": back})
    while_in = await browser.get("/sign-in", params={"back": back})

    assert answer.headers["location"] == "/welcome?back=%2F"
    assert planted.headers["location"] == while_in.headers["location"] == "/"


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/overview", "/overview"),
        ("/explore?month=2026-03&q=https://evil.example/", "/explore?month=2026-03&q=https://evil.example/"),
        (f"/explore?{'x' * LONGEST_BACK}", "/explore"),
        ("/explore?a=\\\\evil", "/explore"),
        ("/budgets/a%2Fb", "/budgets/a%2Fb"),
    ],
)
def test_a_page_of_this_site_is_kept_with_its_question_where_that_is_safe(asked: str, led: str) -> None:
    assert local_path(asked) == led


async def test_an_answer_that_this_browser_never_asked_for_signs_nobody_in(
    app: Registered, browser: httpx.AsyncClient
) -> None:
    """An attacker who signs in and leads somebody else to the last step: login CSRF."""
    async with app.browser() as attacker:
        asked = await attacker.get("/sign-in")
        bait = await choose(asked.headers["location"], "user")

    answer = await browser.get(bait)

    assert answer.status_code == 400
    assert await said_of(browser, answer) == "This sign-in was not begun here"


async def test_the_state_of_one_sign_in_does_not_go_with_the_cookie_of_another(browser: httpx.AsyncClient) -> None:
    first, second = [asked_of((await browser.get("/sign-in")).headers["location"]) for _ in range(2)]
    browser.cookies.set(cookie_of(first["state"]), browser.cookies[cookie_of(second["state"])], domain="pages.test")

    answer = await browser.get("/signed-in", params={"code": "any", "state": first["state"]})

    assert await said_of(browser, answer) == "This sign-in was not begun here"


async def test_a_code_of_somebody_else_is_worth_nothing_in_another_sign_in(
    app: Registered, browser: httpx.AsyncClient
) -> None:
    """Code injection: without the code verifier of the browser that asked, Entra gives no token."""
    async with app.browser() as victim:
        stolen = (await choose((await victim.get("/sign-in")).headers["location"], "admin")).params["code"]
    state = (await begun(browser))["state"]

    answer = await browser.get("/signed-in", params={"code": stolen, "state": state})

    assert await said_of(browser, answer) == "That took too long"
    assert "AADSTS50148" in answer.text


async def test_a_code_is_good_for_one_session(app: Registered, browser: httpx.AsyncClient) -> None:
    asked = await browser.get("/sign-in")
    kept = dict(browser.cookies)
    back = await choose(asked.headers["location"], "admin")
    await browser.get(back)

    async with app.browser() as copied:
        copied.cookies.update(kept)
        answer = await copied.get(back)

        assert answer.status_code == 400
        assert "AADSTS54005" in answer.text
        assert COOKIE not in copied.cookies


async def test_a_sign_in_that_took_too_long_begins_again(app: Registered, browser: httpx.AsyncClient) -> None:
    asked = await browser.get("/sign-in")
    back = await choose(asked.headers["location"], "admin")
    app.now = datetime.now(UTC) + timedelta(minutes=16)

    answer = await browser.get(back)

    assert await said_of(browser, answer) == "That took too long"
    assert attempts(browser) == []


@pytest.mark.parametrize("name", ["state", "code"])
async def test_an_answer_that_says_something_twice_counts_for_none(browser: httpx.AsyncClient, name: str) -> None:
    asked = await browser.get("/sign-in")
    back = await choose(asked.headers["location"], "admin")

    answer = await browser.get(f"{back}&{name}=another")

    assert await said_of(browser, answer) == "This sign-in was not begun here"


async def test_a_browser_that_keeps_no_session_is_told_so_instead_of_going_round(browser: httpx.AsyncClient) -> None:
    answer = await signed_in(browser, "user")
    del browser.cookies[COOKIE]

    led = await browser.get(answer.headers["location"])

    assert led.status_code == 400
    assert await said_of(browser, led) == "Your browser kept no session"


async def test_a_browser_that_keeps_no_cookie_is_told_so(app: Registered) -> None:
    async with app.browser() as forgetful:
        asked = await forgetful.get("/sign-in")
        back = await choose(asked.headers["location"], "user")
        forgetful.cookies.clear()

        assert (await forgetful.get(back)).status_code == 400


async def test_tabs_with_long_addresses_never_have_more_cookies_than_front_ends_take(
    browser: httpx.AsyncClient,
) -> None:
    back = f"/explore?{'x' * (LONGEST_BACK - len('/explore?'))}"
    for _ in range(12):
        last = await browser.get("/sign-in", params={"back": back})
        sent = sum(len(name) + len(browser.cookies[name]) + len("=; ") for name in attempts(browser))
        assert sent + MOST_CHARACTERS < 16_000  # with the session

    assert (await browser.get(await choose(last.headers["location"], "user"))).status_code == 303


async def test_a_browser_with_many_tabs_does_not_gather_cookies_without_end(browser: httpx.AsyncClient) -> None:
    for _ in range(30):
        last = await browser.get("/sign-in")
        assert len(attempts(browser)) <= 9

    assert (await browser.get(await choose(last.headers["location"], "user"))).status_code == 303
