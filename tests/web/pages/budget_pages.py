"""A product with a budget that acts and one in shadow, and ways to look at their pages."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import httpx

from tests.support.page_reading import read_page
from tests.support.page_worlds import PageWorld

LAUNCH = {
    "id": "product/search/launch", "costCentre": "product/search", "amount": 40, "every": "year", "owner": "Lea",
    "steps": [{"percent": 10, "do": "warn"}, {"percent": 90, "do": "block"}], "reason": "the launch",
}  # fmt: skip
TRIAL = LAUNCH | {"id": "product/search/trial", "amount": 1, "shadow": True}
PAGE = "/budgets/product:search:launch"
HOSTILE = "<script>alert(1)</script>"

Browsing = Callable[[str], httpx.AsyncClient]


async def made(world: PageWorld, name: str) -> str:
    """The page of a budget that a test may change."""
    await world.act("finance", "POST", "/budgets", **TRIAL | {"id": f"product/search/{name}", "amount": 40})
    return f"/budgets/product:search:{name}"


async def page(browser: httpx.AsyncClient, path: str, status: int = 200) -> str:
    answer = await browser.get(path)
    assert answer.status_code == status, answer.text
    assert read_page(answer.text).faults == []
    return answer.text


def text_of(html: str) -> str:
    """What a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


async def api(world: PageWorld, path: str, who: str = "finance") -> Any:
    return (await world.act(who, "GET", path)).json()
