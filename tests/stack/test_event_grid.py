"""The topic accepts, delivers, retries and buries events as Event Grid does."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid.aio import EventGridPublisherClient
from azure.identity.aio import DefaultAzureCredential
from azure.storage.blob.aio import BlobServiceClient

from stack.event_grid.clock import Clock
from stack.event_grid.delivery import DELAYS, Delivery, Pace, Subscription
from stack.processes import StackError, free_ports
from stack.provision import call
from stack.stack import Stack

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def topic(stack: Stack) -> Any:
    """A topic of its own whose dead letters go to the session's Azurite."""
    with Stack(services=["eventGrid"], event_grid_rate=1000, beside=stack) as servers:
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


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 120) -> None:
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


@asynccontextmanager
async def played(receiver: Receiver) -> AsyncIterator[tuple[Delivery, Clock]]:
    """A delivery to the receiver on a clock that stands almost still unless it is turned."""
    clock = Clock()
    async with listening(receiver), aiohttp.ClientSession() as session:
        subscription = Subscription("test", receiver.url)
        delivery = Delivery(subscription, Pace(), clock, session, lambda *_: None)
        try:
            yield delivery, clock
        finally:
            await delivery.close()


def publish(delivery: Delivery, clock: Clock, count: int) -> None:
    for number in range(count):
        delivery.accept(json.dumps({"id": f"e{number}"}).encode(), "test.usage", clock.now())


def test_a_failed_event_comes_again_after_the_waits_of_the_service() -> None:
    receiver = Receiver(statuses=[500] * 8)

    async def attempts() -> list[float]:
        times = []
        async with played(receiver) as (delivery, clock):
            publish(delivery, clock, 1)
            for number in range(9):
                await until(lambda number=number: received(receiver, number + 1))
                times.append(clock.seconds())
                await until(lambda: scheduled(clock, delivery))
                if clock._due:
                    clock.turn(clock._due[0][0] - clock.seconds())
        return times

    times = asyncio.run(attempts())

    waits = [10, 30, 60, 300, 600, 1_800, 3_600, 10_800]
    planned = [0.0, *itertools.accumulate(waits)]
    assert all(least <= time <= least * 1.1 + 5 for least, time in zip(planned, times, strict=True))
    assert times[6] > 46 * 60  # the seventh attempt


async def received(receiver: Receiver, count: int) -> bool:
    return len(receiver.received) >= count


async def scheduled(clock: Clock, delivery: Delivery) -> bool:
    return bool(clock._due) or delivery.status()["queued"] == 0


def test_an_endpoint_that_fails_again_and_again_gets_nothing_for_some_time_new_events_included() -> None:
    receiver = Receiver(statuses=[500] * 12)

    async def run() -> tuple[int, int, dict[str, Any]]:
        async with played(receiver) as (delivery, clock):
            publish(delivery, clock, 12)
            await until(lambda: received(receiver, 12))
            await until(lambda: counted(delivery, "delays", 1))
            publish(delivery, clock, 1)
            clock.turn(DELAYS[0] - 20)  # long after the second attempt was due
            await asyncio.sleep(0.1)
            meanwhile = len(receiver.received)
            clock.turn(20)
            await until(lambda: received(receiver, 25))
            await until(lambda: counted(delivery, "queued", 0))
            return meanwhile, len(receiver.received), delivery.status()

    meanwhile, at_last, status = asyncio.run(run())

    assert (meanwhile, at_last) == (12, 25)
    assert (status["delays"], status["delivered"]) == (1, 13)


async def counted(delivery: Delivery, name: str, count: int) -> bool:
    return bool(delivery.status()[name] == count)


def test_the_clock_of_the_topic_can_be_turned_on_but_not_back(topic: Stack) -> None:
    url = f"{topic.url('eventGrid')}/_clock"

    def now(**body: float) -> datetime:
        return datetime.fromisoformat(json.loads(call(topic.site, "POST", url, body=body))["now"])

    assert now(advance=86_400) > datetime.now(UTC) + timedelta(days=1)
    call(topic.site, "POST", url, body={"advance": -1}, accept=(400,))


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
        ([401], 1, "Unauthorized", "UndeliverableDueToClientError"),
        ([403], 1, "Forbidden", "UndeliverableDueToClientError"),  # what a stopped function app answers
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
