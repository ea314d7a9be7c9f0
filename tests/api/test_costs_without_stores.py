"""The routes of costs on the real stores while one is away: asked to come again, told nothing of the inside."""

import httpx
import pytest

from chargeback.api.app import http_api
from chargeback.bootstrap import open_container
from chargeback.settings import read_settings
from stack.identity.people import token_of
from stack.identity.tokens import load_signer
from stack.stack import Stack
from tests.support.people import client_of

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

PATHS = ("costs/summary", "me/usage", "analytics/overview")


async def answers(client: httpx.AsyncClient, token: str) -> list[httpx.Response]:
    headers = {"Authorization": f"Bearer {token}"}
    return [await client.get(f"/api/v1/{path}", headers=headers) for path in PATHS]


async def test_who_asks_while_the_books_are_away_is_asked_to_come_again(clean_stores: Stack) -> None:
    token = token_of("finance", load_signer(clean_stores.site.signing_key), clean_stores.env["ENTRA_AUTHORITY"])
    async with open_container(read_settings()) as container, client_of(http_api(container)) as client:
        clean_stores.kill("cosmos")
        try:
            refused = await answers(client, token)
        finally:
            clean_stores.start("cosmos")
        answered = await answers(client, token)

    for answer in refused:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10"), answer.text
        assert answer.json()["error"]["code"] == answer.headers["x-ms-error-code"] == "StoreUnavailable"
        assert "127.0.0.1" not in answer.text
        assert "cosmos" not in answer.text.lower()
    assert [answer.status_code for answer in answered] == [200, 200, 200]


async def test_nobody_is_let_in_while_the_keys_of_tokens_cannot_be_read(clean_stores: Stack) -> None:
    token = token_of("finance", load_signer(clean_stores.site.signing_key), clean_stores.env["ENTRA_AUTHORITY"])
    async with open_container(read_settings()) as container, client_of(http_api(container)) as client:
        clean_stores.kill("identity")
        try:
            refused = await answers(client, token)
        finally:
            clean_stores.start("identity")

    assert [answer.status_code for answer in refused] == [503, 503, 503]
    assert all("retry-after" in answer.headers for answer in refused)
