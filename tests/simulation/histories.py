"""Histories of a few days of calls: phases, copies, recoveries and losses, against an oracle of a few lines.

    python -m tests.simulation.histories --seed N --histories M     drawn histories; a failure names the seed

What comes of each call is drawn first, with when each of its events arrives, up to three days late. Two instances of
the product take the events, settle, post and audit over the same stores, with trouble at any store call. Redis is
flushed or goes back by what it took last, Cosmos DB goes back to an earlier point. After a posting that nothing
disturbed the open days must be what the ledger says, a day of which Redis went back behind an instance that counts no
more after its audit alone; and in the end every call is once in the books, paid by whoever
made it.
"""

import argparse
import copy
import logging
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.gateway_log import MemoryGatewayLog
from chargeback.adapters.memory.stores import (
    MemoryBooks,
    MemoryCatalogues,
    MemoryControl,
    MemoryLedger,
    MemoryQuarantine,
)
from chargeback.domain.errors import ChargebackError
from chargeback.domain.events.emitters import EVENT_GRID, Emitter
from chargeback.domain.events.usage_event import read_filed
from chargeback.domain.streams.gateway_log import LoggedCall, LoggedTokens
from chargeback.services.usage.audit import Auditor
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest, open_days
from chargeback.services.usage.post import Poster
from chargeback.services.usage.settle import Settler
from tests.simulation.lives import run_alone
from tests.simulation.priced import FIRST, of_price
from tests.simulation.trouble import Killed, Run, Troubled, troubled
from tests.support.accounts import accounts, totals
from tests.support.builders import tokens, usage_event

SOURCE = "/apim/gw/swedencentral"
START = datetime(2026, 3, 10, tzinfo=UTC)
CALLS_UNTIL = START + timedelta(days=2)
END = START + timedelta(days=7)
TICK = timedelta(hours=6)
BESIDE = Emitter("beside", ("/beside",), ("search",), gateways=(SOURCE,))
KINDS = ("recorded", "stream", "background", "lost", "lost but kept", "late stream")
"""What becomes of a call; the event of a lost one is in the gateway's log, or only its tokens are."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what the provider counts for it, and what is said of it when."""

    id: str
    kind: str
    time: datetime
    user: str
    used: int
    arrivals: tuple[tuple[datetime, bytes, Emitter], ...]
    kept: bytes = b""

    @property
    def is_logged(self) -> bool:
        """Whether the gateway's log has its tokens."""
        return self.kind in ("stream", "late stream", "lost", "lost but kept")


def drawn(random: Random, calls: int) -> list[Call]:
    """Calls around noon of two days, so that none is told on two days."""
    return [_call(random, f"call-{number}") for number in range(calls)]


def _call(random: Random, name: str) -> Call:
    kind = random.choice(KINDS)
    time = START + timedelta(days=random.randrange(2), hours=random.randrange(8, 16), minutes=random.randrange(60))
    user, used = random.choice(["ann", "bob"]), random.randrange(1, 1_000)
    stamp = time.isoformat().replace("+00:00", "Z")
    who: dict[str, Any] = {"subscriptionId": "search", "username": user, "time": stamp}
    own = {
        "recorded": [usage_event(id=name, usage=tokens(used, 1), **who)],
        "stream": [usage_event(id=name, type="pending", stream=True, **who)],
        "late stream": [usage_event(id=name, type="pending", stream=True, **who)],
        "lost": [],
        "lost but kept": [],
        "background": [
            usage_event(id=name, type="pending", operation="responses", responseId=f"r-{name}", **who),
            *[_poll(name, number, used, stamp) for number in range(random.choice([1, 1, 2]))],
        ],
    }[kind]
    late = timedelta(hours=random.choice([0, 0, 0, 1, 12, 48, 70]))
    if kind == "late stream":
        late = timedelta(hours=random.choice([1, 5, 30, 70]))
    arrivals = [(time + late + timedelta(minutes=random.randrange(90)), raw, EVENT_GRID) for raw in own]
    arrivals += [
        (at + timedelta(hours=random.choice([0, 1, 60])), raw, sender)
        for at, raw, sender in arrivals
        if random.random() < 0.3
    ]
    if own and random.random() < 0.2:
        described = usage_event(
            id=f"beside-{name}", source="/beside", time=stamp, usage=tokens(9_999, 9), gatewayEventId=name
        )
        arrivals.append((time + timedelta(hours=random.randrange(30)), described, BESIDE))
    kept = usage_event(id=name, usage=tokens(used, 1), **who) if kind == "lost but kept" else b""
    return Call(name, kind, time, user, used, tuple(arrivals), kept)


def _poll(name: str, number: int, used: int, stamp: str) -> bytes:
    """Somebody else looks at the response."""
    return usage_event(
        id=f"get-{name}-{number}",
        type="settled",
        method="GET",
        operation="responses",
        responseId=f"r-{name}",
        subscriptionId="support",
        username="mallory",
        deployment=None,
        time=stamp,
        usage=tokens(used, 1),
    )


class Instance:
    """One process of the product over the stores that all share."""

    def __init__(self, stores: "Stores", counter: MemoryCounter) -> None:
        catalogues = MemoryCatalogues(of_price(FIRST))
        ledger, self.counter = Troubled(stores.ledger), counter
        troubled_counter, books, control = Troubled(counter), Troubled(stores.books), Troubled(stores.control)
        log, estimator = Troubled(stores.log), EffectiveSpendEstimator(catalogues, of_price(FIRST))
        self.door = Ingest(ledger, troubled_counter, Troubled(stores.quarantine), estimator)
        self.poster = Poster(ledger, troubled_counter, books, control, catalogues)
        self.auditor = Auditor(ledger, troubled_counter, books, control, catalogues, self.poster)
        self.settler = Settler(log, troubled_counter, ledger, books, self.door, control, catalogues)


@dataclass
class Stores:
    """What outlives a process."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    books: "Restorable" = field(default_factory=lambda: Restorable(MemoryBooks()))
    control: "Restorable" = field(default_factory=lambda: Restorable(MemoryControl()))
    quarantine: MemoryQuarantine = field(default_factory=MemoryQuarantine)
    log: MemoryGatewayLog = field(default_factory=MemoryGatewayLog)


class Restorable:
    """A store that can go back to what it was."""

    def __init__(self, store: Any) -> None:
        self.now = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now, name)


class History:
    """Lives through a history; `seed` decides everything."""

    def __init__(self, seed: int, *, calls: int = 12) -> None:
        self.random = Random(seed)
        self.calls = drawn(self.random, calls)
        self.stores = Stores()
        shared: dict[str, Any] = {}
        self.instances = [Instance(self.stores, MemoryCounter(days=shared)) for _ in range(2)]
        self.days = shared
        self.waiting: list[tuple[bytes, Emitter]] = []
        self.rate = self.random.choice([0.0, 0.002, 0.01])
        self.points: list[tuple[Any, Any]] = []
        self.told: list[str] = []
        self.behind: set[str] = set()
        """Days of which an instance lost what it counted, and did not count again: nobody but the audit can tell."""

    async def live(self) -> None:
        """From the first call until everything is audited. Raises AssertionError where the books are wrong."""
        now = START
        while now < END:
            self._arrive(now, now + TICK)
            now += TICK
            await self._disturb()
            for service in self.random.sample(["deliver", "settle", "post", "audit"], 4):
                if service != "audit" or self.random.random() < 0.3:
                    await self._run(service, now)
            if self.random.random() < 0.15:
                await self._post_calmly(now)
        await self._end(now)

    def _arrive(self, since: datetime, until: datetime) -> None:
        for call in self.calls:
            self.waiting += [(raw, sender) for at, raw, sender in call.arrivals if since <= at < until]
            if call.is_logged and since <= call.time < until:
                self._log(call)

    def _log(self, call: Call) -> None:
        at = call.time + timedelta(minutes=1)
        used = (call.used, 1, call.used + 1)
        model = "gpt-4o-2024-11-20"
        count = LoggedTokens(call.id, SOURCE, call.time, "gpt-4o", model, *used, streamed=True, arrived=at)
        url = "https://gw/openai/deployments/gpt-4o/chat/completions"
        host = "oai-swedencentral.openai.azure.com"
        row = LoggedCall(
            call.id, SOURCE, call.time, "swedencentral", "POST", url, 200, 9, host, "search", "standard", "", call.kept
        )
        self.stores.log.counts.append((at, count))
        self.stores.log.logged.append(row)

    async def _disturb(self) -> None:
        """Redis or Cosmos DB loses something."""
        self.points.append((copy.deepcopy(self.stores.books.now), copy.deepcopy(self.stores.control.now)))
        what = self.random.random()
        if what < 0.08:
            self.told.append("flush")
            self.days.clear()
        elif what < 0.14:
            self.told.append("restore")
            books, control = self.random.choice(self.points[-6:])
            self.stores.books.now, self.stores.control.now = copy.deepcopy(books), copy.deepcopy(control)
        elif what < 0.22:
            await self._fail_over()

    async def _fail_over(self) -> None:
        """What a shard of Redis took last is lost, as a replica takes over; an instance that counts again tells."""
        if not self.days or not self.waiting:
            return
        self.told.append("fail over")
        day = self.random.choice(sorted(self.days))
        before = copy.deepcopy(self.days[day])
        for instance in self.instances:
            with suppress(ChargebackError):
                await self._deliver(instance, self._now(day), keep=True)
        self.days[day] = before
        for instance in self.instances:
            if self.random.random() < 0.7:
                await instance.counter.count(day, [], lambda _: None)  # type: ignore[arg-type,return-value]
            else:
                self.behind.add(day)

    def _now(self, day: str) -> datetime:
        return datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=23)

    async def _run(self, service: str, now: datetime) -> None:
        run = Run(rate=self.rate, random=self.random)
        instance = self.random.choice(self.instances)
        async with troubled(run):
            with suppress(ChargebackError, Killed):
                await self._work(service, instance, now)

    async def _work(self, service: str, instance: Instance, now: datetime) -> None:
        if service == "deliver":
            await self._deliver(instance, now)
        elif service == "settle":
            await instance.settler.settle(now)
        elif service == "post":
            await instance.poster.post(now)
        else:
            await instance.auditor.audit(now)

    async def _deliver(self, instance: Instance, now: datetime, *, keep: bool = False) -> None:
        """As Event Grid does: what was not acknowledged comes again."""
        for raw, sender in list(self.waiting):
            await instance.door.ingest([raw], now, emitter=sender)
            if not keep and (raw, sender) in self.waiting:
                self.waiting.remove((raw, sender))

    async def _post_calmly(self, now: datetime) -> None:
        """What the ledger says is in the books of the open days, whatever happened before.

        A run that died between ledger and counter is made up for by its repetition, which therefore comes first.
        """
        instance = self.random.choice(self.instances)
        await self._deliver(instance, now)
        await instance.settler.settle(now, since=START)
        for day in sorted(self.behind.intersection(open_days(now))):
            await instance.auditor.audit_day(day, now)
        self.behind.clear()
        await instance.poster.post(now)
        for day in open_days(now):
            said = [read_filed(raw, day) for raw in self.stores.ledger.events.get(day, ())]
            right: Counter[Any] = Counter()
            for (line, hour), quantities in totals(accounts(said)).items():
                right.update({(line, hour, meter): quantity for meter, quantity in quantities.items()})
            found = await self._booked(day)
            assert found == right, f"{day} lacks {right - found}, has {found - right} too much; {self.told}"

    async def _booked(self, day: str) -> Counter[Any]:
        sums: Counter[Any] = Counter()
        async for page in self.stores.books.records(day):
            for record in page:
                for hour, quantities in record.hours.items():
                    sums.update({(record.line, hour, meter): quantity for meter, quantity in quantities.items()})
        return +sums

    async def _end(self, now: datetime) -> None:
        for _ in range(2):
            await self._work("deliver", self.instances[0], now)
            await self.instances[0].settler.settle(now, since=START)
            await self._work("audit", self.instances[0], now)
        sums: Counter[Any] = Counter()
        for day in await self.stores.ledger.days():
            for (line, _, meter), quantity in (await self._booked(day)).items():
                sums[day, line.subscription, line.user, str(meter)] += quantity
        assert sums == self.expected(), f"the books have {sums - self.expected()}, lack {self.expected() - sums}"

    def expected(self) -> Counter[Any]:
        """Each call once, paid by whoever made it; one that only the log knew, by the subscription that made it."""
        sums: Counter[Any] = Counter()
        for call in self.calls:
            user = "" if call.kind == "lost" else call.user
            for meter, quantity in (("input_tokens", call.used), ("output_tokens", 1), ("requests", 1)):
                sums[f"{call.time:%Y-%m-%d}", "search", user, meter] += quantity
        return sums


class HistoryFailed(Exception):
    """The books are wrong; the text says how to live through the history again."""


def live(seed: int, *, calls: int = 12) -> None:
    """One history. Raises `HistoryFailed`."""
    try:
        run_alone(History(seed, calls=calls).live())
    except Exception as error:
        raise HistoryFailed(
            f"python -m tests.simulation.histories --seed {seed} --calls {calls}\n{error!r}"[:3000]
        ) from error


def main() -> int:
    """Live through histories until one fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.histories", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the first history")
    parser.add_argument("--histories", type=int, default=1, help="how many, each with the next seed")
    parser.add_argument("--calls", type=int, default=12, help="how many calls a history has")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for seed in range(given.seed, given.seed + given.histories):
        try:
            live(seed, calls=given.calls)
        except HistoryFailed as failed:
            print(failed)
            return 1
    print(f"{given.histories} histories from seed {given.seed}: every call once, paid by whoever made it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
