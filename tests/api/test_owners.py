"""The gateway's question: whose an object is; with a token of its own identity, and for nobody else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from chargeback.api.app import http_api
from chargeback.bootstrap import Container
from stack.clear import clear_cosmos
from stack.identity.tokens import ASKING, load_signer
from stack.provision import call
from stack.stack import Stack
from tests.support.builders import usage_event

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

OWNERS = "/api/v1/owners"
TODAY = datetime.now(UTC).date().isoformat()
HOST = "oai-swedencentral.openai.azure.com"


def bearer(stack: Stack, **claims: Any) -> dict[str, str]:
    signer = load_signer(stack.site.signing_key)
    audience = claims.pop("aud", stack.env["OWNERS_AUDIENCE"])
    return {"Authorization": f"Bearer {signer.mint(audience, **{'appid': ASKING, **claims})}"}


@pytest.fixture
async def api(clean_stores: Stack, over_stack: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(over_stack)
    async with httpx.AsyncClient(transport=transport, base_url="http://api", timeout=60) as client:
        client.headers.update(bearer(clean_stores))
        yield client


async def test_the_gateway_is_told_owner_product_account_and_deployment(
    api: httpx.AsyncClient, container: Container
) -> None:
    events = [
        usage_event(time=f"{TODAY}T00:00:01Z", operation="files", objectId="file-1", deployment=None),
        usage_event(time=f"{TODAY}T00:00:01Z", operation="responses", objectId="resp_1", subscriptionId="support"),
    ]
    await container.ingest.ingest(events, datetime.now(UTC))

    answer = await api.post(OWNERS, json={"objects": ["file-1", "resp_1", "resp_2", "file-1"]})

    assert answer.status_code == 200
    assert answer.json()["objects"] == {
        "file-1": {"owner": "subscription/search", "product": "standard", "host": HOST, "deployment": ""},
        "resp_1": {"owner": "subscription/support", "product": "standard", "host": HOST, "deployment": "gpt-4o"},
    }


async def test_the_real_stores_lose_nothing_either(
    api: httpx.AsyncClient, container: Container, clean_stores: Stack
) -> None:
    event = usage_event(time=f"{TODAY}T00:00:01Z", operation="files", objectId="file-1")
    await container.ingest.ingest([event, event], datetime.now(UTC))
    clear_cosmos(clean_stores.site)
    lost = (await api.post(OWNERS, json={"objects": ["file-1"]})).json()["objects"]
    await container.object_index.rebuild(TODAY)
    await container.object_index.rebuild(TODAY)

    found = (await api.post(OWNERS, json={"objects": ["file-1"]})).json()["objects"]

    assert lost == {}
    assert found["file-1"]["owner"] == "subscription/search"


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"aud": "https://management.azure.com"}, 401),
        ({"tid": "99999999-2222-3333-4444-555555555555"}, 401),
        ({"iss": "https://sts.windows.net/99999999-2222-3333-4444-555555555555/"}, 401),
        ({"exp": 1_700_000_000}, 401),
        ({"appid": "00000000-0000-0000-0000-00000000beef"}, 403),
        ({"appid": ""}, 403),
        ({"appid": "functions"}, 403),
    ],
)
async def test_nobody_else_may_ask(
    api: httpx.AsyncClient, clean_stores: Stack, claims: dict[str, Any], status: int
) -> None:
    answer = await api.post(OWNERS, json={"objects": []}, headers=bearer(clean_stores, **claims))

    assert answer.status_code == status


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x.y.z", "Basic Zm9vOmJhcg==", "bearer é"])
async def test_without_a_token_nobody_is_told_anything(api: httpx.AsyncClient, authorization: str) -> None:
    headers = {"Authorization": authorization.encode("latin-1"), "x-events-key": "x" * 40}

    answer = await api.post(OWNERS, json={"objects": ["file-1"]}, headers=headers)

    assert answer.status_code == 401


async def test_where_the_gateway_may_not_ask_nobody_may(container: Container, clean_stores: Stack) -> None:
    closed = Container(container.settings.model_copy(update={"owners_audience": None, "owners_client_id": None}))
    transport = httpx.ASGITransport(http_api(closed))

    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        answer = await client.post(OWNERS, json={"objects": []}, headers=bearer(clean_stores, appid=""))

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"objects":"x"}',
        b'{"objects":[1]}',
        b'{"objects":["a/b"]}',
        b'{"objects":["a\\n"]}',
        b'{"objects":[""]}',
        b"\xff",
    ],
)
async def test_a_question_of_another_form_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    assert (await api.post(OWNERS, content=body)).status_code == 400


async def test_a_question_is_bounded(api: httpx.AsyncClient) -> None:
    asked = [f"file-{number}" for number in range(513)]

    answers = [
        await api.post(OWNERS, json={"objects": asked[:-1]}),
        await api.post(OWNERS, json={"objects": asked}),
        await api.post(OWNERS, content=b" " * 300_000),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 413]


async def test_a_store_that_is_away_is_503(api: httpx.AsyncClient, clean_stores: Stack) -> None:
    fault = {"status": 403, "on": "read"}
    call(clean_stores.site, "POST", f"{clean_stores.url('cosmos')}/_faults", body=fault)

    answer = await api.post(OWNERS, json={"objects": ["file-1"]})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
