"""Keeps of each channel who sends there now, what was sent last and until when it takes nothing."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from chargeback.domain.alerts.telling import LEASE
from chargeback.domain.errors import Superseded
from chargeback.services.ports.channels import ChannelPace
from chargeback.services.ports.control import Control

KIND = "alert-channel"

LONGEST_PAUSE = timedelta(days=1)
"""A channel may ask to wait, but not for ever."""

_FIRST_PAUSE = timedelta(seconds=5)
_MOST_AFTER_FAILURES = timedelta(minutes=5)


class ChannelState(msgspec.Struct, frozen=True):
    """How a channel is used.

    Attributes:
        holder: the run that sends there; empty: none does.
        held_until: when the holder is treated as dead.
        sent: when the latest messages were sent, the oldest first: as many as the channel's limits look back.
        paused_until: before this moment the channel takes nothing.
        failures: how many attempts failed in a row.
        gone: why nothing is sent there any more; empty: it is in use.
    """

    channel: str
    holder: str = ""
    held_until: datetime | None = None
    sent: tuple[datetime, ...] = ()
    paused_until: datetime | None = None
    failures: int = 0
    gone: str = ""

    def is_free(self, holder: str, now: datetime) -> bool:
        """Whether a run may send, because no other does."""
        return self.holder in ("", holder) or self.held_until is None or self.held_until <= now

    def is_paused(self, now: datetime) -> bool:
        """Whether the channel takes nothing now."""
        return self.paused_until is not None and self.paused_until > now

    def free_at(self, paces: Iterable[ChannelPace]) -> datetime | None:
        """The first moment at which one more message keeps every limit; None: at any time."""
        times = [self.sent[-each.messages] + each.within for each in paces if len(self.sent) >= each.messages]
        return max(times, default=None)

    def held(self, holder: str, now: datetime) -> "ChannelState":
        """A run sends from now on."""
        return replace(self, holder=holder, held_until=now + LEASE)

    def released(self) -> "ChannelState":
        """Nobody sends."""
        return replace(self, holder="", held_until=None)

    def with_message(self, paces: Iterable[ChannelPace], now: datetime) -> "ChannelState":
        """One more message is about to be sent."""
        looks_back = max((each.messages for each in paces), default=0)
        return replace(self, sent=(*self.sent, now)[-looks_back:] if looks_back else ())

    def with_answer(self, now: datetime) -> "ChannelState":
        """The channel has answered: from now on at the latest it counts the message."""
        return replace(self, sent=(*self.sent[:-1], now) if self.sent else ())

    def after_success(self) -> "ChannelState":
        """The channel took a message."""
        return replace(self, failures=0, paused_until=None)

    def after_failure(self, now: datetime, asked: timedelta | None) -> "ChannelState":
        """The channel did not take a message: it has a pause, as long as it asks for, else longer each time."""
        by_itself = min(_FIRST_PAUSE * 2 ** min(self.failures, 10), _MOST_AFTER_FAILURES)
        pause = by_itself if asked is None else min(asked, LONGEST_PAUSE)
        return replace(self, failures=self.failures + 1, paused_until=now + pause)


class ChannelStates:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def get(self, channel: str) -> tuple[ChannelState, str | None]:
        """The state with the token of its latest write."""
        found = await self._control.get_versioned(KIND, channel)
        if found is None:
            return ChannelState(channel), None
        return msgspec.convert(found[0], ChannelState), found[1]

    async def swap(self, state: ChannelState, after: str | None) -> str:
        """The new token. Raises `Superseded` if another run wrote first."""
        return await self._control.swap(KIND, state.channel, msgspec.to_builtins(state), after)

    async def reopen(self, channel: str) -> None:
        """Use a channel again at once that was gone or has a pause."""
        while True:
            state, token = await self.get(channel)
            again = replace(state, gone="", failures=0, paused_until=None)
            if again == state:
                return
            try:
                await self.swap(again, token)
            except Superseded:
                continue
            return
