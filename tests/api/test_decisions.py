"""The gateway's question about budgets: answered for its identity, as the string that it keeps, and for nobody else."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from stack.identity.tokens import ASKING, load_signer
from stack.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

DECISIONS = "/api/v1/budgets/decisions"


def bearer(stack: Stack, **claims: Any) -> dict[str, str]:
    token = load_signer(stack.site.signing_key).mint(stack.env["OWNERS_AUDIENCE"], **{"appid": ASKING, **claims})
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def api(clean_stores: Stack, over_stack: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(over_stack)
    async with httpx.AsyncClient(transport=transport, base_url="http://api", timeout=60) as client:
        yield client


async def test_the_gateway_gets_the_string_of_a_product(api: httpx.AsyncClient, clean_stores: Stack) -> None:
    answer = await api.get(f"{DECISIONS}/standard", headers=bearer(clean_stores))
    missing = await api.get(f"{DECISIONS}/nobody", headers=bearer(clean_stores))

    assert (answer.status_code, missing.status_code) == (200, 404)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("at=1")
    assert answer.text.endswith(";")


@pytest.mark.parametrize(("claims", "status"), [({"appid": "functions"}, 403), ({"exp": 1_700_000_000}, 401)])
async def test_nobody_else_may_ask(
    api: httpx.AsyncClient, clean_stores: Stack, claims: dict[str, Any], status: int
) -> None:
    assert (await api.get(f"{DECISIONS}/standard", headers=bearer(clean_stores, **claims))).status_code == status
    assert (await api.get(f"{DECISIONS}/standard")).status_code == 401
