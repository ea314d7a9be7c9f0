"""Merges new events into calls that Redis already knows, and builds the batch for `merge.lua`."""

from collections.abc import Sequence

from chargeback.adapters.redis.calls import Item, Lines, StoredCall, add_fields, from_state, pack, to_state
from chargeback.domain.cost_centres.folding import caller_of
from chargeback.domain.events.documents import outline
from chargeback.domain.events.phases import CallSoFar, accounted
from chargeback.domain.events.usage_event import Phase, UsageEvent
from chargeback.services.ports.counter import EstimatedEvent, EstimateSpend


class Merges:
    """What several events of a call make together, for any number of calls.

    Attributes:
        flags: place of an event in its batch → 1 if it changes what is counted, else 0.
        states: for each changed call, the state that it was worked out from, and the new one, in turn.
    """

    def __init__(self, known: Sequence[Item], states: Sequence[bytes], estimate: EstimateSpend) -> None:
        """`states` has the state of each known call and what its account stands for, in turn."""
        self.flags: dict[int, str] = {}
        self.states: list[bytes] = []
        self._estimate = estimate
        self._lines = Lines()
        self._entries: list[list[object]] = []
        self._changed: list[list[Item]] = []
        calls: dict[str, tuple[bytes, bytes, list[Item]]] = {}
        for item, state, account in zip(known, states[::2], states[1::2], strict=True):
            calls.setdefault(item.call, (state, account, []))[2].append(item)
        for state, account, items in calls.values():
            self._add(state, account, items)

    def batch(self) -> bytes:
        """For the script; empty where no call changes."""
        return pack((self._lines.all, self._entries)) if self._entries else b""

    def to_retry(self, done: bytes) -> list[Item]:
        """The items to try again, because another process has changed their call. Notes in `flags` what had no room."""
        again: list[Item] = []
        for items, flag in zip(self._changed, done.decode(), strict=True):
            if flag == "0":
                again += items
            if flag == "2":
                self.flags |= {item.place: "2" for item in items if self.flags.get(item.place) == "1"}
        return again

    def _add(self, state: bytes, account: bytes, items: list[Item]) -> None:
        stored = from_state(state, account)
        now = stored.so_far
        for item in items:
            before, now = now, item.follow(now)
            if item.place >= 0:
                self.flags[item.place] = "0" if now.account == before.account else "1"
        if now is stored.so_far:
            return
        own = (item.event for item in items if item.place >= 0 and item.event.phase is Phase.PENDING)
        pending = next(own, items[0].event)
        estimated = self._estimate(accounted(now, pending))
        self._entries.append([items[0].call, *self._entry(stored, now, estimated, pending)])
        self._changed.append(items)
        self.states += [state, to_state(now, estimated)]

    def _entry(
        self, stored: StoredCall, now: CallSoFar, estimated: EstimatedEvent, pending: UsageEvent
    ) -> list[object]:
        old: list[object] = []
        if stored.so_far.counts:
            old = [self._lines.add_stored(stored.line, ""), stored.picodollars, *stored.fields]
        new: list[object] = []
        place = 0 if now.is_elsewhere else self._lines.number(estimated)
        if now.counts:
            new = [place, estimated.picodollars]
            add_fields(new, estimated.event)
        text = outline(pending.raw).decode() if now.waits else ""
        return [old, new, text, caller_of(stored.so_far.line), place]
