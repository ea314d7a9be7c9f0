"""Sends mail by Communication Services, with the app's identity.

A mail has an `Operation-Id`, the same for each attempt. Whether the service drops a second mail with it is not promised
(Azure/azure-rest-api-specs, communication/data-plane/Email, 2025-09-01: it “identifies the long running operation”), so
each attempt first asks whether there is such an operation, and sends nothing if there is one.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from chargeback.adapters.channels.mail_text import mail_html_of, mail_subject_of, mail_text_of
from chargeback.adapters.channels.outbound import Outbound, OutboundAnswer, to_bytes
from chargeback.adapters.channels.outcomes import TOLD, after_attempt, failed_for_now, outcome_of, refused
from chargeback.adapters.failures import first_line
from chargeback.domain.alerts.message import AlertMessage
from chargeback.domain.alerts.wording import say
from chargeback.services.ports.channels import ChannelPace, Outcome

HOSTS = ("communication.azure.com", "communication.azure.us")
SCOPE = "https://communication.azure.com/.default"
VERSION = "2025-09-01"

_NOT_FOUND = 404
_ENDED_BADLY = ("Failed", "Canceled")


class _Operation(msgspec.Struct, frozen=True):
    status: str = ""
    error: object = None


class EmailChannel:
    """Mail to some people; see `services.ports.channels.AlertChannel`."""

    paces = (ChannelPace(30, timedelta(minutes=1)), ChannelPace(100, timedelta(hours=1)))
    """learn.microsoft.com/azure/communication-services/concepts/service-limits, until more is asked for."""

    knows_repetitions = True
    look_for = "A mail that begins with “Test” in every mailbox of the channel, and not among the unwanted ones."

    def __init__(
        self,
        channel: str,
        endpoint: str,
        sender: str,
        to: tuple[str, ...],
        credential: AsyncTokenCredential,
        outbound: Outbound,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
    ) -> None:
        self.id = channel
        self._endpoint = endpoint
        self._sender = sender
        self._to = to
        self._credential = credential
        self._outbound = outbound
        self._zone = zone
        self._clock = clock

    async def send(self, message: AlertMessage) -> Outcome:
        """Have a mail sent, unless that was done before."""

        async def attempt() -> Outcome:
            operation = operation_id(message.key)
            try:
                token = (await self._credential.get_token(SCOPE)).token
            except AzureError as error:
                return failed_for_now(first_line(error))
            headers = {"Authorization": f"Bearer {token}"}
            known = await self._known(operation, headers)
            if known is not None:
                return known
            answer = await self._post(operation, message, headers)
            return outcome_of(answer, self._clock())

        return await after_attempt(attempt)

    async def _known(self, operation: str, headers: dict[str, str]) -> Outcome | None:
        """The outcome of an earlier attempt; None where the service knows of none."""
        url = f"{self._endpoint}/emails/operations/{operation}?api-version={VERSION}"
        answer = await self._outbound.get(url, HOSTS, headers)
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != 200:
            return outcome_of(answer, self._clock())
        return _outcome_of_operation(answer)

    async def _post(self, operation: str, message: AlertMessage, headers: dict[str, str]) -> OutboundAnswer:
        said = say(message, self._zone)
        mail = {
            "senderAddress": self._sender,
            "recipients": {"to": [{"address": address} for address in self._to]},
            "content": {"subject": mail_subject_of(said), "plainText": mail_text_of(said), "html": mail_html_of(said)},
            "headers": {"Auto-Submitted": "auto-generated"},
            "userEngagementTrackingDisabled": True,
        }
        url = f"{self._endpoint}/emails:send?api-version={VERSION}"
        return await self._outbound.post(url, HOSTS, to_bytes(mail), {**headers, "Operation-Id": operation})


def operation_id(key: str) -> str:
    """The `Operation-Id` of a message, a GUID that follows from its key."""
    return str(UUID(bytes=sha256(key.encode()).digest()[:16]))


def _outcome_of_operation(answer: OutboundAnswer) -> Outcome:
    try:
        operation = msgspec.json.decode(answer.body, type=_Operation)
    except msgspec.MsgspecError:
        return failed_for_now("the status of the mail cannot be read")
    # Under the same id the service does not try again.
    return refused(f"the mail was not sent: {operation.error}") if operation.status in _ENDED_BADLY else TOLD
