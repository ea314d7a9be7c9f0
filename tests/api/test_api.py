"""The HTTP door: events in every form, refusals with their status, and whether the product is well."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from chargeback.adapters.config.folders import path_of
from chargeback.api.app import http_api
from chargeback.api.events import MAX_BATCH_EVENTS, MAX_BODY_BYTES
from chargeback.bootstrap import Container
from chargeback.domain.events.emitters import Emitter
from chargeback.services.usage.replay import replay_quarantine
from chargeback.settings import read_settings
from stack.example import EXAMPLE_CONFIG
from stack.stack import Stack
from tests.support.builders import cloud_event

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

TODAY = datetime.now(UTC).date().isoformat()
EVENTS = "/api/v1/events"


def event(**arguments: Any) -> dict[str, Any]:
    return cloud_event(**({"time": f"{TODAY}T00:00:01Z"} | arguments))


def api_of(container: Container) -> httpx.AsyncClient:
    return client_of(http_api(container))


def client_of(api: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(api)
    return httpx.AsyncClient(transport=transport, base_url="http://api", timeout=60)


@pytest.fixture
async def api(clean_stores: Stack, over_stack: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(over_stack) as client:
        client.headers["x-events-key"] = clean_stores.env["CHARGEBACK_EVENTS_KEY"]
        yield client


def outcome(answer: httpx.Response) -> tuple[int, int, int]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["accepted"], body["duplicate"], body["quarantined"]


async def in_ledger(container: Container) -> int:
    return sum([block.count(b"\n") async for block in container.ledger.blocks(TODAY)])


async def test_a_single_event_is_taken_and_counted(api: httpx.AsyncClient, container: Container) -> None:
    answer = await api.post(EVENTS, json=event(), headers={"Content-Type": "application/cloudevents+json"})

    assert outcome(answer) == (1, 0, 0)
    assert await in_ledger(container) == 1
    changed = await container.counter.changed_lines(TODAY)
    assert changed is not None
    assert len(changed.lines) == 1


@pytest.mark.parametrize("content_type", ["application/json", "application/cloudevents-batch+json; charset=utf-8"])
async def test_an_array_is_taken_event_by_event(
    api: httpx.AsyncClient, container: Container, content_type: str
) -> None:
    same = event()

    answer = await api.post(EVENTS, json=[event(), same, same], headers={"Content-Type": content_type})

    assert outcome(answer) == (2, 1, 0)


async def test_the_same_body_again_is_all_duplicates(api: httpx.AsyncClient) -> None:
    body = [event(), event()]

    first, again = [await api.post(EVENTS, json=body) for _ in range(2)]

    assert (outcome(first), outcome(again)) == ((2, 0, 0), (0, 2, 0))


async def test_an_empty_batch_is_nothing(api: httpx.AsyncClient) -> None:
    assert outcome(await api.post(EVENTS, json=[])) == (0, 0, 0)


async def test_a_partly_bad_batch_is_taken_with_its_faults(api: httpx.AsyncClient, container: Container) -> None:
    answer = await api.post(EVENTS, json=[event(), event(time="yesterday"), 5, event(type="unheard-of")])

    assert outcome(answer) == (1, 0, 3)
    assert [fault["reason"] for fault in answer.json()["faults"]] == ["bad-time", "unexpected-shape", "unknown-type"]
    assert "$.time" in answer.json()["faults"][0]["detail"]
    (batch,) = await container.quarantine.batches()
    assert [each.reason for each in await container.quarantine.get(batch)] == [
        "bad-time",
        "unexpected-shape",
        "unknown-type",
    ]


async def test_a_late_event_is_accepted_and_its_day_is_marked(api: httpx.AsyncClient, container: Container) -> None:
    late = datetime.fromisoformat(TODAY).replace(tzinfo=UTC).timestamp() - 30 * 86_400
    day = datetime.fromtimestamp(late, UTC).date().isoformat()

    answer = await api.post(EVENTS, json=event(time=f"{day}T10:00:00Z"))

    assert outcome(answer) == (1, 0, 0)
    assert answer.json()["late"] == 1
    assert list(await container.ledger.marks()) == [day]


@pytest.mark.parametrize("headers", [{"x-events-key": "wrong"}, {"x-events-key": ""}, {"x-events-key": "é".encode()}])
async def test_a_wrong_key_is_refused(api: httpx.AsyncClient, container: Container, headers: dict[str, Any]) -> None:
    answer = await api.post(EVENTS, json=event(), headers=headers)

    assert answer.status_code == 401
    assert "x-events-key" in answer.text
    assert await in_ledger(container) == 0


async def test_a_missing_key_is_refused(api: httpx.AsyncClient) -> None:
    del api.headers["x-events-key"]

    assert (await api.post(EVENTS, json=event())).status_code == 401


async def test_a_key_in_the_address_is_no_key(api: httpx.AsyncClient) -> None:
    key = api.headers.pop("x-events-key")

    assert (await api.post(EVENTS, params={"code": key}, json=event())).status_code == 401


@pytest.mark.parametrize("path", [f"{EVENTS}/", "/api/docs", "/api/openapi.json", "/api/redoc"])
async def test_nothing_is_redirected_with_a_key_and_nothing_is_told_to_strangers(
    api: httpx.AsyncClient, path: str
) -> None:
    answers = [await api.post(f"{path}?code=SECRET\udc80".encode("utf-8", "surrogateescape").decode("latin-1"))]
    answers.append(await api.get(path))

    assert {answer.status_code for answer in answers} <= {404, 405}
    assert not any("location" in answer.headers for answer in answers)


@pytest.mark.parametrize("body", [b"", b"no json", b"[{]", b'{"a": 1} {"b": 2}'])
async def test_a_body_that_is_no_json_is_refused(api: httpx.AsyncClient, container: Container, body: bytes) -> None:
    answer = await api.post(EVENTS, content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "InvalidEvent"
    assert await container.quarantine.batches() == []


async def test_a_body_beyond_the_limit_is_refused_and_one_within_is_read(api: httpx.AsyncClient) -> None:
    at_limit = await api.post(EVENTS, content=b" " * (MAX_BODY_BYTES - 2) + b"[]")
    beyond = await api.post(EVENTS, content=b" " * (MAX_BODY_BYTES - 1) + b"[]")

    assert outcome(at_limit) == (0, 0, 0)
    assert beyond.status_code == 413
    assert str(MAX_BODY_BYTES) in beyond.text


async def test_an_array_of_too_many_events_is_refused_before_it_is_taken_apart(api: httpx.AsyncClient) -> None:
    bomb = b"[" + b"1," * 2_000_000 + b"1]"
    many = b"[" + b"1," * MAX_BATCH_EVENTS + b"1]"

    answers = [await api.post(EVENTS, content=body) for body in (bomb, many, many.replace(b"1,", b"", 1))]

    assert [answer.status_code for answer in answers] == [413, 413, 200]
    assert outcome(answers[2]) == (0, 0, MAX_BATCH_EVENTS)


async def test_no_other_origin_may_subscribe_to_us(api: httpx.AsyncClient) -> None:
    answer = await api.options(EVENTS, headers={"WebHook-Request-Origin": "evil.example"})

    assert answer.status_code == 200
    assert "WebHook-Allowed-Origin" not in answer.headers


async def test_the_cloudevents_handshake_allows_the_origin(api: httpx.AsyncClient) -> None:
    del api.headers["x-events-key"]

    answer = await api.options(EVENTS, headers={"WebHook-Request-Origin": "eventgrid.azure.net"})

    assert answer.status_code == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert answer.headers["WebHook-Allowed-Rate"] == "*"
    assert answer.headers["Allow"] == "POST"


async def test_event_grid_s_own_handshake_gets_its_code_back(api: httpx.AsyncClient) -> None:
    body = [{"id": "1", "data": {"validationCode": "c0"}}]

    answer = await api.post(EVENTS, json=body, headers={"aeg-event-type": "SubscriptionValidation"})

    assert answer.json() == {"validationResponse": "c0"}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b"[{}]",
        b"no",
        b'[{"data": 5}]',
        b'[{"data": "text"}]',
        b'[{"data": {"validationCode": 5}}]',
        b"\xff",
        b'[{"data": {"validationCode": "\xff"}}]',
        b"[" * 1_000 + b"]" * 1_000,
    ],
)
async def test_a_handshake_without_a_code_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.post(EVENTS, content=body, headers={"aeg-event-type": "SubscriptionValidation"})

    assert answer.status_code == 400


async def test_a_product_that_is_well_says_so(api: httpx.AsyncClient) -> None:
    del api.headers["x-events-key"]

    answers = {path: await api.get(f"/api/{path}") for path in ("live", "ready", "health")}

    assert {path: answer.status_code for path, answer in answers.items()} == {"live": 200, "ready": 200, "health": 200}
    assert answers["health"].json() == {
        "status": "healthy",
        "stores": {"ledger": "ok", "redis": "ok", "cosmos": "ok"},
    }


@pytest.mark.parametrize("store", ["redis", "blob"])
async def test_a_store_that_is_away_is_told_and_events_come_again(clean_stores: Stack, store: str) -> None:
    own = Container(read_settings())
    body = msgspec.json.encode(event())
    async with api_of(own) as api:
        api.headers["x-events-key"] = clean_stores.env["CHARGEBACK_EVENTS_KEY"]
        clean_stores.kill(store)
        try:
            refused = await api.post(EVENTS, content=body)
            probes = {path: await api.get(f"/api/{path}") for path in ("live", "ready", "health")}
        finally:
            clean_stores.start(store)
        again = await api.post(EVENTS, content=body)
        ready = await api.get("/api/ready")
    await own.close()

    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "10"
    assert refused.json()["error"]["code"] == "StoreUnavailable"
    assert {path: answer.status_code for path, answer in probes.items()} == {"live": 200, "ready": 503, "health": 503}
    stores = probes["health"].json()["stores"]
    assert [name for name, text in stores.items() if text == "away"] == ["ledger" if store == "blob" else "redis"]
    assert outcome(again) == (1, 0, 0)
    assert ready.status_code == 200


async def test_the_api_describes_itself(container: Container) -> None:
    document = http_api(container).openapi()

    assert {EVENTS, "/api/live", "/api/ready", "/api/health"} <= document["paths"].keys()


# Who sends


EMITTERS = """
emitters:
  - {id: agents, sources: [/langchain/agents], subscriptions: [search], gateways: [/apim/gw/swedencentral]}
  - {id: jobs, sources: [/jobs], subscriptions: [support], key: false, appId: 11111111-0000-0000-0000-000000000009}
"""
AGENTS_KEYS = ("a" * 32, "b" * 40)
TENANT = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
async def guarded(clean_stores: Stack, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The door with two emitters beside the gateways, and the stack's issuer of tokens."""
    shutil.copytree(EXAMPLE_CONFIG, tmp_path, dirs_exist_ok=True)
    path_of(tmp_path, "emitters.yaml").write_text(EMITTERS)
    settings = read_settings().model_copy(
        update={
            "config_dir": tmp_path,
            "emitter_keys": {"agents": SecretStr(" ".join(AGENTS_KEYS))},
            "entra_tenant_id": TENANT,
            "events_audience": "api://chargeback",
            "entra_authority": clean_stores.url("identity"),
        }
    )
    own = Container(settings)
    async with api_of(own) as client:
        yield client
    await own.close()


async def token(stack: Stack, **claims: Any) -> str:
    async with httpx.AsyncClient() as client:
        body = {"aud": "api://chargeback", **claims}
        return str((await client.post(f"{stack.url('identity')}/mint", json=body)).json()["access_token"])


@pytest.mark.parametrize("key", AGENTS_KEYS)
async def test_an_emitter_has_two_keys_and_speaks_for_itself_alone(guarded: httpx.AsyncClient, key: str) -> None:
    own = event(source="/langchain/agents/1", subscriptionId="search")
    foreign = [event(), event(source="/langchain/agents/1", subscriptionId="support"), event(source="/jobs")]

    answer = await guarded.post(EVENTS, json=[own, *foreign], headers={"x-events-key": key})

    assert outcome(answer) == (1, 0, 3)
    assert {fault["reason"] for fault in answer.json()["faults"]} == {"not-allowed"}


async def test_event_grid_s_key_is_for_the_gateways_alone(guarded: httpx.AsyncClient, clean_stores: Stack) -> None:
    body = [event(), event(source="/langchain/agents/1")]

    answer = await guarded.post(EVENTS, json=body, headers={"x-events-key": clean_stores.env["CHARGEBACK_EVENTS_KEY"]})

    assert outcome(answer) == (1, 0, 1)


async def test_an_entra_application_sends_without_a_key(guarded: httpx.AsyncClient, clean_stores: Stack) -> None:
    claims = {"azp": "11111111-0000-0000-0000-000000000009"}
    good = await token(clean_stores, **claims)
    bad = {
        "another application": await token(clean_stores, azp="22222222-0000-0000-0000-000000000009"),
        "another audience": await token(clean_stores, **claims, aud="api://else"),
        "expired": await token(clean_stores, **claims, exp=1_000_000_000),
        "altered": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        "no token": "x",
        "Event Grid without its role": await token(clean_stores, azp="4962773b-9cdb-44cf-a8bf-237846a00ab7"),
    }
    webhook = await token(
        clean_stores, azp="4962773b-9cdb-44cf-a8bf-237846a00ab7", roles=["AzureEventGridSecureWebhookSubscriber"]
    )

    async def send(token: str, **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await guarded.post(EVENTS, json=event(**arguments), headers=headers)

    assert outcome(await send(good, source="/jobs", subscriptionId="support")) == (1, 0, 0)
    assert outcome(await send(webhook)) == (1, 0, 0)
    assert {name: (await send(text, source="/jobs")).status_code for name, text in bad.items()} == dict.fromkeys(
        bad, 401
    )


async def test_what_an_emitter_sent_is_replayed_as_the_emitter_s(
    guarded: httpx.AsyncClient, container: Container
) -> None:
    answer = await guarded.post(EVENTS, json=event(), headers={"x-events-key": AGENTS_KEYS[0]})
    agents = Emitter("agents", ("/langchain/agents",), ("search",))

    replayed = await replay_quarantine(container.quarantine, container.ingest, datetime.now(UTC), [agents])
    gone = await replay_quarantine(container.quarantine, container.ingest, datetime.now(UTC), [])

    assert outcome(answer) == (0, 0, 1)
    assert (replayed.accepted, replayed.quarantined, gone.accepted, gone.quarantined) == (0, 1, 0, 1)
    (batch,) = await container.quarantine.batches()
    assert [each.emitter for each in await container.quarantine.get(batch)] == ["agents"]
