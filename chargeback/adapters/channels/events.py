"""Tells other systems by CloudEvents on the product's own Event Grid topic, to which they subscribe."""

import asyncio
from typing import Any

import msgspec
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid.aio import EventGridPublisherClient

from chargeback.adapters.channels.outbound import SEND_SECONDS
from chargeback.adapters.channels.outcomes import TOLD, UNUSABLE, after_attempt, failed_for_now, refused
from chargeback.adapters.channels.public_alert import PublicType, public_alert, public_type_of
from chargeback.adapters.failures import first_line
from chargeback.domain.alerts.alert import key_of
from chargeback.domain.alerts.message import AlertMessage, MessageEntry
from chargeback.services.ports.channels import Outcome

SOURCE = "/chargeback/alerts"


class EventsChannel:
    """The topic; see `services.ports.channels.AlertChannel`."""

    paces = ()
    """A topic takes 5 000 events a second (learn.microsoft.com/azure/event-grid/quotas-limits)."""

    knows_repetitions = True
    """A repeated event has the same id. Event Grid may itself deliver an event twice, so subscribers look at the id."""

    look_for = (
        "An event of type `chargeback.alert.test.v1` where a subscription to the topic leads. Event Grid takes it also"
        " where there is no subscription."
    )

    def __init__(self, channel: str, client: EventGridPublisherClient) -> None:
        self.id = channel
        self._client = client

    async def send(self, message: AlertMessage) -> Outcome:
        """Publish an event for each alert, also where they come as a digest."""

        async def attempt() -> Outcome:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._client.send(events_of(message, self.id))
            except ClientAuthenticationError as error:
                return failed_for_now(first_line(error))
            except HttpResponseError as error:
                return (refused if error.status_code in UNUSABLE else failed_for_now)(first_line(error))
            except (AzureError, OSError, TimeoutError) as error:
                return failed_for_now(first_line(error))
            return TOLD

        return await after_attempt(attempt)


def events_of(message: AlertMessage, channel: str) -> list[CloudEvent[Any]]:
    """The events of a message; an alert has the same id by itself and in a digest."""
    return [
        CloudEvent(
            source=SOURCE,
            type=PublicType.TEST if message.is_test else public_type_of(entry),
            id=message.key if message.is_test else key_of(entry.alert, entry.turn, channel),
            time=entry.at,
            subject=f"{entry.kind}/{entry.alert}",
            data=_data(entry),
        )
        for entry in message.entries
    ]


def _data(entry: MessageEntry) -> Any:
    """With lists: the vendor's client writes a tuple as text."""
    return msgspec.json.decode(msgspec.json.encode(public_alert(entry)))
