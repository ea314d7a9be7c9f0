"""Every page, for every role, over every product, on every screen: `THOROUGH=2` looks at each with each.

Without it, the suite looks at each page on each kind of screen as finance over the ordinary product, at each over the
other products, and at each as everybody else without a screen. Screenshots are left in `screens.SCREENSHOTS`.
"""

import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from itertools import product
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, Route
from pypdf import PdfReader

from chargeback.web.site import site
from tests.support.examples import THOROUGH
from tests.support.page_reading import read_page
from tests.support.page_worlds import BLOB, COSMOS, PEOPLE, WORLDS, without
from tests.support.pages import browser_of
from tests.support.screens import DESKTOP, PHONE, Screen, inaccessible, misplaced, stops, wider_tables
from tests.web.conftest import Visiting, World
from tests.web.every_page import ASKS_NOTHING, EVERYBODY, NOT_LOOKED_AT, OF_ORDINARY, PAGES, routes_of

pytestmark = pytest.mark.anyio

NAMES = sorted(EVERYBODY)
EVERYWHERE = THOROUGH > 1
LINKS = 400 if EVERYWHERE else 60
"""So many links are followed from the first page on."""


def address(path: str) -> str:
    return PAGES[path][1]


def seen_by(who: str) -> list[str]:
    return [path for path, (people, _) in PAGES.items() if who in people]


async def test_each_page_of_the_site_is_looked_at(world: World) -> None:
    built = await world("empty")

    assert set(routes_of(site(built.container, built.site))) - NOT_LOOKED_AT == set(PAGES)


# Without a screen


@pytest.mark.parametrize("who", NAMES)
async def test_each_role_sees_its_pages_and_no_others(world: World, who: str) -> None:
    built = await world("ordinary")
    async with browser_of(built.container, who) as browser:
        answers = {path: await browser.get(address(path)) for path in PAGES}

    assert {path for path, answer in answers.items() if answer.status_code == 200} == set(seen_by(who))
    assert {answer.status_code for answer in answers.values()} <= {200, 404}
    for path, answer in answers.items():
        assert read_page(answer.text).faults == [], path
        assert answer.headers["cache-control"] == "no-store"
        assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("name", [name for name in WORLDS if name != "ordinary"])
async def test_each_page_is_whole_over_each_product(world: World, name: str) -> None:
    built = await world(name)
    for who in NAMES if EVERYWHERE else ("finance", "user"):
        async with browser_of(built.container, who) as browser:
            for path in seen_by(who):
                answer = await browser.get(address(path))
                is_of_ordinary = path in OF_ORDINARY and answer.status_code in (404, 409)
                assert answer.status_code == 200 or is_of_ordinary, (who, path, answer.text)
                assert read_page(answer.text).faults == [], (who, path)


@pytest.mark.parametrize("who", NAMES if EVERYWHERE else ["finance", "owner", "operator"])
async def test_every_link_leads_somewhere(world: World, who: str) -> None:
    built = await world("ordinary")
    async with browser_of(built.container, who) as browser:
        found, followed = [*map(address, seen_by(who))], set[str]()
        while found and len(followed) < LINKS:
            # Pages before files, and those that are unlike the ones before.
            found.sort(key=lambda link: (_kind(link) in map(_kind, followed), "/files/" in link))
            link = found.pop(0)
            if link in followed or _kind(link)[0] not in {_kind(path)[0] for path in PAGES}:
                continue
            followed.add(link)
            answer = await browser.get(link, follow_redirects=True)
            assert answer.status_code == 200, link
            if answer.headers["content-type"].startswith("text/html"):
                found += read_page(answer.text).links

    assert len({_kind(link) for link in followed}) >= len(seen_by(who))


def _kind(link: str) -> tuple[str, ...]:
    """What a link has in common with others: the section, the depth and the names of the parameters."""
    path, _, query = link.partition("?")
    return (path.split("/")[1], str(path.count("/")), *sorted(part.partition("=")[0] for part in query.split("&")))


@pytest.mark.parametrize("stores", [COSMOS, BLOB], ids=["Cosmos DB", "Blob storage"])
async def test_while_a_store_is_away_each_page_says_so(stores: Sequence[str]) -> None:
    built = without(*stores)
    async with browser_of(built.container, "admin") as browser:
        for path in seen_by("admin"):
            answer = await browser.get(address(path))
            assert answer.status_code in (200, 404, 503), path
            assert read_page(answer.text).faults == []
            assert "Traceback" not in answer.text
            if answer.status_code == 200 and stores is COSMOS and path not in ASKS_NOTHING:
                assert "cannot be shown now" in answer.text, path


async def test_whoever_is_not_signed_in_does_so_first_and_comes_back(world: World) -> None:
    built = await world("empty")
    async with browser_of(built.container, "somebody whose session ended") as browser:
        for path in PAGES:
            answer = await browser.get(address(path))
            where = httpx.URL(answer.headers["location"])
            assert (answer.status_code, where.path, where.params["back"]) == (303, "/sign-in", address(path))


# On screens

Returning = Callable[..., AbstractAsyncContextManager[Screen]]


@pytest.fixture(scope="module")
async def returning(visiting: Visiting) -> AsyncIterator[Returning]:
    """Opens a screen as `visiting` does, in a browser that somebody left open: a new one takes a second.

    One in which a test failed is left alone from then on.
    """
    left: dict[tuple[object, ...], Screen] = {}
    async with AsyncExitStack() as browsers:

        @asynccontextmanager
        async def visit(name: str, who: str, **options: Any) -> AsyncIterator[Screen]:
            key = (name, who, *sorted(options.items()))
            if key not in left:
                left[key] = await browsers.enter_async_context(await visiting(name, who, **options))
            at = left.pop(key)
            yield at
            await at.leave(options.get("size", DESKTOP))
            left[key] = at

        yield visit


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_holds_up_on_every_screen(returning: Returning, path: str) -> None:
    who = "finance" if "finance" in PAGES[path][0] else "admin"
    async with returning("ordinary", who) as at:
        await at.go(address(path))
        await at.page.wait_for_load_state("networkidle")  # a part that takes longer comes afterwards
        await _looks_right(at, f"{path} desktop")
        assert await wider_tables(at.page) == []
        await at.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        assert await inaccessible(at.page, "color-contrast") == []
        await at.keep(f"{path} dark")
        await at.resize(PHONE)
        await _looks_right(at, f"{path} phone")
        await at.resize((320, 600))  # 1280 at 400 %
        assert await misplaced(at.page) == []
        await at.resize(DESKTOP)
        async with at.spaced_out():
            assert await misplaced(at.page) == []
        await at.page.emulate_media(color_scheme="light")
        await _is_used_with_keys(at)  # at the end, as the focus comes back to the top a moment after the last control


async def _looks_right(at: Screen, name: str) -> None:
    await at.keep(name)
    assert await misplaced(at.page) == [], name
    assert await inaccessible(at.page) == [], name


async def _is_used_with_keys(at: Screen) -> None:
    """The tabulator reaches every control in the order of the page, each is seen then, and the first skips ahead."""
    reached = await stops(at.page)
    assert reached.left_out == []
    assert reached.labels[0] == "Skip to the content"
    assert reached.unseen == []
    assert reached.in_order


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_prints_without_what_only_a_screen_needs(returning: Returning, path: str) -> None:
    who = "finance" if "finance" in PAGES[path][0] else "admin"
    async with returning("ordinary", who) as at:
        page = await at.go(address(path))
        title = await page.inner_text("h1")
        await page.emulate_media(media="print")
        printed = PdfReader(io.BytesIO(await page.pdf(format="A4")))

    text = " ".join(" ".join(sheet.extract_text() for sheet in printed.pages).split())
    assert title in text
    for word in ("Sign out", "Skip to the content", "My usage Log", "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"):
        assert word not in text
    assert len(printed.pages) < 12


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_says_the_same_without_scripts(returning: Returning, path: str) -> None:
    who = "finance" if "finance" in PAGES[path][0] else "admin"
    async with (
        returning("ordinary", who) as at,
        returning("ordinary", who, javascript=False) as without_scripts,
    ):
        await at.page.route("**/*", _bring_nothing_later)
        plain = await _worked_out(without_scripts, address(path))
        scripted = await at.go(address(path))

        assert await scripted.inner_text("main") == await plain.inner_text("main")


async def _worked_out(at: Screen, where: str) -> Page:
    """A page once it has all the forecasts that are worked out beside it."""
    page = await at.go(where)
    while "being worked out" in await page.inner_text("main"):
        page = await at.go(where)
    return page


async def _bring_nothing_later(route: Route) -> None:
    """What a script asks for afterwards stays away, so that its link stays, as without scripts."""
    await (route.fulfill(status=204) if route.request.resource_type == "fetch" else route.continue_())


OTHERS = ("empty", "one row", "many centres", "hostile") if EVERYWHERE else ("many centres", "hostile")


@pytest.mark.parametrize(("name", "path"), list(product(OTHERS, PAGES)))
async def test_a_page_over_another_product_fits_on_a_phone(returning: Returning, name: str, path: str) -> None:
    who = "finance" if "finance" in PAGES[path][0] else "admin"
    async with returning(name, who, size=PHONE) as at:
        if path in OF_ORDINARY and (await at.page.request.get(f"{at.site}{address(path)}")).status in (404, 409):
            return
        page = await at.go(address(path))
        await at.keep(f"{path} {name}")

        assert await misplaced(page) == []
        assert await page.locator("img, script:not([src]), iframe").count() == 0
        assert not EVERYWHERE or await inaccessible(page) == []


@pytest.mark.parametrize("who", [each.name for each in PEOPLE] if EVERYWHERE else ["owner", "operator"])
async def test_each_role_finds_its_way_on_a_phone(returning: Returning, who: str) -> None:
    async with returning("ordinary", who, size=PHONE) as at:
        for path in seen_by(who):
            await at.go(address(path))
            await at.keep(f"{path} {who}")
            assert await misplaced(at.page) == [], path
