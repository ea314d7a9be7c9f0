"""Tells what is due, each channel by itself, so that one that hangs or refuses holds up no other."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from chargeback.domain.alerts.telling import Telling, dropped
from chargeback.domain.errors import SomeFailed, StoreUnavailable
from chargeback.services.alerts.channel_states import ChannelStates
from chargeback.services.alerts.letters import AlertLetter, DigestLetter, Letter
from chargeback.services.alerts.tell_channel import ChannelTeller, Timing
from chargeback.services.ports.channels import AlertChannel
from chargeback.services.ports.outbox import Digests, Outbox, backlog
from chargeback.services.running.together import together

FORGOTTEN = timedelta(days=1)
"""What waits so long for a channel that is not configured is told nobody; a deployment takes less time."""


@dataclass(frozen=True, slots=True)
class Untold:
    """What a channel should have been told by now.

    Attributes:
        since: when the longest waiting alert was due.
    """

    channel: str
    alerts: int
    since: datetime


class AlertTeller:
    """Any number of instances may tell at the same time."""

    def __init__(
        self,
        outbox: Outbox,
        digests: Digests,
        states: ChannelStates,
        channels: Mapping[str, AlertChannel],
        timing: Timing,
    ) -> None:
        self._outbox = outbox
        self._digests = digests
        self._states = states
        self._channels = channels
        self._timing = timing

    async def tell_alert(self, alert_id: str, until: datetime) -> int:
        """Tell what is due in the channels that are to be told of an alert; how many messages were sent."""
        kept = await self._outbox.get(alert_id)
        now = self._timing.now()
        due = [] if kept is None else [channel for channel, at in kept.alert.dues.items() if at <= now]
        return await self._tell([channel for channel in due if channel in self._channels], until)

    async def tell_all(self, until: datetime) -> int:
        """Tell everything that is due; how many messages were sent.

        Raises `SomeFailed` where a store was away for some channels, after every other channel was told.
        """
        return await self._tell(list(self._channels), until)

    async def untold(self) -> list[Untold]:
        """What should have been told by now, the longest waiting channel first; what nobody can be told is dropped."""
        now = self._timing.now()
        alone, together = await self._outbox.channels_waiting(now), await self._digests.channels_waiting(now)
        waits = ((name, *each) for found in (alone, together) for name, each in found.items())
        found = [Untold(channel, *each) for channel, each in backlog(waits, now).items()]
        for each in found:
            if each.channel not in self._channels and now - each.since > FORGOTTEN:
                await self._forget(each.channel, now)
        return sorted(found, key=lambda each: each.since)

    async def _tell(self, channels: Collection[str], until: datetime) -> int:
        tellers = {each: self._teller(self._channels[each]) for each in channels}
        failed: dict[str, str] = {}

        async def one(channel: str, teller: ChannelTeller) -> None:
            try:
                await teller.tell(until)
            except StoreUnavailable as error:
                failed[channel] = str(error)

        await together(*(one(*each) for each in tellers.items()))
        if failed:
            raise SomeFailed("telling", failed)
        return sum(each.sent for each in tellers.values())

    def _teller(self, channel: AlertChannel) -> ChannelTeller:
        return ChannelTeller(
            channel, self._outbox, self._digests, self._states, run=uuid.uuid4().hex, timing=self._timing
        )

    async def _forget(self, channel: str, now: datetime) -> None:
        def mark(telling: Telling) -> Telling | None:
            return None if telling.is_over else dropped(telling, now, "the channel is not configured")

        for kept in await self._outbox.due(channel, now - FORGOTTEN):
            turn = kept.alert.next_turn(channel)
            letter: Letter
            if turn is not None:
                letter = AlertLetter(self._outbox, kept.alert.id, turn, channel)
                await letter.mark(mark)
        for digest in await self._digests.due(channel, now - FORGOTTEN):
            letter = DigestLetter(self._outbox, self._digests, digest.digest.id)
            await letter.mark(mark)
