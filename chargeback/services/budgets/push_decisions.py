"""Tells each gateway region what budgets decide about the calls of each product."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from chargeback.domain.budgets.decisions import DecisionText, Product, decision_text
from chargeback.domain.errors import StoreUnavailable
from chargeback.log_line import log_line
from chargeback.services.budgets.states import Evaluation
from chargeback.services.ports.control import Catalogues
from chargeback.services.ports.gateways import DecisionStore
from chargeback.services.running.together import together

log = logging.getLogger(__name__)

AGAIN_SECONDS = 50.0
"""What did not change is sent again after so long: each minute, as gateways believe a string for three minutes."""

AT_ONCE = 8
"""Strings on their way to one region."""

FRESH = timedelta(seconds=1)

PATIENCE_SECONDS = 1.0
"""How long a round waits for a region."""


class States(Protocol):
    """Who evaluates the budgets in force."""

    async def evaluate(self, now: datetime) -> Evaluation:
        """Their states."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What budgets decide at a moment.

    Attributes:
        at: the moment.
        texts: product → the string for the gateways.
        unknown: how many budgets nobody can evaluate; they decide nothing.
    """

    at: datetime
    texts: Mapping[str, DecisionText]
    unknown: int

    @property
    def left_out(self) -> int:
        """How many entries had no room."""
        return sum(each.left_out for each in self.texts.values())


class Decisions:
    """Makes the strings from the states of the budgets and the allocation rules in force."""

    def __init__(self, states: States, catalogues: Catalogues, products: Sequence[Product]) -> None:
        self._states = states
        self._catalogues = catalogues
        self._products = products
        self._making = asyncio.Lock()
        self._known: Decided | None = None

    async def decide(self, now: datetime, oldest: timedelta = FRESH) -> Decided:
        """What budgets decide now. Callers share an evaluation, unless it began longer ago than the oldest may have."""
        async with self._making:
            if self._known is None or not now - oldest <= self._known.at < now + FRESH:
                self._known = await self._decide(now)
            return self._known

    async def _decide(self, now: datetime) -> Decided:
        catalogue = await self._catalogues.current()
        found = await self._states.evaluate(now)
        rules = [rule for rule in catalogue.allocation.rules if rule.effective.holds(now)]
        texts = {
            product.id: decision_text(product, found.states, rules, now, found.clock.midnight)
            for product in self._products
        }
        return Decided(now, texts, len(found.unknown))


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of one round.

    Attributes:
        sent: how many strings the gateways took.
        failed: region → why it did not take a string.
    """

    decided: Decided
    sent: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def fault(self) -> str:
        """Why regions did not take their strings; "" if all did."""
        return "; ".join(self.failed.values())


class DecisionPusher:
    """Sends what changed, and what did not change each minute. A region that fails keeps no other from its strings."""

    def __init__(
        self,
        decisions: Decisions,
        gateways: DecisionStore,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._decisions = decisions
        self._gateways = gateways
        self._now = now
        self._clock = clock
        self._sent: dict[tuple[str, str], tuple[str, float]] = {}
        self._newest: Decided | None = None
        self._pushing = asyncio.Lock()
        self._telling: dict[str, asyncio.Task[tuple[int, str]]] = {}
        self._late: dict[str, str] = {}

    async def push(self) -> Pushed:
        """Tell every region what the stores say now. Raises what the evaluation raises.

        A region that takes long goes on by itself, up to what was decided last, and later rounds do not wait for it
        until it took everything.
        """
        async with self._pushing:
            # The time is taken here: who waited for another round has to send what was counted meanwhile, and with a
            # later time than that round, or the gateways would take it for the older of the two.
            self._newest = decided = await self._decisions.decide(self._now(), timedelta(0))
            for region in self._gateways.regions:
                if region not in self._telling:
                    self._telling[region] = asyncio.create_task(self._tell(region, decided))
            awaited = [task for region, task in self._telling.items() if region not in self._late]
            if awaited:
                await asyncio.wait(awaited, timeout=PATIENCE_SECONDS)
            return self._outcome(decided)

    async def stop(self) -> None:
        """End what is under way."""
        tasks = list(self._telling.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _outcome(self, decided: Decided) -> Pushed:
        """What became of the regions that are done; the others are late, for the reason that was known last."""
        sent = 0
        failed = {}
        for region, task in list(self._telling.items()):
            if not task.done():
                failed[region] = self._late.setdefault(region, f"gateway {region}: takes long to answer")
                continue
            del self._telling[region]
            some, fault = task.result()
            sent += some
            if fault:
                failed[region] = fault
            if region in self._late:
                self._late[region] = fault
            if not fault:
                self._late.pop(region, None)
        return Pushed(decided, sent, failed)

    async def _tell(self, region: str, decided: Decided) -> tuple[int, str]:
        """How many strings a region took, and why it did not take another."""
        sent, fault = await self._send(region, decided)
        while not fault and self._newest is not None and self._newest is not decided:
            decided = self._newest
            more, fault = await self._send(region, decided)
            sent += more
        return sent, fault

    async def _send(self, region: str, decided: Decided) -> tuple[int, str]:
        due = [product for product, text in decided.texts.items() if self._is_due(region, product, text.text)]
        sent = 0
        fault = ""
        for start in range(0, len(due), AT_ONCE):
            some = due[start : start + AT_ONCE]
            outcomes = await together(*(self._put(region, each, decided.texts[each].text) for each in some))
            faults = [each for each in outcomes if each]
            sent += len(some) - len(faults)
            fault = fault or next(iter(faults), "")
            if len(faults) == len(some):
                break
        return sent, fault

    async def _put(self, region: str, product: str, text: str) -> str:
        self._sent.pop((region, product), None)
        try:
            taken = await self._gateways.put(region, product, text)
        except StoreUnavailable as error:
            return str(error)
        if taken:
            self._sent[region, product] = _entries(text), self._clock()
        return ""

    def _is_due(self, region: str, product: str, text: str) -> bool:
        entries, at = self._sent.get((region, product), ("", float("-inf")))
        return entries != _entries(text) or self._clock() - at >= AGAIN_SECONDS


def report_late_decisions(reason: str) -> None:
    """Log that calls were counted, and that not every gateway knows what follows."""
    log_line(log, "decisions_late", level=logging.WARNING, reason=reason)


def _entries(text: str) -> str:
    """A string without the time at which it was made."""
    return text.partition(";")[2]
