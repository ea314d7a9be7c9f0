"""A browser with a screen, in which somebody looks at pages; what is wrong on the screen is told in words."""

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

from chargeback.services.access.sessions import COOKIE
from stack.example import ROOT
from tests.support.chromium import browser_program

DESKTOP, PHONE = (1280, 900), (390, 844)
"""Width and height of a screen, in CSS pixels."""

SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", ROOT / ".local" / "screenshots"))
"""Where the screenshots of a run are left."""

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No page has anything of another host, and whatever asks for it gets nothing.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@asynccontextmanager
async def chromium_running() -> AsyncIterator[Browser]:
    """The browser of this machine."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_program(), args=list(_FLAGS))
        yield browser
        await browser.close()


@dataclass
class Screen:
    """Somebody's browser, with one page.

    Attributes:
        site: the address of the pages.
        faults: what the browser complained of, and what it asked of other hosts.
    """

    site: str
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    async def go(self, path: str, status: int = 200) -> Page:
        """Open a page, which has to answer with this status."""
        answer = await self.page.goto(f"{self.site}{path}")
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status} {await self.page.inner_text('body')}"
        return self.page

    async def resize(self, size: tuple[int, int]) -> None:
        """Look at the same page on another screen."""
        await self.page.set_viewport_size({"width": size[0], "height": size[1]})

    @asynccontextmanager
    async def spaced_out(self) -> AsyncIterator[None]:
        """Text is spaced meanwhile as readers may who need that (WCAG 2.2, 1.4.12)."""
        await self.page.evaluate(_SPACED_OUT)
        yield
        await self.page.evaluate("() => { document.adoptedStyleSheets.pop() }")

    async def leave(self, size: tuple[int, int] = DESKTOP) -> None:
        """Be as before the first page, for the next one. What the browser complained of meanwhile fails the test."""
        await self.page.goto("about:blank")
        await self.page.unroute_all()
        await self.page.emulate_media(media="screen", color_scheme="light", reduced_motion="no-preference")
        await self.resize(size)
        faults = [*self.faults]
        self.faults.clear()
        assert not faults, "\n".join(faults)

    async def keep(self, name: str) -> Path:
        """Leave a screenshot of the whole page."""
        path = SCREENSHOTS / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=path, full_page=True, animations="disabled")
        return path

    def _hear(self, message: ConsoleMessage) -> None:
        is_own_status = message.text.startswith("Failed to load") and message.location["url"] == self.page.url
        if message.type in ("error", "warning") and not is_own_status:
            self.faults.append(f"{message.text} ({message.location['url']})")

    def _see(self, request: Request) -> None:
        if not request.url.startswith((f"{self.site}/", "data:", "about:")):
            self.faults.append(f"asked for {request.url}")


@asynccontextmanager
async def screen(
    browser: Browser,
    site: str,
    who: str = "",
    *,
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
    javascript: bool = True,
    **options: Any,
) -> AsyncIterator[Screen]:
    """A browser of somebody, or of nobody yet. What it complained of fails the test at the end."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        java_script_enabled=javascript,
        locale="en-GB",
        **options,
    )
    if who:
        # Browsers take a cookie with this prefix from addresses over TLS alone, and send it to this machine without.
        address = site.replace("http:", "https:")
        await context.add_cookies([{"name": COOKIE, "value": who, "url": address, "secure": True}])
    try:
        seen = Screen(site, context, await context.new_page())
        seen.page.on("console", seen._hear)
        seen.page.on("pageerror", lambda error: seen.faults.append(str(error)))
        seen.page.on("request", seen._see)
        yield seen
    finally:
        await context.close()
    assert not seen.faults, "\n".join(seen.faults)


async def inaccessible(page: Page, *rules: str) -> list[str]:
    """What axe finds: each rule that is broken, with the elements that break it. Without names, all rules are asked."""
    if await page.evaluate("() => typeof axe === 'undefined'"):
        # Evaluated by the debugger, which the page's policy does not concern.
        await page.evaluate(_axe())
    wanted = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": _RULES}
    options = json.dumps({"runOnly": wanted, "resultTypes": ["violations"]})
    found = await page.evaluate(f"async () => (await axe.run(document, {options})).violations")
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:200]}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


@cache
def _axe() -> str:
    return (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


async def misplaced(page: Page) -> list[str]:
    """What does not fit on the screen: a page that scrolls sideways, text that is cut off or lies on other text."""
    found: list[str] = await page.evaluate(_MISPLACED)
    return found


async def wider_tables(page: Page) -> list[str]:
    """Tables that are wider than their place, by their first words: on a wide screen nobody should have to scroll."""
    found: list[str] = await page.eval_on_selector_all(
        ".table",
        "all => all.filter(each => each.checkVisibility() && each.scrollWidth > each.clientWidth)"
        ".map(each => each.innerText.slice(0, 60))",
    )
    return found


_MISPLACED = (Path(__file__).parent / "misplaced.js").read_text("utf-8")


_SPACED_OUT = """
() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(
    "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }" +
    "p { margin-bottom: 2em !important }"
  );
  document.adoptedStyleSheets.push(sheet);
}
"""


@dataclass
class Stops:
    """Where the tabulator leads on a page.

    Attributes:
        labels: what each stop says, in order.
        unseen: the stops that nobody sees when they have the focus.
        left_out: the controls that the tabulator never reaches.
        in_order: whether the stops come in the order of the page.
    """

    labels: list[str]
    unseen: list[str]
    left_out: list[str]
    in_order: bool


async def stops(page: Page, most: int = 300) -> Stops:
    """Press the tabulator from the top of a page to its end."""
    await page.emulate_media(reduced_motion="reduce")  # else a control is seen a moment later
    await page.evaluate("() => { document.activeElement?.blur(); scrollTo(0, 0) }")
    found = Stops([], [], [], True)
    await page.evaluate(_CONTROLS)
    last = -1
    for _ in range(most):
        await page.keyboard.press("Tab")
        stop = await page.evaluate("() => stopOfFocus()")
        if stop is None or (stop["number"] == 0 and found.labels):
            break
        found.labels.append(stop["label"])
        found.unseen += [] if stop["seen"] else [stop["label"]]
        found.in_order &= stop["number"] >= last  # a date has several stops
        last = stop["number"]
    found.left_out = await page.evaluate("() => leftOut()")
    return found


_CONTROLS = (Path(__file__).parent / "stops.js").read_text("utf-8")
