"""Makes the pictures of the pages: a year of calls goes through the product on the local stack, and a browser looks.

Someone who knows nothing of the stack signs in there as finance. The pictures show last month where a page is about a
month, because on a month's first days there is little to see of it.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import urllib.request
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from chargeback.bootstrap import open_container
from chargeback.settings import read_settings
from scripts.showcase.year import days_until, events_of, write_company
from stack.example import ROOT
from stack.identity.people import PEOPLE
from stack.processes import StackError
from stack.record import environment_of, pages_note
from stack.stack import Stack

SERVERS = ("redis", "redisFront", "identity", "vault", "blob", "blobRoles", "cosmos", "functions")
TIMERS = (
    "apply_config",
    "audit_ledger",
    "close_periods",
    "post_usage",
    "publish_reports",
    "forecast_spend",
    "view_costs",
    "decide_budgets",
)
"""What the functions do with the year, in this order; each is a timer in Azure."""
DESKTOP, PHONE = (1280, 900), (390, 844)
QUALITY = 0.8


def main() -> int:
    """Make the pictures."""
    parser = argparse.ArgumentParser(prog="scripts/pictures", description=__doc__)
    parser.add_argument("--state", type=Path, default=Path(".local/pictures"), help="where the stack is")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "pictures", help="where the pictures are left")
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    parser.add_argument("--again", action="store_true", help="only make the pictures, at the stack that was kept")
    arguments = parser.parse_args()
    arguments.into.mkdir(parents=True, exist_ok=True)
    if arguments.again:
        asyncio.run(look(environment_of(arguments.state)["PAGES_URL"], arguments.into))
        return 0
    shutil.rmtree(arguments.state, ignore_errors=True)
    config = write_company(arguments.state / "config")
    extra = {"CHARGEBACK_CONFIG_DIR": str(config.resolve())}
    stack = Stack(arguments.state, services=SERVERS, config=config, extra_env=extra)
    try:
        stack.up()
        os.environ.update(stack.env, **extra, NO_PROXY="127.0.0.1")
        asyncio.run(live(datetime.now(UTC)))
        for name in TIMERS:
            print(f"running {name}", flush=True)
            run_timer(stack, name)
        asyncio.run(look(stack.env["PAGES_URL"], arguments.into))
    except StackError as error:
        print(f"scripts/pictures: {error}", file=sys.stderr)
        return 1
    finally:
        if arguments.keep:
            print(pages_note(stack.env), f"scripts/stack down --state {arguments.state} ends the stack.", sep="\n")
        else:
            stack.down()
    return 0


async def live(now: datetime) -> None:
    """Take the calls of a year, as the gateway would have sent them."""
    async with open_container(read_settings()) as container:
        for day in days_until(now.date()):
            until = now.date() == day
            events = [each for each in events_of(day, now.date()) if not until or _time_of(each) <= now]
            for start in range(0, len(events), 200):
                await container.ingest.ingest(events[start : start + 200], now)
    print("a year of calls is taken", flush=True)


def _time_of(event: bytes) -> datetime:
    return datetime.fromisoformat(json.loads(event)["time"])


def run_timer(stack: Stack, name: str) -> None:
    """Have a timer's function run once, to its end."""
    address = f"{stack.url('functions')}/admin/functions/{name}?wait=true"
    request = urllib.request.Request(address, b"{}", {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=1800):
        pass


def pictures(today: date) -> Mapping[str, tuple[str, tuple[int, int]]]:
    """Name → the address of a page, and the screen."""
    last = today.replace(day=1) - timedelta(days=1)
    month = f"{last:%Y-%m}"
    return {
        "overview": (f"/overview?month={month}", DESKTOP),
        "explore": (f"/explore?month={month}&groupBy=costCentre", DESKTOP),
        "budgets": ("/budgets", DESKTOP),
        "months": (f"/months/{month}", DESKTOP),
        "phone": (f"/overview?month={month}", PHONE),
    }


async def look(site: str, into: Path) -> None:
    """Make each picture, light and dark."""
    async with async_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, picture in pictures(datetime.now(UTC).date()).items():
            for scheme, ending in (("light", ""), ("dark", "-dark")):
                content = await take(browser, site, picture, scheme)
                (into / f"{name}{ending}.webp").write_bytes(content)
                print(f"{name}, {scheme}: {len(content) // 1024} KB", flush=True)
        await browser.close()


async def take(browser: Browser, site: str, picture: tuple[str, tuple[int, int]], scheme: str) -> bytes:
    """What a page looks like to finance, who signs in first."""
    path, (width, height) = picture
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
    )
    page = await context.new_page()
    await page.goto(f"{site}{path}")
    await page.get_by_role("button", name=PEOPLE["finance"].name).click()
    await page.wait_for_url(f"{site}/**")
    await page.goto(f"{site}{path}", wait_until="networkidle")  # some parts come afterwards
    await page.wait_for_function("() => !document.body.innerText.includes('being worked out')")
    found = await page.screenshot(animations="disabled")
    content = await smaller(await context.new_page(), found)
    await context.close()
    return content


async def smaller(page: Page, png: bytes) -> bytes:
    """The same picture as WebP."""
    encoded = await page.evaluate(_TO_WEBP, [list(png), QUALITY])
    return bytes(encoded)


_TO_WEBP = """
async ([png, quality]) => {
  const image = await createImageBitmap(new Blob([new Uint8Array(png)], { type: "image/png" }));
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").drawImage(image, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/webp", quality });
  return [...new Uint8Array(await blob.arrayBuffer())];
}
"""

if __name__ == "__main__":
    sys.exit(main())
