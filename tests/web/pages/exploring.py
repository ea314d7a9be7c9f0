"""Looks at Explore: its pages, their form, and the view that an address names."""

from urllib.parse import parse_qsl, urlsplit

import httpx

from chargeback.web.pages.cost_view import CostView
from tests.support.shown_pages import Element, shown

MARCH = "/explore?month=2026-03"


async def page_at(browser: httpx.AsyncClient, address: str, status: int = 200) -> Element:
    answer = await browser.get(address, follow_redirects=True)
    assert answer.status_code == status, answer.text[-2000:]
    return shown(answer.text)


def form_of(page: Element) -> Element:
    (form,) = page.all("form", action="/explore")
    return form


def view_of(address: str) -> CostView:
    return CostView.of(parse_qsl(urlsplit(address).query, keep_blank_values=True))
