"""Every form: nothing is done without a session, or by a form that is not one of the session's own pages."""

from collections.abc import Iterator
from typing import Any

import pytest

from chargeback.web.site import site
from tests.support.page_worlds import MONTH
from tests.support.pages import FORM_TOKEN, browser_of
from tests.web.conftest import World

pytestmark = pytest.mark.anyio

FORMS = {
    "/sign-out": "/sign-out",
    "/months/{period}/{act}": f"/months/{MONTH}/approve",
    "/log/again/{what}": "/log/again/quarantine",
    "/new-budget": "/new-budget",
    "/budgets/{budget}/change": "/budgets/product:search:launch/change",
    "/budgets/{budget}/delete": "/budgets/product:search:launch/delete",
    "/budgets/{budget}/overrides": "/budgets/product:search:launch/overrides",
    "/budgets/{budget}/replays": "/budgets/product:search:launch/replays",
}
"""Path of a route → an address of it."""

FOREIGN: tuple[dict[str, str], ...] = (
    {},
    {"form_token": ""},
    {"form_token": FORM_TOKEN[:-1]},
    {"FORM_TOKEN": FORM_TOKEN},
)


def _sent_to(pages: Any) -> Iterator[str]:
    while not hasattr(pages, "routes"):
        pages = getattr(pages, "_app", None) or pages.app
    for route in pages.routes:
        if route.methods - {"GET", "HEAD"}:
            yield route.path


async def test_each_form_of_the_site_is_looked_at(world: World) -> None:
    built = await world("empty")

    assert set(_sent_to(site(built.container, built.site))) == set(FORMS)


@pytest.mark.parametrize("path", FORMS.values())
async def test_a_form_of_another_site_does_nothing(world: World, path: str) -> None:
    built = await world("empty")
    async with browser_of(built.container, "admin") as browser:
        answers = [await browser.post(path, data={"reason": "why", **fields}) for fields in FOREIGN]
        in_address = await browser.post(f"{path}?form_token={FORM_TOKEN}")
        as_json = await browser.post(path, json={"form_token": FORM_TOKEN})

    for answer in (*answers, in_address, as_json):
        assert answer.status_code == 403
        assert "ForeignForm" in answer.text


@pytest.mark.parametrize("path", [path for path in FORMS.values() if path != "/sign-out"])
async def test_a_form_is_not_sent_again_after_the_session_ended(world: World, path: str) -> None:
    built = await world("empty")
    async with browser_of(built.container, "somebody whose session ended") as browser:
        answer = await browser.post(path, data={"form_token": FORM_TOKEN})

    assert answer.status_code == 401
    assert "location" not in answer.headers
