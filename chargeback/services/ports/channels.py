"""The port for the channels that carry alerts to people and to other systems."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from chargeback.domain.alerts.message import AlertMessage


@dataclass(frozen=True, slots=True)
class ChannelPace:
    """What a channel takes at most.

    Attributes:
        messages: at most so many …
        within: … in any span of this length.
    """

    messages: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt to send.

    Attributes:
        is_told: whether the channel took the message.
        may_retry: whether a later attempt can succeed; False where the channel refuses for good.
        after: how long the channel asks to wait.
        is_gone: whether the channel wants nothing any more, ever: nothing is sent there until somebody tests it again.
        fault: what went wrong, without secrets; "" if nothing did.
    """

    is_told: bool
    may_retry: bool = True
    after: timedelta | None = None
    is_gone: bool = False
    fault: str = ""


class AlertChannel(Protocol):
    """One configured channel."""

    @property
    def id(self) -> str:
        """Its name in the configuration."""

    @property
    def paces(self) -> tuple[ChannelPace, ...]:
        """The limits of the service behind it; all of them hold."""

    @property
    def knows_repetitions(self) -> bool:
        """Whether a message that is sent again under the same key reaches nobody a second time."""

    @property
    def look_for(self) -> str:
        """What somebody should see after a test, in one sentence."""

    async def send(self, message: AlertMessage) -> Outcome:
        """Send a message once. Raises nothing but what ends the process."""
