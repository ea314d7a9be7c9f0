"""Writes the topic's dead letters to Blob storage, in the service's format and at its paths."""

import json
import logging
import os
import uuid
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import AzureError
from azure.identity.aio import DefaultAzureCredential
from azure.storage.blob.aio import BlobServiceClient

from stack.event_grid.clock import Clock
from stack.event_grid.delivery import Subscription
from stack.event_grid.events import PublishedEvent

log = logging.getLogger("event_grid")
DELAY = 300  # the service writes about five minutes after the last attempt
GIVE_UP = 4 * 3600


class DeadLetterWriter:
    """Collects undeliverable events and writes them out as late as the service does."""

    def __init__(self, container: str, clock: Clock) -> None:
        self._container = container
        self._clock = clock
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._oldest = 0.0
        self.written = 0
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many events are not written yet."""
        return sum(len(events) for events in self._waiting.values())

    def add(self, subscription: Subscription, event: PublishedEvent, reason: str) -> None:
        """Take an event that will not be delivered any more."""
        if not self._waiting:
            self._oldest = self._clock.seconds()
        self._waiting.setdefault(subscription.name, []).append(to_dead_letter(event, reason))

    async def run(self) -> None:
        """Write what waits, until cancelled; without a storage account it is dropped."""
        url = os.environ.get("CHARGEBACK_STORAGE_ACCOUNT_URL")
        async with AsyncExitStack() as stack:
            client = None
            while True:
                await self._clock.sleep(DELAY)
                if not self._waiting:
                    continue
                if url and client is None:
                    credential = await stack.enter_async_context(DefaultAzureCredential())
                    client = await stack.enter_async_context(BlobServiceClient(url, credential))
                await self._write(client)

    async def _write(self, client: BlobServiceClient | None) -> None:
        for name in list(self._waiting):
            events = self._waiting.pop(name)
            try:
                if client is None:
                    raise AzureError("CHARGEBACK_STORAGE_ACCOUNT_URL is not set")
                await client.get_blob_client(self._container, blob_name(name)).upload_blob(json.dumps(events))
                self.written += len(events)
            except AzureError as error:
                log.warning("dead letters of %s cannot be written: %s", name, error)
                if client is None or self._clock.seconds() - self._oldest > GIVE_UP:
                    self.dropped += len(events)
                else:
                    self._waiting[name] = events + self._waiting.get(name, [])


def to_dead_letter(event: PublishedEvent, reason: str) -> dict[str, Any]:
    """Return the event with the attributes that say why it was not delivered."""
    attempted = event.attempted or event.published
    return {
        **json.loads(event.body),
        "deadletterreason": reason,
        "deliveryattempts": event.attempts,
        "lastdeliveryoutcome": event.outcome,
        "publishtime": event.published.isoformat().replace("+00:00", "Z"),
        "lastdeliveryattempttime": attempted.isoformat().replace("+00:00", "Z"),
    }


def blob_name(subscription: str) -> str:
    """Return a new path, `SUBSCRIPTION/2025/6/1/9/<guid>.json`."""
    now = datetime.now(UTC)
    return f"{subscription.upper()}/{now.year}/{now.month}/{now.day}/{now.hour}/{uuid.uuid4()}.json"
