"""From the Event Grid topic through the Functions host to the month's CSV in Blob storage."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient
from azure.identity import DefaultAzureCredential

from chargeback.bootstrap import open_container
from chargeback.settings import read_settings
from stack.clear import clear_stores
from stack.stack import Stack
from tests.e2e.oracle import chargeback_csv, without_charge_ids
from tests.e2e.traffic import catalogue_folder, traffic

DAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


@pytest.fixture(scope="module")
def path(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Topic and Functions host over the session's stores, with every tenth event delivered twice.

    As in Azure, roles decide about blobs, Redis wants TLS and a token, and the events' key is in a vault.
    """
    clear_stores(stack)
    config = catalogue_folder(tmp_path_factory.mktemp("config"), DAY)
    with Stack(
        services=["blobRoles", "redisFront", "vault", "functions", "eventGrid"],
        beside=stack,
        extra_env={"CHARGEBACK_CONFIG_DIR": str(config), "CHARGEBACK_EVENTS_KEY": ""},
    ) as servers:
        post(f"{servers.url('eventGrid')}/_pace", json={"duplicates": 0.1, "shuffle": 0.05})
        yield servers


def post(url: str, **arguments: Any) -> httpx.Response:
    answer = httpx.post(url, timeout=60, **arguments)
    answer.raise_for_status()
    return answer


def publish(servers: Stack, events: list[dict[str, Any]]) -> None:
    """Send events as the gateway does: with an identity that may."""
    endpoint = f"{servers.url('eventGrid')}/api/events"
    with (
        servers.acting_as("gateway"),
        DefaultAzureCredential() as credential,
        EventGridPublisherClient(endpoint, credential) as client,
    ):
        client.send([CloudEvent.from_dict(event) for event in events])


def wait_until_delivered(servers: Stack, timeout: float = 60, *, turning: float = 0) -> dict[str, Any]:
    """Wait until nothing is queued; `turning` moves the topic's clock on meanwhile, by so many seconds a time."""
    deadline = time.monotonic() + timeout
    while True:
        status = httpx.get(f"{servers.url('eventGrid')}/_status", timeout=10).json()["subscriptions"]["ingest-usage"]
        if not status["queued"] or time.monotonic() > deadline:
            return dict(status)
        if turning:
            post(f"{servers.url('eventGrid')}/_clock", json={"advance": turning})
        time.sleep(0.05)


def run_function(servers: Stack, name: str) -> None:
    post(f"{servers.url('functions')}/admin/functions/{name}?wait=true", json={})


def read_report(stack: Stack, period: str) -> bytes:
    async def read() -> bytes:
        async with open_container(read_settings()) as container:
            path = f"{period}/chargeback-{period}.csv"
            return without_charge_ids(b"".join([piece async for piece in container.reports.read(path)]))

    return asyncio.run(read())


def test_events_published_to_the_topic_become_the_csv_of_the_month(stack: Stack, path: Stack) -> None:
    events = traffic(DAY, 70)

    publish(path, events)
    status = wait_until_delivered(path)
    for name in ("post_usage", "audit_ledger", "publish_reports"):
        run_function(path, name)

    assert status["deadLettered"] == 0
    assert read_report(stack, DAY[:7]) == chargeback_csv(events, DAY[:7], DAY)


def test_an_outage_of_redis_loses_nothing_and_needs_no_hand(stack: Stack, path: Stack) -> None:
    clear_stores(stack)
    events = traffic(DAY, 21, prefix="outage-")
    ready = f"{path.url('functions')}/api/ready"

    stack.kill("redis")
    publish(path, events)
    while_down = httpx.get(ready, timeout=30).status_code
    stack.start("redis")
    status = wait_until_delivered(path, turning=30)
    run_function(path, "post_usage")
    run_function(path, "publish_reports")

    assert while_down == 503
    assert httpx.get(ready, timeout=30).status_code == 200
    assert status["deadLettered"] == 0
    assert read_report(stack, DAY[:7]) == chargeback_csv(events, DAY[:7], DAY)


def test_the_webhook_takes_a_batch_and_quarantines_what_it_cannot_use(
    stack: Stack, path: Stack, tmp_path: Path
) -> None:
    clear_stores(stack)
    events = traffic(DAY, 14, prefix="batch-")
    url = f"{path.url('functions')}/api/v1/events"
    headers = {"Content-Type": "application/cloudevents-batch+json", "x-events-key": stack.env["CHARGEBACK_EVENTS_KEY"]}

    answer = post(url, json=[*events, {"specversion": "1.0"}], headers=headers).json()
    again = post(url, json=events, headers=headers).json()
    run_function(path, "post_usage")
    run_function(path, "publish_reports")

    assert (answer["accepted"], answer["quarantined"]) == (len(events), 1)
    assert (again["accepted"], again["duplicate"]) == (0, len(events))
    assert read_report(stack, DAY[:7]) == chargeback_csv(events, DAY[:7], DAY)


def test_every_unusable_event_among_many_is_logged(stack: Stack, path: Stack) -> None:
    """No line is lost because its invocation has ended: the host drops the lines of those."""
    clear_stores(stack)
    pace, log = f"{path.url('eventGrid')}/_pace", path.site.log("functions")
    post(pace, json={"duplicates": 0, "shuffle": 1.0})
    written, dropped = log.stat().st_size, dropped_lines(path)
    events = traffic(DAY, 560, prefix="load-")
    unusable = events[::7]
    for number, event in enumerate(unusable):
        event["type"] = f"nonsense-{number % 3}"

    publish(path, events)
    wait_until_delivered(path)
    post(pace, json={"duplicates": 0.1, "shuffle": 0.05})

    with log.open("rb") as file:
        file.seek(written)
        messages = [
            line[line.index('{"event":') :] for line in file.read().decode().splitlines() if '{"event":' in line
        ]
    refused = [json.loads(message) for message in messages if message.startswith('{"event":"quarantined"')]
    assert sum(each["events"] for each in refused) == len(unusable) > 80
    taken = [json.loads(message) for message in messages if message.startswith('{"event":"ingested"')]
    assert sum(each["accepted"] + each["duplicate"] for each in taken) == len(events) - len(unusable)
    assert len(taken) < len(events)  # commits were shared, which is where lines were lost
    assert dropped_lines(path) == dropped


def dropped_lines(servers: Stack) -> int:
    return int(httpx.get(f"{servers.url('functions')}/admin/host/status", timeout=30).json()["droppedLogLines"])


def test_requests_that_come_all_at_once_to_a_cold_app_are_all_served(stack: Stack) -> None:
    """azure-functions starts the ASGI lifespan once for each of them, and ends all but one."""
    clear_stores(stack)
    bodies = [[event] for event in traffic(DAY, 24, prefix="cold-")]

    async def send(url: str) -> list[int]:
        async with httpx.AsyncClient(
            timeout=60, headers={"x-events-key": stack.env["CHARGEBACK_EVENTS_KEY"]}
        ) as client:
            answers = await asyncio.gather(*(client.post(url, json=body) for body in bodies))
        return [answer.status_code for answer in answers]

    with Stack(services=["functions"], beside=stack) as cold:
        statuses = asyncio.run(send(f"{cold.url('functions')}/api/v1/events"))
        again = asyncio.run(send(f"{cold.url('functions')}/api/v1/events"))

    assert set(statuses + again) == {200}
