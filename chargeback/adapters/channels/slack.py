"""Tells a channel of Slack, by an incoming webhook."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from chargeback.adapters.channels.outbound import Outbound, to_bytes
from chargeback.adapters.channels.outcomes import after_attempt, outcome_of
from chargeback.adapters.channels.slack_blocks import blocks_of
from chargeback.domain.alerts.message import AlertMessage
from chargeback.domain.alerts.wording import say
from chargeback.services.ports.channels import ChannelPace, Outcome
from chargeback.services.usage.senders import Keys

HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")


class SlackChannel:
    """One incoming webhook; see `services.ports.channels.AlertChannel`."""

    paces = (ChannelPace(1, timedelta(seconds=1)),)
    """docs.slack.dev/apis/web-api/rate-limits: incoming webhooks, 1 per second."""

    knows_repetitions = False
    look_for = "A message that begins with “This is a test” in the channel of the webhook."

    def __init__(
        self, channel: str, address: Keys, outbound: Outbound, zone: ZoneInfo, clock: Callable[[], datetime]
    ) -> None:
        self.id = channel
        self._address = address
        self._outbound = outbound
        self._zone = zone
        self._clock = clock

    async def send(self, message: AlertMessage) -> Outcome:
        """Post a message."""

        async def attempt() -> Outcome:
            (address,) = await self._address.current()
            body = to_bytes(blocks_of(say(message, self._zone)))
            return outcome_of(await self._outbound.post(address, HOSTS, body), self._clock())

        return await after_attempt(attempt)
