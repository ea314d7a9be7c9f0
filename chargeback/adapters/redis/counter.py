"""Counts the open days in Redis.

All keys of a day share a hash tag, so that one script may touch them under every clustering policy.
"""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from importlib import resources
from typing import Any

from redis.asyncio import Redis

from chargeback.adapters.redis.calls import (
    METERS_IN_LUA,
    Item,
    hours_of,
    items_of,
    known_as,
    pack,
    packed_items,
    phase_in,
    seen_in,
)
from chargeback.adapters.redis.connection import translated
from chargeback.adapters.redis.merges import Merges
from chargeback.domain.cost_centres.folding import MOST_NAMES
from chargeback.domain.errors import CountFull, CountLost, StoreUnavailable
from chargeback.domain.events.usage_event import Phase, UsageEvent
from chargeback.domain.time.days import UtcDay, start_of
from chargeback.domain.usage.lines import from_json
from chargeback.services.ports.counter import (
    MOST_LINES,
    MOST_LINES_OF_ONE,
    MOST_QUANTITIES,
    MOST_WAITING_OF_ONE,
    ChangedLines,
    CountedLine,
    CountedSpend,
    EstimatedEvent,
    EstimateSpend,
    Seen,
)

EVENTS_PER_CALL = 2_000
"""Redis answers nobody else while a script runs: at about 6 µs an event a call stays under 15 ms."""

LINES_PER_CALL = 500
PENDING_PER_CALL = 500

EXPIRES_AFTER = timedelta(days=5)
"""Counted from the start of the day; longer than a day is open, so that no open day expires."""

_TURNS = 20
"""More than a call has phases, so only a store that forgets again and again uses them up."""

_DAYS_REMEMBERED = 16

SET_DIGITS = 3
"""A day begins with as many sets of seen calls as these hexadecimal digits tell apart; together they take 0.6 MB."""

MOST_IN_SET = 400
"""Calls of a set, on average, until there are sixteen times as many sets. At 512 a set would take more memory."""

_COUNTED = ("meta", "states", "lines", "dirty", "spend", "pending", "names", "beyond", "accounts")


class RedisCounter:
    """Counts in Redis; see `services.ports.counter.Counter`."""

    def __init__(
        self,
        client: Redis,
        *,
        most_quantities: int = MOST_QUANTITIES,
        most_lines: int = MOST_LINES,
        most_lines_of_one: int = MOST_LINES_OF_ONE,
        most_names: int = MOST_NAMES,
        most_waiting_of_one: int = MOST_WAITING_OF_ONE,
        set_digits: int = SET_DIGITS,
        most_in_set: int = MOST_IN_SET,
    ) -> None:
        self._most_quantities = most_quantities
        self._most_lines = f"{most_lines} {most_lines_of_one} {most_waiting_of_one}"
        self._most_names = most_names
        self._sets = f"{set_digits} {most_in_set}"
        self._name = secrets.token_hex(4)
        self._answered: dict[str, tuple[str, int]] = {}
        # The stubs allow text in every answer; without decode_responses they are bytes.
        self._client: Any = client
        self._count = client.register_script(METERS_IN_LUA + _script("seen", "sums", "count"))
        self._merge_script = client.register_script(METERS_IN_LUA + _script("seen", "sums", "merge"))
        self._known = client.register_script(_script("seen", "known"))
        self._forget = client.register_script(_script("seen", "forget"))
        self._epoch = client.register_script(_script("epoch"))
        self._lines = client.register_script(_script("lines"))
        self._posted = client.register_script(_script("posted"))
        self._touch = client.register_script(_script("touch"))

    async def count(self, day: UtcDay, events: Sequence[UsageEvent], estimate: EstimateSpend) -> Sequence[bool]:
        """Count each event by the rule of the phases."""
        flags: list[str] = []
        async with translated():
            for start in range(0, len(events), EVENTS_PER_CALL):
                flags += await self._count_some(day, events[start : start + EVENTS_PER_CALL], estimate)
        changed = [flag == "1" for flag in flags]
        if left_out := flags.count("2"):
            raise CountFull(day, changed, left_out)
        return changed

    async def _count_some(self, day: UtcDay, events: Sequence[UsageEvent], estimate: EstimateSpend) -> list[str]:
        """One character an event, as the scripts give them.

        What Redis knows of an unfinished call is worked out here with what is new, and set if it is still the same;
        each turn in which it is not, another process has brought the call further.
        """
        flags = ["0"] * len(events)
        estimated = dict(enumerate(map(estimate, events)))
        items = items_of(events)
        for _ in range(_TURNS):
            answer, states, items = await self._run_count(day, items, estimated)
            for item, flag in zip(items, answer.decode(), strict=True):
                if item.place >= 0:
                    flags[item.place] = flag
            items = await self._merge(day, _unfinished(items, answer), states, estimate, flags)
            if not items:
                return flags
            estimated |= {item.place: estimate(item.event) for item in items if item.place >= 0}
        raise StoreUnavailable(f"Redis: calls of {day} changed {_TURNS} times while events of them were counted")

    async def _run_count(
        self, day: UtcDay, items: Sequence[Item], estimated: Mapping[int, EstimatedEvent]
    ) -> tuple[bytes, Sequence[bytes], list[Item]]:
        """What the script answers, and the items as it took them: with the lines that they were folded into."""
        mass = sum(sum(item.event.quantities.values()) for item in items if item.place >= 0)
        batch, places = packed_items(items, estimated)
        args = [*self._common(day, batch), mass, self._most_quantities, self._most_names]
        answer, states, folded = await self._call(self._count, day, args)
        if folded:
            gone = set(folded)
            items = [
                item.folded(estimated) if place in gone else item for item, place in zip(items, places, strict=True)
            ]
        return answer, states, list(items)

    def _of_seen(self, day: UtcDay) -> list[Any]:
        return [self._key(day, ""), self._sets, _expiry(day)]

    def _common(self, day: UtcDay, batch: bytes) -> list[Any]:
        answered = self._answered.get(day, ("", 0))
        return [*self._of_seen(day), batch, secrets.token_hex(8), self._most_lines, self._name, *answered]

    async def _call(self, script: Any, day: UtcDay, args: list[Any]) -> list[Any]:
        """What a script answers; it tells a store that has gone back by the number of our last call."""
        answer: list[Any]
        epoch, turn, *answer = await script(keys=self._keys(day, *_COUNTED), args=args)
        before = self._answered.get(day, ("", 0))
        self._answered[day] = (epoch.decode(), max(turn, before[1]) if epoch.decode() == before[0] else turn)
        if len(self._answered) > _DAYS_REMEMBERED:
            del self._answered[min(self._answered)]
        return answer

    async def _merge(
        self, day: UtcDay, known: Sequence[Item], states: Sequence[bytes], estimate: EstimateSpend, flags: list[str]
    ) -> list[Item]:
        """Bring known calls further; returns what has to be tried again, because they are further by now."""
        merges = Merges(known, states, estimate)
        again: list[Item] = []
        if batch := merges.batch():
            args = [*self._common(day, batch), *merges.states]
            (done,) = await self._call(self._merge_script, day, args)
            again = merges.to_retry(done)
        for place, flag in merges.flags.items():
            flags[place] = flag
        return again

    def _key(self, day: UtcDay, part: str) -> str:
        return f"chargeback:2:{{{day}}}:{part}"

    def _keys(self, day: UtcDay, *parts: str) -> list[str]:
        return [self._key(day, part) for part in parts]

    async def epoch(self, day: UtcDay) -> str | None:
        """The day's identity."""
        keys = [self._key(day, "meta"), _meta_before(day)]
        async with translated():
            value = await self._epoch(keys=keys, args=[secrets.token_hex(8)])
        return value.decode() if value else None

    async def begin(self, day: UtcDay) -> str:
        """The day's identity, made where it has none."""
        async with translated():
            await self._run_count(day, [], {})
        epoch = await self.epoch(day)
        if epoch is None:
            raise CountLost(f"{day} was lost as soon as it was begun")
        return epoch

    async def changed_lines(self, day: UtcDay) -> ChangedLines | None:
        """The lines to post."""
        async with translated(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.hmget(self._key(day, "meta"), ["epoch", "version"])
            pipeline.hgetall(self._key(day, "dirty"))
            (epoch, version), dirty = await pipeline.execute()
        if epoch is None:
            return None
        lines = {identity.decode(): int(version) for identity, version in dirty.items()}
        return ChangedLines(epoch.decode(), lines, int(version or 0))

    async def lines(self, day: UtcDay, epoch: str, line_ids: Sequence[str]) -> list[CountedLine]:
        """The current counts of these lines."""
        found: list[CountedLine] = []
        for start in range(0, len(line_ids), LINES_PER_CALL):
            found += await self._some_lines(day, epoch, line_ids[start : start + LINES_PER_CALL])
        return found

    async def _some_lines(self, day: UtcDay, epoch: str, line_ids: Sequence[str]) -> list[CountedLine]:
        async with translated():
            args: list[str | bytes] = [epoch, self._key(day, "line:"), pack(line_ids)]
            texts, counts = await self._lines(keys=self._keys(day, "meta", "lines"), args=args) or ((None,), ())
        if None in texts:
            raise CountLost(f"{day} is no longer counted under epoch {epoch}")
        return [
            CountedLine(identity, from_json(text), hours_of(fields))
            for identity, text, fields in zip(line_ids, texts, counts, strict=True)
        ]

    async def mark_posted(self, day: UtcDay, epoch: str, lines: Mapping[str, int]) -> None:
        """These versions are in the books."""
        line_ids = list(lines)
        async with translated():
            for start in range(0, len(line_ids), LINES_PER_CALL):
                some = line_ids[start : start + LINES_PER_CALL]
                args: list[str | bytes] = [epoch, pack(some), pack([str(lines[each]) for each in some])]
                await self._posted(keys=self._keys(day, "meta", "dirty"), args=args)

    async def touch(self, day: UtcDay) -> int:
        """Mark every line of the day as changed."""
        async with translated():
            return int(await self._touch(keys=self._keys(day, "meta", "lines", "dirty"), args=[_expiry(day)]))

    async def forget(self, day: UtcDay) -> None:
        """Drop all that is counted of the day."""
        async with translated():
            others = (part for part in _COUNTED if part not in ("meta", "lines"))
            await self._forget(keys=self._keys(day, "meta", "lines", *others), args=self._of_seen(day))

    async def pending(self, day: UtcDay) -> AsyncIterator[list[bytes]]:
        """The events of calls whose tokens are not known yet, some hundred at a time."""
        cursor: int | None = None
        while cursor != 0:
            async with translated():
                cursor, found = await self._client.hscan(self._key(day, "pending"), cursor or 0, count=PENDING_PER_CALL)
            if found:
                yield list(found.values())

    async def beyond(self, day: UtcDay) -> Mapping[str, int]:
        """Caller → its calls that wait for their tokens and are not among the pending ones."""
        async with translated():
            found = await self._client.hgetall(self._key(day, "beyond"))
        return {caller.decode(): int(calls) for caller, calls in found.items() if int(calls) > 0}

    async def accounted_for(self, day: UtcDay, calls: Sequence[str]) -> Sequence[bool] | None:
        """Whether each of these calls is accounted for on the day."""
        if await self.epoch(day) is None:
            return None
        states = await self._states(day, calls)
        return [state is not None and phase_in(state) > Phase.BESIDE for state in states]

    async def seen(self, day: UtcDay, calls: Sequence[str]) -> Sequence[Seen | None]:
        """What is known of each of these calls on the day."""
        return [None if state is None else seen_in(state) for state in await self._states(day, calls)]

    async def _states(self, day: UtcDay, calls: Sequence[str]) -> list[bytes | None]:
        """The state of each call that the day has seen."""
        found: list[bytes | None] = []
        async with translated():
            for start in range(0, len(calls), EVENTS_PER_CALL):
                asked = pack([known_as(call) for call in calls[start : start + EVENTS_PER_CALL]])
                found += await self._known(keys=self._keys(day, "meta", "states"), args=[*self._of_seen(day), asked])
        return found

    async def spend(self, day: UtcDay) -> CountedSpend:
        """What is spent on the day."""
        async with translated(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.hget(self._key(day, "meta"), "epoch")
            pipeline.hgetall(self._key(day, "spend"))
            epoch, found = await pipeline.execute()
        picodollars = {field.decode(): int(amount) for field, amount in found.items()}
        return CountedSpend(epoch.decode() if epoch else None, picodollars)

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless Redis answers."""
        async with translated():
            await self._client.ping()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _unfinished(items: Sequence[Item], answer: bytes) -> list[Item]:
    return [item for item, flag in zip(items, answer.decode(), strict=True) if flag == "3"]


def _script(*names: str) -> str:
    folder = resources.files("chargeback.adapters.redis").joinpath("lua")
    return "".join(folder.joinpath(f"{name}.lua").read_text("utf-8") for name in names)


def _meta_before(day: UtcDay) -> str:
    """Where the version before keeps what it knows of a day; an instance of it may still be counting."""
    return f"chargeback:{{{day}}}:meta"


def _expiry(day: UtcDay) -> int:
    return int((start_of(day) + EXPIRES_AFTER).timestamp())
