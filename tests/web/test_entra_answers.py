"""What comes back from Entra: its errors, its outages, and tokens that are not of this sign-in."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiohttp import web

from chargeback.services.access.sessions import COOKIE
from stack.identity.people import API, PEOPLE
from stack.identity.tokens import TENANT, issuer_v2
from tests.support.entra import (
    SIGNER,
    Registered,
    begun,
    said_of,
    signed_in,
)
from tests.support.entra import app as app
from tests.support.entra import authority as authority
from tests.support.entra import browser as browser

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("error", "description", "status", "headline"),
    [
        ("access_denied", "AADSTS65004: User declined to consent.", 403, "You are not signed in"),
        ("consent_required", "AADSTS65001: not consented.", 403, "Your organisation has to allow this first"),
        ("access_denied", "AADSTS90094: an administrator has to.", 403, "Your organisation has to allow this first"),
        ("access_denied", "AADSTS50105: not assigned to a role.", 403, "You have no access"),
        ("interaction_required", "AADSTS50076: second factor.", 403, "Entra did not sign you in"),
        ("invalid_request", "AADSTS90014", 403, "Entra did not sign you in"),
        ("<script>alert(1)</script>", "<script>alert(2)</script>", 403, "Entra did not sign you in"),
        ("temporarily_unavailable", "later", 503, "A store is away"),
    ],
)
async def test_what_entra_says_becomes_a_page_in_words_of_our_own(
    browser: httpx.AsyncClient, error: str, description: str, status: int, headline: str
) -> None:
    state = (await begun(browser))["state"]

    answer = await browser.get("/signed-in", params={"error": error, "error_description": description, "state": state})

    assert answer.status_code == status
    assert await said_of(browser, answer) == headline
    assert "alert(" not in answer.text
    assert description.partition(":")[2] not in answer.text or ":" not in description


async def test_an_error_that_nobody_asked_for_is_not_shown_at_all(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/signed-in?error=access_denied&error_description=AADSTS50105:call+us&state=x")

    assert await said_of(browser, answer) == "This sign-in was not begun here"
    assert "AADSTS" not in answer.text


@pytest.mark.parametrize(
    "query", ["", "?code=1", "?state=1", "?code=&state=", f"?code={'x' * 5000}&state=s", "?code=%00&state=%00"]
)
async def test_nonsense_at_the_door_is_a_page_and_no_failure(browser: httpx.AsyncClient, query: str) -> None:
    assert (await browser.get(f"/signed-in{query}")).status_code == 400


async def test_an_answer_without_a_code_is_refused(browser: httpx.AsyncClient) -> None:
    state = (await begun(browser))["state"]

    assert (await browser.get("/signed-in", params={"state": state})).status_code == 403


@pytest.mark.parametrize(
    ("claims", "number"),
    [
        ({"sub": "another identity"}, "AADSTS700213"),
        ({"iss": "https://login.microsoftonline.com/other/v2.0"}, "AADSTS700211"),
        ({"aud": "https://vault.azure.net"}, "AADSTS700212"),
        ({"exp": 1}, "AADSTS700027"),
    ],
)
async def test_an_identity_that_the_registration_does_not_trust_is_an_operators_matter(
    app: Registered, browser: httpx.AsyncClient, claims: dict[str, Any], number: str
) -> None:
    app.identity.claims = claims

    answer = await signed_in(browser, "admin")

    assert answer.status_code == 500
    assert await said_of(browser, answer) == "Entra does not know this site"
    assert number in answer.text


class OtherEntra:
    """A token endpoint that answers something else."""

    def __init__(self, status: int, body: Any, seconds: float = 0) -> None:
        self.status, self.body, self.seconds = status, body, seconds

    async def answer(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.seconds)
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return web.Response(status=self.status, text=text, content_type="application/json")


async def redeemed_at(app: Registered, browser: httpx.AsyncClient, state: str, other: OtherEntra) -> httpx.Response:
    """The last step of a sign-in whose code is redeemed somewhere else."""
    place = web.Application()
    place.add_routes([web.post("/{rest:.*}", other.answer)])
    runner = web.AppRunner(place)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        sign_in = app.container.sign_in
        assert sign_in is not None
        sign_in.provider._endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/x"  # type: ignore[attr-defined]
        return await browser.get("/signed-in", params={"code": "c", "state": state})
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "other",
    [OtherEntra(500, ""), OtherEntra(503, "<html>"), OtherEntra(429, {}), OtherEntra(200, "<"), OtherEntra(200, [])],
)
async def test_an_entra_that_is_not_well_is_told_as_such_and_signs_nobody_in(
    app: Registered, browser: httpx.AsyncClient, other: OtherEntra
) -> None:
    answer = await redeemed_at(app, browser, (await begun(browser))["state"], other)

    assert answer.status_code == 503
    assert COOKIE not in browser.cookies


async def test_an_entra_that_never_answers_is_not_waited_for(
    app: Registered, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chargeback.adapters.azure.entra_sign_in.SECONDS", 0.2)

    state = (await begun(browser))["state"]
    answer = await redeemed_at(app, browser, state, OtherEntra(200, {}, seconds=5))

    assert answer.status_code == 503


async def tokens_for(app: Registered, browser: httpx.AsyncClient, **changed: Any) -> httpx.Response:
    """The last step, where Entra's tokens say something else: claims of the access token, `id_…` of the id token."""
    asked = await begun(browser)
    person = PEOPLE["admin"]
    identity = {name.removeprefix("id_"): value for name, value in changed.items() if name.startswith("id_")}
    access = {name: value for name, value in changed.items() if not name.startswith("id_")}
    now = int(datetime.now(UTC).timestamp())
    standard = {"iss": issuer_v2(app.authority), "azp": API}
    said = {"aud": API, "iat": now, "nbf": now, "exp": now + 600, "tid": TENANT, "oid": person.object_id}
    body = {
        "access_token": SIGNER.sign({**person.claims(), **standard, **access}),
        "id_token": SIGNER.sign({**said, **standard, "nonce": asked["nonce"], **identity}),
    }
    return await redeemed_at(app, browser, asked["state"], OtherEntra(200, body))


async def test_tokens_of_this_sign_in_are_taken(app: Registered, browser: httpx.AsyncClient) -> None:
    assert (await tokens_for(app, browser)).status_code == 303


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://login.microsoftonline.com/another/v2.0"},
        {"tid": "22222222-2222-3333-4444-555555555555"},
        {"aud": "00000000-0000-0000-0000-00000000beef"},
        {"exp": 1},
        {"scp": "other"},
        {"scp": "", "idtyp": "app"},
        {"azp": "04b07795-8ddb-461a-bbee-02f9e1bf7b46"},
        {"oid": "somebody-else"},
        {"id_nonce": "of another sign-in"},
        {"id_nonce": None},
        {"id_oid": "somebody-else"},
        {"id_iss": "https://evil.example"},
        {"id_tid": "22222222-2222-3333-4444-555555555555"},
        {"id_aud": "00000000-0000-0000-0000-00000000beef"},
        {"id_exp": 1},
    ],
)
async def test_tokens_that_are_not_of_this_sign_in_are_not_trusted(
    app: Registered, browser: httpx.AsyncClient, changed: dict[str, Any]
) -> None:
    answer = await tokens_for(app, browser, **changed)

    assert answer.status_code == 403
    assert await said_of(browser, answer) == "The answer of Entra cannot be trusted"
