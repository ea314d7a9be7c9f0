"""A tenant with its sign-in page, and the pages of an app that is registered there; both as they are served locally."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from cryptography.hazmat.primitives.asymmetric import rsa

from chargeback.adapters.azure.entra_sign_in import EntraSignIn
from chargeback.adapters.azure.entra_tokens import EntraTokens, SigningKeys
from chargeback.adapters.azure.key_vault import FixedKeys
from chargeback.bootstrap import Container
from chargeback.services.access.ended_sessions import EndedSessions
from chargeback.services.access.people import People
from chargeback.services.access.sealing import Seal
from chargeback.services.access.sessions import COOKIE, SealedSessions
from chargeback.services.access.sign_in import ATTEMPT_COOKIE, SignIn
from chargeback.web.late_site import LateSite
from stack.identity.people import API, AUDIENCES
from stack.identity.server import make_app
from stack.identity.tokens import FUNCTIONS, TENANT, Signer, issuer_v2, principal_id
from tests.support.whole_api import memory_container

PAGES = "https://pages.test"
REDIRECT_URI = f"{PAGES}/signed-in"
SIGNER = Signer(rsa.generate_private_key(public_exponent=65537, key_size=2048))
KEY = "k" * 42 + "A"


class ManagedIdentity:
    """The identity of the app, as its endpoint gives tokens; `claims` replace what they say."""

    def __init__(self, authority: str, **claims: Any) -> None:
        self._authority = authority
        self.claims = claims

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        own = {"iss": issuer_v2(self._authority), "sub": principal_id(FUNCTIONS), **self.claims}
        return AccessToken(SIGNER.mint(scopes[0].removesuffix("/.default"), **own), 0)


class Registered:
    """An app of the tenant: as many instances of it as are asked for share one container's stores.

    Attributes:
        identity: what the app names itself with.
        authority: where its Entra is.
    """

    def __init__(self, authority: str) -> None:
        self.authority = authority
        self.identity = ManagedIdentity(authority)
        self.container = memory_container()
        self.now: datetime | None = None
        self.give(self.container)

    def give(self, container: Container, *, key: str = KEY, tenant: str = TENANT) -> Container:
        """A container gets its way in, as `recognising` makes it."""
        tokens = EntraTokens(SigningKeys(self.authority, tenant), *AUDIENCES)
        people = People(tokens, container.catalogues)
        seals = [Seal(FixedKeys((key,)), f"{purpose} {API}") for purpose in ("session", "sign-in")]
        ended = EndedSessions(container.control)
        sessions = SealedSessions(seals[0], people, ended, container.catalogues, self._clock)
        provider = EntraSignIn(f"{self.authority}/{TENANT}", API, PAGES, tokens, self.identity)  # type: ignore[arg-type]
        sign_in = SignIn(provider, seals[1], sessions, self._clock)
        vars(container).update(people=people, sessions=sessions, sign_in=sign_in)
        return container

    def another_instance(self, **given: str) -> Container:
        """A second instance over the same stores."""
        shared = {name: getattr(self.container, name) for name in ("control", "catalogues")}
        return self.give(memory_container(**shared), **given)

    def _clock(self) -> datetime:
        return self.now or datetime.now(UTC)

    def browser(self, container: Container | None = None) -> httpx.AsyncClient:
        """A browser without a screen."""
        transport = httpx.ASGITransport(LateSite(container or self.container), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=PAGES, timeout=60)


@asynccontextmanager
async def entra(*redirect_uris: str) -> AsyncIterator[str]:
    """The tenant's Entra while the context lasts; yields its address."""
    runner = web.AppRunner(make_app(SIGNER, "secret", redirect_uris or (REDIRECT_URI,)))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def choose(address: str, who: str) -> httpx.URL:
    """Choose somebody on Entra's page; where the browser is sent then."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(address, data={"as": who})
    assert answer.status_code == 302, answer.text
    return httpx.URL(answer.headers["location"])


async def signed_in(browser: httpx.AsyncClient, who: str, back: str = "/overview") -> httpx.Response:
    """Sign somebody in; the answer to the redirect of Entra."""
    asked = await browser.get("/sign-in", params={"back": back})
    assert asked.status_code == 303, asked.text
    return await browser.get(await choose(asked.headers["location"], who))


def asked_of(address: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.fixture(scope="module")
async def authority() -> AsyncIterator[str]:
    async with entra() as address:
        yield address


@pytest.fixture
def app(authority: str) -> Registered:
    return Registered(authority)


@pytest.fixture
async def browser(app: Registered) -> AsyncIterator[httpx.AsyncClient]:
    async with app.browser() as client:
        yield client


def token_in(page: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    assert found, page
    return found[1]


async def page_of(browser: httpx.AsyncClient) -> str:
    """A page that everybody who is signed in sees, with the form that signs out: an unknown form is refused on it."""
    return (await browser.post("/sign-out", data={"form_token": "wrong"})).text


def attempts(browser: httpx.AsyncClient) -> list[str]:
    return [name for name in browser.cookies if name.startswith(ATTEMPT_COOKIE)]


async def said_of(browser: httpx.AsyncClient, answer: httpx.Response) -> str:
    """What a refusal says; nobody is in after it."""
    assert COOKIE not in browser.cookies
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    found = re.search(r"<h1>([^<]+)</h1>", answer.text)
    assert found
    return found[1]


async def begun(browser: httpx.AsyncClient) -> dict[str, str]:
    """What a sign-in asks Entra for."""
    return asked_of((await browser.get("/sign-in")).headers["location"])
