"""Tells another system by a signed webhook (Standard Webhooks 1.0)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chargeback.adapters.channels.outbound import Outbound, to_bytes
from chargeback.adapters.channels.outcomes import after_attempt, outcome_of, refused
from chargeback.adapters.channels.public_alert import PublicAlert, public_alert, public_type
from chargeback.adapters.channels.signing import signed_headers
from chargeback.domain.alerts.message import AlertMessage
from chargeback.services.ports.channels import ChannelPace, Outcome
from chargeback.services.usage.senders import Keys

MOST_PAYLOAD = 20_000
"""Bytes; the specification asks for less than 20 kB."""

_GONE = 410


class WebhookChannel:
    """One address of another system; see `services.ports.channels.AlertChannel`."""

    paces = (ChannelPace(10, timedelta(seconds=1)),)
    """Nobody says how much a receiver takes; one that gets too much answers 429 and is waited for."""

    knows_repetitions = True
    look_for = (
        "A request of type `chargeback.alert.test.v1` in the other system's log, whose signature it has verified. It is"
        " to drop a `webhook-id` that it has seen."
    )

    def __init__(
        self,
        channel: str,
        url: str,
        hosts: tuple[str, ...],
        secrets: Keys,
        outbound: Outbound,
        clock: Callable[[], datetime],
    ) -> None:
        self.id = channel
        self._url = url
        self._hosts = hosts
        self._secrets = secrets
        self._outbound = outbound
        self._clock = clock

    async def send(self, message: AlertMessage) -> Outcome:
        """Send a message with a signature by each secret, under the same id for each attempt."""

        async def attempt() -> Outcome:
            secrets = await self._secrets.current()
            body, now = to_bytes(payload_of(message)), self._clock()
            headers = signed_headers(message.key, now, body, secrets)
            answer = await self._outbound.post(self._url, self._hosts, body, headers)
            if answer.status == _GONE:
                return replace(refused("answered 410: nothing is sent there any more"), is_gone=True)
            # Receivers say 400 also to a signature that they cannot verify yet, so everything else is sent again.
            return outcome_of(answer, now, unusable=())

        return await after_attempt(attempt)


def payload_of(message: AlertMessage) -> dict[str, Any]:
    """Type, time and data; a digest has as many alerts as there is room for, and says how many more there are."""
    alerts = [public_alert(entry) for entry in message.entries]
    if not message.is_digest:
        return _payload(message, alerts[0])
    count = len(alerts)
    while count > 1 and len(to_bytes(_digest(message, alerts, count))) > MOST_PAYLOAD:
        count -= max(1, count // 8)
    return _digest(message, alerts, count)


def _digest(message: AlertMessage, alerts: list[PublicAlert], count: int) -> dict[str, Any]:
    return _payload(message, {"alerts": alerts[:count], "leftOut": len(alerts) - count})


def _payload(message: AlertMessage, data: object) -> dict[str, Any]:
    return {"type": public_type(message), "timestamp": message.entries[-1].at, "data": data}
