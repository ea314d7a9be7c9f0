"""Tells a chat or a channel of Teams, by a workflow that posts what it gets."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from chargeback.adapters.channels.adaptive_card import card_of
from chargeback.adapters.channels.outbound import Outbound, to_bytes
from chargeback.adapters.channels.outcomes import TOLD, after_attempt, outcome_of, refused
from chargeback.domain.alerts.message import AlertMessage
from chargeback.domain.alerts.wording import say
from chargeback.services.ports.channels import ChannelPace, Outcome
from chargeback.services.usage.senders import Keys

HOSTS = ("api.powerplatform.com", "logic.azure.com", "logic.azure.us", "logic.azure.cn", "api.powerplatform.us")
"""Where workflows live: <environment>.<n>.environment.api.powerplatform.com, before that prod-<n>.<region>.logic…"""

_CARD = "application/vnd.microsoft.card.adaptive"
_SHOWN = 202


class TeamsChannel:
    """One workflow; see `services.ports.channels.AlertChannel`."""

    paces = (ChannelPace(4, timedelta(seconds=1)),)
    """Above that Teams throttles (github.com/MicrosoftDocs/msteams-docs, issue 7425)."""

    knows_repetitions = False
    look_for = (
        "A card that begins with “This is a test” in the chat or channel of the workflow. If nothing comes, look at the"
        " workflow's runs: Teams also answers where it shows nothing."
    )

    def __init__(
        self, channel: str, address: Keys, outbound: Outbound, zone: ZoneInfo, clock: Callable[[], datetime]
    ) -> None:
        self.id = channel
        self._address = address
        self._outbound = outbound
        self._zone = zone
        self._clock = clock

    async def send(self, message: AlertMessage) -> Outcome:
        """Post a card."""

        async def attempt() -> Outcome:
            (address,) = await self._address.current()
            card = card_of(say(message, self._zone))
            attachment = {"contentType": _CARD, "contentUrl": None, "content": card}
            body = to_bytes({"type": "message", "attachments": [attachment]})
            answer = await self._outbound.post(address, HOSTS, body)
            if answer.status == _SHOWN:
                return TOLD
            if 200 <= answer.status < 300:
                # It may have been shown, so it is not sent again; a test tells whoever set the channel up.
                return refused(f"answered {answer.status}: a workflow that posts the card answers 202")
            return outcome_of(answer, self._clock())

        return await after_attempt(attempt)
