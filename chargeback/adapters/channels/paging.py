"""Pages whoever is on call, by Jira Service Management or Opsgenie, which have the same interface.

An alert there has an alias. While one with that alias is open, another one only counts up and pages nobody
(docs.opsgenie.com/docs/alert-deduplication); the alias is the same for every attempt and for the all clear.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from chargeback.adapters.channels.mail_text import mail_text_of
from chargeback.adapters.channels.outbound import Outbound, OutboundAnswer, to_bytes
from chargeback.adapters.channels.outcomes import after_attempt, outcome_of
from chargeback.domain.alerts.alert import TurnKind
from chargeback.domain.alerts.kinds import Severity
from chargeback.domain.alerts.message import AlertMessage
from chargeback.domain.alerts.plain_text import clipped, plain_text
from chargeback.domain.alerts.wording import SaidMessage, say
from chargeback.services.ports.channels import ChannelPace, Outcome
from chargeback.services.usage.senders import Keys

MESSAGE_LENGTH = 130
DESCRIPTION_LENGTH = 15_000
ENTITY_LENGTH = 512
"""docs.opsgenie.com/docs/alert-api, *Create alert*."""

_PRIORITIES = {Severity.INFORMATION: "P5", Severity.LOOK_TODAY: "P3", Severity.MONEY_AT_RISK: "P2"}
_TEST_PRIORITY = "P5"


class PagingChannel:
    """One integration; see `services.ports.channels.AlertChannel`."""

    paces = (ChannelPace(2, timedelta(seconds=1)),)
    """Both count by account and plan; two a second is below the smallest (docs.opsgenie.com/docs/api-rate-limiting)."""

    knows_repetitions = True
    look_for = (
        "An alert of priority P5 that begins with “Test” among the alerts of the team of the integration; close it"
        " there. If nothing comes, look whether the integration is turned on and has a team."
    )

    def __init__(
        self,
        channel: str,
        url: str,
        hosts: tuple[str, ...],
        key: Keys,
        outbound: Outbound,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
    ) -> None:
        self.id = channel
        self._url = f"{url.rstrip('/')}/v2/alerts"
        self._hosts = hosts
        self._key = key
        self._outbound = outbound
        self._zone = zone
        self._clock = clock

    async def send(self, message: AlertMessage) -> Outcome:
        """Open an alert, or close the one that is over."""

        async def attempt() -> Outcome:
            (key,) = await self._key.current()
            said = say(message, self._zone)
            answer = await (self._close(message, said, key) if _is_over(message) else self._open(message, said, key))
            return outcome_of(answer, self._clock())

        return await after_attempt(attempt)

    async def _open(self, message: AlertMessage, said: SaidMessage, key: str) -> OutboundAnswer:
        entry = message.entries[0]
        links = {"link": said.alerts[0].link} if said.alerts[0].link else {}
        alert: dict[str, Any] = {
            "message": clipped(said.subject, MESSAGE_LENGTH),
            "alias": _alias(message),
            "description": clipped(mail_text_of(said), DESCRIPTION_LENGTH),
            "priority": _TEST_PRIORITY if message.is_test else _PRIORITIES[entry.severity],
            "source": "chargeback",
            "entity": plain_text(entry.cost_centre, ENTITY_LENGTH),
            "tags": ["chargeback", entry.kind.value],
            "details": {"reference": entry.alert, **links},
        }
        return await self._post(self._url, alert, key)

    async def _close(self, message: AlertMessage, said: SaidMessage, key: str) -> OutboundAnswer:
        url = f"{self._url}/{quote(_alias(message), safe='')}/close?identifierType=alias"
        return await self._post(
            url, {"source": "chargeback", "note": clipped(mail_text_of(said), DESCRIPTION_LENGTH)}, key
        )

    async def _post(self, url: str, body: dict[str, Any], key: str) -> OutboundAnswer:
        return await self._outbound.post(url, self._hosts, to_bytes(body), {"Authorization": f"GenieKey {key}"})


def _is_over(message: AlertMessage) -> bool:
    """Whether the message closes an alert; a digest only ever opens one of its own."""
    return not message.is_digest and not message.is_test and message.entries[0].turn is TurnKind.CLEARED


def _alias(message: AlertMessage) -> str:
    return message.key if message.is_digest or message.is_test else message.entries[0].alert
