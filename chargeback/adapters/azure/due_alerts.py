"""Says through an Event Grid topic that alerts are due, so that the function that tells them is called at once."""

import asyncio
from collections.abc import Collection

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.core.messaging import CloudEvent
from azure.eventgrid.aio import EventGridPublisherClient

from chargeback.adapters.failures import first_line
from chargeback.domain.errors import StoreUnavailable

TYPE = "chargeback.alert.due.v1"
SOURCE = "/chargeback/alerts"

SECONDS = 5.0
"""For each request: what is not said is found by a timer, so a topic that hangs is not waited for."""

_IN_ONE_REQUEST = 500
"""Some 130 KB; the service takes 1 MB."""


class EventGridDueAlerts:
    """See `services.ports.outbox.DueAlerts`."""

    def __init__(self, endpoint: str, credential: AsyncTokenCredential) -> None:
        self._client = EventGridPublisherClient(endpoint, credential, retry_total=1)

    async def announce(self, alert_ids: Collection[str]) -> None:
        """One event for each alert."""
        events = [CloudEvent(SOURCE, TYPE, data={"id": alert_id}) for alert_id in alert_ids]
        try:
            for start in range(0, len(events), _IN_ONE_REQUEST):
                async with asyncio.timeout(SECONDS):
                    await self._client.send(events[start : start + _IN_ONE_REQUEST])
        except (AzureError, OSError, TimeoutError) as error:
            raise StoreUnavailable(f"Event Grid, alerts: {first_line(error)}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class NobodyToCall:
    """No topic is set: what is due is found by the timer alone, within a minute."""

    async def announce(self, alert_ids: Collection[str]) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Nothing is open."""
