"""The topic accepts, delivers, retries and buries events as Event Grid does."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid.aio import EventGridPublisherClient
from azure.identity.aio import DefaultAzureCredential
from azure.storage.blob.aio import BlobServiceClient

from scripts.local.processes import StackError, free_ports
from scripts.local.provision import call
from scripts.local.stack import Stack

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def topic(stack: Stack) -> Any:
    """A topic of its own whose dead letters go to the session's Azurite."""
    with Stack(services=["eventGrid"], retry_factor=0.001, beside=stack) as servers:
        yield servers


@dataclass
class Receiver:
    """A webhook that answers as told and remembers what came."""

    statuses: list[int] = field(default_factory=list)
    allowed: str | None = "*"
    received: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    async def post(self, request: web.Request) -> web.Response:
        self.received.append(await request.json())
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def options(self, request: web.Request) -> web.Response:
        assert request.headers["WebHook-Request-Origin"] == "eventgrid.azure.net"
        return web.Response(headers={"WebHook-Allowed-Origin": self.allowed} if self.allowed else {})


@asynccontextmanager
async def listening(receiver: Receiver) -> AsyncIterator[Receiver]:
    app = web.Application()
    app.add_routes([web.post("/hook", receiver.post), web.route("OPTIONS", "/hook", receiver.options)])
    runner = web.AppRunner(app)
    await runner.setup()
    [port] = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    receiver.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def control(topic: Stack, method: str, path: str, body: Any = None) -> Any:
    answer = await asyncio.to_thread(call, topic.site, method, topic.url("eventGrid") + path, None, body)
    return json.loads(answer)


def publisher(topic: Stack, credential: Any = None) -> EventGridPublisherClient:
    bundle = str(topic.site.certificates.bundle)
    key = credential or AzureKeyCredential(topic.site.topic_key)
    return EventGridPublisherClient(f"{topic.url('eventGrid')}/api/events", key, connection_verify=bundle)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def delivered(topic: Stack, receiver: Receiver, events: list[CloudEvent], **subscription: Any) -> dict[str, Any]:
    """Publish events to a fresh subscription and return its counts once its queue is empty."""

    async def run() -> dict[str, Any]:
        async with listening(receiver), publisher(topic) as client:
            body = {"name": "test", "endpoint": receiver.url, **subscription}
            await control(topic, "POST", "/_subscriptions", body)
            await client.send(events)
            await until(lambda: drained(topic))
            return (await control(topic, "GET", "/_status"))["subscriptions"]["test"]

    return asyncio.run(run())


async def drained(topic: Stack) -> bool:
    return (await control(topic, "GET", "/_status"))["subscriptions"]["test"]["queued"] == 0


def event(number: int = 1) -> CloudEvent:
    return CloudEvent(source="/apim/test", type="test.usage", data={"number": number}, id=f"e{number}")


def test_an_event_is_delivered_alone_with_the_headers_of_the_service(topic: Stack) -> None:
    receiver = Receiver()

    counts = delivered(topic, receiver, [event(1), event(2)])

    assert counts["delivered"] == counts["requests"] == 2
    assert {one["id"] for one in receiver.received} == {"e1", "e2"}
    headers = receiver.headers[0]
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["aeg-event-type"] == "Notification"
    assert headers["aeg-subscription-name"] == "TEST"
    assert headers["aeg-delivery-count"] == "0"


def test_batches_hold_at_most_what_the_subscription_allows(topic: Stack) -> None:
    receiver = Receiver()

    delivered(topic, receiver, [event(n) for n in range(100)], maxEventsPerBatch=10)

    assert max(len(batch) for batch in receiver.received) == 10
    assert {one["id"] for batch in receiver.received for one in batch} == {f"e{n}" for n in range(100)}


def test_a_failed_delivery_comes_again_with_its_count(topic: Stack) -> None:
    receiver = Receiver(statuses=[500, 503, 404])

    counts = delivered(topic, receiver, [event()])

    assert counts["retries"] == 3
    assert [headers["aeg-delivery-count"] for headers in receiver.headers] == ["0", "1", "2", "3"]


def test_an_endpoint_that_disagrees_gets_no_subscription(topic: Stack) -> None:
    with pytest.raises(StackError, match="handshake failed"):
        delivered(topic, Receiver(allowed=None), [event()])


def test_duplicates_on_purpose_come_with_the_same_id(topic: Stack) -> None:
    call(topic.site, "POST", f"{topic.url('eventGrid')}/_pace", body={"duplicates": 0.5, "shuffle": 0.02})
    receiver = Receiver()

    counts = delivered(topic, receiver, [event(n) for n in range(50)])
    call(topic.site, "POST", f"{topic.url('eventGrid')}/_pace", body={"duplicates": 0, "shuffle": 0})

    assert counts["duplicates"] > 5
    assert len(receiver.received) == 50 + counts["duplicates"]
    assert {one["id"] for one in receiver.received} == {f"e{n}" for n in range(50)}


@pytest.mark.parametrize(
    ("statuses", "attempts", "outcome", "reason"),
    [
        ([400], 1, "BadRequest", "UndeliverableDueToClientError"),
        ([413], 1, "PayloadTooLarge", "UndeliverableDueToClientError"),
        ([500, 500], 2, "GenericError", "MaxDeliveryAttemptsExceeded"),
    ],
)
def test_what_cannot_be_delivered_becomes_a_dead_letter(
    topic: Stack, clean_stores: Stack, statuses: list[int], attempts: int, outcome: str, reason: str
) -> None:
    counts = delivered(topic, Receiver(statuses=statuses), [event(7)], maxDeliveryAttempts=2)

    [(path, [letter])] = asyncio.run(dead_letters(clean_stores))
    assert counts["deadLettered"] == 1
    assert path.startswith("TEST/2")
    assert letter["id"] == "e7"
    assert letter["data"] == {"number": 7}
    assert letter["deliveryattempts"] == attempts
    assert letter["lastdeliveryoutcome"] == outcome
    assert letter["deadletterreason"] == reason
    assert letter["publishtime"] <= letter["lastdeliveryattempttime"]


async def dead_letters(stack: Stack) -> list[tuple[str, Any]]:
    async with (
        DefaultAzureCredential() as credential,
        BlobServiceClient(stack.url("blob"), credential) as client,
    ):
        container = client.get_container_client("dead-letter")

        async def found() -> bool:
            return bool([name async for name in container.list_blob_names()])

        await until(found)
        names = [name async for name in container.list_blob_names()]
        return [(name, json.loads(await (await container.download_blob(name)).readall())) for name in names]


def test_an_identity_without_the_role_and_a_wrong_key_may_not_publish(stack: Stack, topic: Stack) -> None:
    async def run() -> None:
        async with publisher(topic, AzureKeyCredential("wrong")) as client:
            with pytest.raises(ClientAuthenticationError):
                await client.send(event())
        async with DefaultAzureCredential() as functions, publisher(topic, functions) as client:
            with pytest.raises(ClientAuthenticationError, match="no permission to send data"):
                await client.send(event())

    asyncio.run(run())


def test_the_gateways_identity_may_publish(stack: Stack, topic: Stack) -> None:
    async def run() -> None:
        async with DefaultAzureCredential() as credential, publisher(topic, credential) as client:
            before = (await control(topic, "GET", "/_status"))["published"]
            await client.send(event())
            assert (await control(topic, "GET", "/_status"))["published"] == before + 1

    with topic.acting_as("gateway"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (400, "application/json", {}),
        (400, "application/cloudevents+json", {"specversion": "1.0", "id": "1", "type": "t"}),
        (400, "application/cloudevents+json", {"specversion": "0.3", "id": "1", "type": "t", "source": "s"}),
        (400, "application/cloudevents-batch+json", {"not": "an array"}),
        (413, "application/cloudevents-batch+json", ["x" * (1024 * 1024)]),
    ],
)
def test_requests_that_the_service_refuses_are_refused(topic: Stack, status: int, content_type: str, body: Any) -> None:
    headers = {"aeg-sas-key": topic.site.topic_key, "Content-Type": content_type}
    url = f"{topic.url('eventGrid')}/api/events?api-version=2018-01-01"

    answer = call(topic.site, "POST", url, headers, body, accept=(status,))

    assert json.loads(answer)["error"]["message"]


def test_without_credentials_nothing_is_published(topic: Stack) -> None:
    url = f"{topic.url('eventGrid')}/api/events?api-version=2018-01-01"

    call(topic.site, "POST", url, {"Content-Type": "application/cloudevents-batch+json"}, [], accept=(401,))


def test_a_batch_larger_than_the_limit_raises_in_the_client(topic: Stack) -> None:
    async def run() -> int | None:
        async with publisher(topic) as client:
            with pytest.raises(HttpResponseError) as caught:
                await client.send([event(n) for n in range(5001)])
            return caught.value.status_code

    assert asyncio.run(run()) == 400
