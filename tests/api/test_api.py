"""The HTTP door: events in every form, refusals with their status, and whether the product is well."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from chargeback.api.app import http_api
from chargeback.api.events import MAX_BODY_BYTES
from chargeback.bootstrap import Container
from chargeback.settings import read_settings
from scripts.local.stack import Stack
from tests.builders import cloud_event

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

TODAY = datetime.now(UTC).date().isoformat()
EVENTS = "/api/v1/events"


def event(**arguments: Any) -> dict[str, Any]:
    return cloud_event(**({"time": f"{TODAY}T00:00:01Z"} | arguments))


def api_of(container: Container) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(http_api(container))
    return httpx.AsyncClient(transport=transport, base_url="http://api", timeout=60)


@pytest.fixture
async def api(clean_stores: Stack, container: Container) -> AsyncIterator[httpx.AsyncClient]:
    async with api_of(container) as client:
        client.headers["x-events-key"] = clean_stores.env["EVENTS_KEY"]
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
    changed = await container.counter.changed(TODAY)
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


async def test_the_key_is_taken_from_the_query_too(api: httpx.AsyncClient) -> None:
    key = api.headers.pop("x-events-key")

    assert outcome(await api.post(EVENTS, params={"code": key}, json=event())) == (1, 0, 0)


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


@pytest.mark.parametrize("body", [b"[]", b"{}", b"[{}]", b"no", b'[{"data": 5}]', b'[{"data": "text"}]'])
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
        api.headers["x-events-key"] = clean_stores.env["EVENTS_KEY"]
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


async def test_the_api_describes_itself(api: httpx.AsyncClient) -> None:
    document = (await api.get("/api/openapi.json")).json()

    assert {EVENTS, "/api/live", "/api/ready", "/api/health"} <= document["paths"].keys()
