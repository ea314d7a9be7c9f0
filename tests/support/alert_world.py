"""Alerts in a world where stores fail, processes die at any call, channels refuse, and time goes as a test says."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chargeback.adapters.memory.outbox import MemoryDigests, MemoryDueAlerts, MemoryOutbox
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.domain.alerts.alert import Alert, Sighting, TurnKind
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.domain.alerts.message import AlertMessage
from chargeback.domain.alerts.subscriptions import AlertPlan
from chargeback.domain.alerts.telling import TellingState
from chargeback.domain.alerts.watching import Look
from chargeback.domain.errors import SomeFailed, StoreUnavailable
from chargeback.services.alerts.channel_states import ChannelStates
from chargeback.services.alerts.raise_alerts import Alerts
from chargeback.services.alerts.tell_alerts import AlertTeller, Untold
from chargeback.services.alerts.tell_channel import Timing
from chargeback.services.ports.channels import ChannelPace, Outcome
from tests.support.alerts import NOW

FINE, AWAY_BEFORE, AWAY_AFTER, DIES_BEFORE, DIES_AFTER = "fine", "503", "503 after", "dies", "dies after"
"""What happens to a call of a store: a failure, or the end of the process, before it took effect or after."""

TOLD = Outcome(is_told=True)
REFUSED = Outcome(is_told=False, fault="500")
BUSY = Outcome(is_told=False, after=timedelta(seconds=90), fault="429")
NEVER = Outcome(is_told=False, may_retry=False, fault="400")
LIMITS = (ChannelPace(1, timedelta(seconds=1)), ChannelPace(20, timedelta(minutes=1)))


class DiedError(BaseException):
    """The process is gone, as after SIGKILL: nothing of it runs any more."""


@dataclass
class Instance:
    """A process, which dies once."""

    is_dead: bool = False


@dataclass
class Channel:
    """A channel that answers as it is told, and remembers what reached people and when it was called."""

    id: str
    clock: Callable[[], datetime]
    knows_repetitions: bool = False
    paces: tuple[ChannelPace, ...] = LIMITS
    answers: list[Outcome] = field(default_factory=list)
    look_for: str = "a message"
    calls: list[datetime] = field(default_factory=list)
    messages: list[AlertMessage] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    async def send(self, message: AlertMessage) -> Outcome:
        self.calls.append(self.clock())
        outcome = self.answers.pop(0) if self.answers else TOLD
        await asyncio.sleep(0)
        if outcome.is_told and not (self.knows_repetitions and message.key in self.keys):
            self.messages.append(message)
            self.keys.add(message.key)
        return outcome

    @property
    def told(self) -> list[tuple[str, TurnKind]]:
        """What people were told, in its order."""
        return [(entry.alert, entry.turn) for message in self.messages for entry in message.entries]

    def keeps_its_limits(self) -> bool:
        return all(
            later - earlier >= pace.within
            for pace in self.paces
            for earlier, later in zip(self.calls, self.calls[pace.messages :], strict=False)
        )


class Failing:
    """A store of one instance, each of whose calls may fail or be the last thing that the instance does."""

    def __init__(self, store: Any, world: "AlertWorld", instance: Instance) -> None:
        self._store = store
        self._world = world
        self._instance = instance

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*given: Any) -> Any:
            await asyncio.sleep(0)
            if self._instance.is_dead:
                raise DiedError
            fault = self._world.next_fault()
            self._stop_at(fault, AWAY_BEFORE, DIES_BEFORE)
            answer = await method(*given)
            self._stop_at(fault, AWAY_AFTER, DIES_AFTER)
            return answer

        return call

    def _stop_at(self, fault: str, away: str, dies: str) -> None:
        if fault == dies:
            self._instance.is_dead = True
            raise DiedError
        if fault == away:
            raise StoreUnavailable("503")


class AlertWorld:
    """Stores that outlive every process, and channels."""

    def __init__(self, plan: AlertPlan, *, with_memory: Collection[str] = ()) -> None:
        self.now = NOW
        self.plan = plan
        self.outbox, self.digests, self.control = MemoryOutbox(), MemoryDigests(), MemoryControl()
        self.channels = {
            each.channel: Channel(each.channel, lambda: self.now, knows_repetitions=each.channel in with_memory)
            for each in plan.subscriptions
        }
        self.faults: list[str] = []

    def next_fault(self) -> str:
        return self.faults.pop(0) if self.faults else FINE

    async def _sleep(self, seconds: float) -> None:
        self.now = max(self.now, self.now + timedelta(seconds=seconds))
        await asyncio.sleep(0)

    async def look(self, seen: Sequence[Sighting]) -> None:
        instance = Instance()
        alerts = Alerts(Failing(self.outbox, self, instance), MemoryDueAlerts(), self.plan)
        await survived(alerts.see(Look(AlertKind.BUDGET, self.now, seen)))

    async def tell(self, seconds: float = 50) -> None:
        """One instance tells everything that is due."""
        await survived(self._teller().tell_all(self.now + timedelta(seconds=seconds)))

    async def tell_and_watch(self) -> list[Untold]:
        """What people still wait for after everything that is due was told."""
        await self.tell()
        return await self._teller().untold()

    def _teller(self) -> AlertTeller:
        instance = Instance()
        outbox, digests, control = (Failing(each, self, instance) for each in (self.outbox, self.digests, self.control))
        timing = Timing(lambda: self.now, self._sleep)
        return AlertTeller(outbox, digests, ChannelStates(control), self.channels, timing)

    async def tell_all_at_last(self, most: int = 3000) -> None:
        """Time goes on, and nothing fails any more, until everybody was told."""
        self.faults.clear()
        for _ in range(most):
            await self.tell()
            due = [alert.due for alert in self.outbox.alerts if alert.due]
            due += [kept.digest.due for kept in await self._digests_left() if kept.digest.due]
            if not due:
                return
            self.now = max(self.now + timedelta(minutes=1), min(due))
        raise AssertionError("something is never told")

    async def _digests_left(self) -> list[Any]:
        far = self.now + timedelta(days=1000)
        return [kept for name in self.channels for kept in await self.digests.due(name, far)]

    def expected(self, channel: str) -> Counter[tuple[str, TurnKind]]:
        """What a channel has to have been told once each."""
        return Counter(
            (alert.id, kind)
            for alert in self.outbox.alerts
            for kind, turn in alert.turns.items()
            if channel in turn.tellings and turn.tellings[channel].state is not TellingState.NEVER
        )

    def states(self, channel: str) -> set[TellingState]:
        return {turn.tellings[channel].state for alert in self.outbox.alerts for turn in turns_in(alert, channel)}


def turns_in(alert: Alert, channel: str) -> list[Any]:
    return [turn for turn in alert.turns.values() if channel in turn.tellings]


async def survived(work: Any) -> None:
    """Let something happen that may fail or die, as a trigger does that is called again."""
    with suppress(StoreUnavailable, SomeFailed, DiedError):
        await work
