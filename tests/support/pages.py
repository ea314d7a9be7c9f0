"""The pages over a container, and people who are signed in to them by a word instead of Entra."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import uvicorn

from chargeback.bootstrap import Container
from chargeback.domain.access.requester import Requester
from chargeback.services.access.sessions import COOKIE, SignedIn
from chargeback.web.late_site import LateSite
from tests.support.whole_api import EVERYBODY

FORM_TOKEN = "a-token-of-the-session"


class SessionsByName:
    """Takes the name in a cookie for a session."""

    def __init__(self, *people: Requester) -> None:
        self.known = {each.name: each for each in people or EVERYBODY}

    async def find(self, cookie: str) -> SignedIn | None:
        who = self.known.get(cookie)
        return who and SignedIn(who, FORM_TOKEN, datetime.now(UTC) + timedelta(hours=1))


def with_sessions(container: Container, *people: Requester) -> Container:
    vars(container)["sessions"] = SessionsByName(*people)
    return container


def site_over(container: Any) -> LateSite:
    """The pages and the API over a container, built once, as in the app: to build them takes longer than most pages."""
    site: LateSite = vars(container).setdefault("site", LateSite(container))
    return site


def browser_of(container: Any, who: str = "") -> httpx.AsyncClient:
    """A browser without a screen, in which somebody is signed in."""
    cookies = {COOKIE: who} if who else {}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(site_over(container)), base_url="https://page.test", timeout=60, cookies=cookies
    )


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are those of the tests."""
        yield


@asynccontextmanager
async def served(container: Any) -> AsyncIterator[str]:
    """The pages and the API at an address of this machine, for a real browser.

    They answer on the loop of the tests, as in the app: what a container shares between requests belongs to one loop.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(site_over(container), log_level="warning"))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        while not server.started:
            if serving.done():
                raise RuntimeError("the server ended before it listened")
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
