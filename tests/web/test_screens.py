"""What tests of the pages see on a screen is what is there."""

import pytest
from playwright.async_api import Browser

from tests.support.screens import PHONE, inaccessible, misplaced, screen
from tests.web.conftest import Visiting

pytestmark = pytest.mark.anyio

FAULTS = {
    "the page scrolls sideways": "<p style='width: 900px'>wide</p>",
    "text lies beside the screen": "<p style='white-space: nowrap'>a line that nobody wraps and that ends off a phone",
    "text is cut off": "<p style='overflow: hidden; width: 40px; white-space: nowrap'>a name that does not fit</p>",
    "text lies on": "<p>below</p><p style='position: absolute; top: 12px'>above</p>",
}
ELSEWHERE = """
() => new Promise((done) => {
  const image = new Image();
  image.addEventListener("error", done);
  image.src = "https://elsewhere.example/i.png";
})
"""
FINE = """
<p>text that wraps <a href="#x">with a link</a> in it, over several lines of a narrow screen, as text does</p>
<div style="overflow-x: auto"><p style="width: 900px">a table that scrolls within itself</p></div>
<details><summary>more</summary><p style="width: 9px; overflow: hidden; white-space: nowrap">not yet</p></details>
"""


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_does_not_fit_is_told(browser: Browser, fault: str) -> None:
    async with screen(browser, "http://127.0.0.1", size=PHONE) as at:
        await at.page.set_content(f"<!doctype html><meta name=viewport content='width=device-width'>{FAULTS[fault]}")

        assert fault in " ".join(await misplaced(at.page))


async def test_what_fits_is_not_told(browser: Browser) -> None:
    async with screen(browser, "http://127.0.0.1", size=PHONE) as at:
        await at.page.set_content(f"<!doctype html><meta name=viewport content='width=device-width'>{FINE}")

        assert await misplaced(at.page) == []


async def test_what_a_browser_complains_of_fails_the_test(visiting: Visiting) -> None:
    async def look() -> None:
        async with await visiting("empty", "finance") as at:
            page = await at.go("/overview")
            await page.evaluate(ELSEWHERE)

    with pytest.raises(AssertionError, match="Content Security Policy"):
        await look()


async def test_what_axe_finds_is_told(browser: Browser) -> None:
    async with screen(browser, "http://127.0.0.1") as at:
        await at.page.set_content("<!doctype html><html lang=en><title>t</title><main><h1>h</h1><input></main>")

        assert any(each.startswith("label:") for each in await inaccessible(at.page))


async def test_a_page_with_one_row_fits(visiting: Visiting) -> None:
    async with await visiting("one row", "finance", size=PHONE) as at:
        page = await at.go("/overview?month=2026-03")

        assert await misplaced(page) == []
        assert await inaccessible(page) == []
