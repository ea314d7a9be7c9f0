"""People sign in to the pages in a real browser, over the real Functions host, the vault and the local tenant."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from playwright.async_api import Browser, Page

from chargeback.services.access.sessions import COOKIE
from stack.identity.people import PEOPLE
from stack.stack import Stack
from tests.support.screens import PHONE, chromium_running, inaccessible, misplaced

pytestmark = [pytest.mark.servers, pytest.mark.anyio]


SIGN_IN = "/sign-in?back=%2F"


@pytest.fixture(scope="module")
def vault(stack: Stack) -> Iterator[Stack]:
    with Stack(services=["vault"], beside=stack) as servers:
        yield servers


@pytest.fixture(scope="module")
def pages(vault: Stack) -> Iterator[str]:
    with Stack(services=["functions"], beside=vault) as servers:
        yield servers.url("functions")


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with chromium_running() as found:
        yield found


async def enter(page: Page, pages: str, who: str, path: str = "/overview") -> None:
    await page.goto(f"{pages}{path}")
    await page.get_by_role("button", name=PEOPLE[who].name).click()
    await page.wait_for_url(f"{pages}/**")


async def cookie_in(page: Page) -> str:
    return {each["name"]: each["value"] for each in await page.context.cookies()}.get(COOKIE, "")


def led_to(pages: str, cookie: str) -> str:
    """Where the first page leads somebody who has a cookie."""
    answer = httpx.get(f"{pages}/", headers={"cookie": f"{COOKIE}={cookie}"}, trust_env=False, timeout=60)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("who", PEOPLE)
async def test_somebody_signs_in_looks_and_signs_out_and_a_copy_of_the_cookie_is_worth_nothing(
    chromium: Browser, pages: str, who: str, *, javascript: bool
) -> None:
    context = await chromium.new_context(java_script_enabled=javascript)
    page = await context.new_page()

    await enter(page, pages, who, "/")
    assert await page.get_by_role("banner").get_by_text(PEOPLE[who].name).is_visible()
    cookie = await cookie_in(page)
    before = led_to(pages, cookie)
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url(f"{pages}/signed-out")
    gone, left = led_to(pages, cookie), await cookie_in(page)
    await page.go_back()
    behind = page.url
    await context.close()

    assert before in ("/overview", "/my-usage", "/log")
    assert gone == SIGN_IN
    assert left == ""
    assert not behind.startswith((f"{pages}/overview", f"{pages}/my-usage", f"{pages}/log")), "it is shown again"


async def test_a_session_counts_on_every_instance_and_ends_on_every_instance(
    chromium: Browser, vault: Stack, pages: str
) -> None:
    with Stack(services=["functions"], beside=vault) as servers:
        another = servers.url("functions")
        context = await chromium.new_context()
        page = await context.new_page()
        await enter(page, pages, "finance")
        cookie = await cookie_in(page)
        before = led_to(another, cookie)
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url(f"{pages}/signed-out")
        after = led_to(another, cookie)
        await context.close()

    assert (before, after) == ("/overview", SIGN_IN)


async def test_somebody_goes_on_with_the_page_they_wanted_and_whoever_cancels_is_told(
    chromium: Browser, pages: str
) -> None:
    context = await chromium.new_context()
    page = await context.new_page()

    await page.goto(f"{pages}/explore?month=2026-03&groupBy=model")
    await page.get_by_role("button", name="Cancel").click()
    await page.wait_for_url(f"{pages}/signed-in**")
    told = await page.inner_text("main")
    await enter(page, pages, "auditor", "/explore?month=2026-03&groupBy=model")
    led = page.url
    await context.close()

    assert "The sign-in ended before it was done" in told
    assert led == f"{pages}/explore?month=2026-03&groupBy=model"


async def test_the_pages_of_signing_in_and_out_can_be_used_by_everybody(chromium: Browser, pages: str) -> None:
    faults = []
    for dark in (False, True):
        context = await chromium.new_context(
            viewport={"width": PHONE[0], "height": PHONE[1]}, color_scheme="dark" if dark else "light", bypass_csp=True
        )
        page = await context.new_page()
        for path in ("/overview", "/signed-out", "/signed-in?code=1&state=1", "/welcome"):
            await page.goto(f"{pages}{path}")
            faults += [f"{path}: {each}" for each in (*await inaccessible(page), *await misplaced(page))]
        await context.close()

    assert faults == []


async def test_an_address_that_is_not_registered_stays_on_entras_page(chromium: Browser, vault: Stack) -> None:
    elsewhere = {"PAGES_URL": "https://costs.example.com"}
    with Stack(services=["functions"], beside=vault, extra_env=elsewhere) as servers:
        context = await chromium.new_context()
        page = await context.new_page()
        await page.goto(f"{servers.url('functions')}/overview")
        told = await page.inner_text("body")
        await context.close()

    assert "AADSTS50011" in told
