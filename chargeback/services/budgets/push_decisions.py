"""Tells each gateway region what budgets decide about the calls of each product."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from chargeback.domain.budgets.decisions import DecisionText, Product, decision_text
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.budgets.states import Evaluation
from chargeback.services.ports.control import Catalogues
from chargeback.services.ports.gateways import DecisionStore

AGAIN_SECONDS = 50.0
"""What did not change is sent again after so long: each minute, as gateways believe a string for three minutes."""

AT_ONCE = 8
"""Strings on their way to one region."""

FRESH = timedelta(seconds=1)


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

    async def decide(self, now: datetime) -> Decided:
        """What budgets decide now. Callers within a second share one evaluation."""
        async with self._making:
            if self._known is None or abs(now - self._known.at) >= FRESH:
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


class DecisionPusher:
    """Sends what changed, and what did not change each minute. A region that fails keeps no other from its strings."""

    def __init__(
        self, decisions: Decisions, gateways: DecisionStore, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._decisions = decisions
        self._gateways = gateways
        self._clock = clock
        self._sent: dict[tuple[str, str], tuple[str, float]] = {}
        self._pushing = asyncio.Lock()

    async def push(self, now: datetime) -> Pushed:
        """Tell every region. Raises what the evaluation raises."""
        async with self._pushing:
            decided = await self._decisions.decide(now)
            outcomes = await asyncio.gather(*(self._tell(region, decided) for region in self._gateways.regions))
        failed = {region: fault for region, (_, fault) in zip(self._gateways.regions, outcomes, strict=True) if fault}
        return Pushed(decided, sum(sent for sent, _ in outcomes), failed)

    async def _tell(self, region: str, decided: Decided) -> tuple[int, str]:
        """How many strings a region took, and why it took no more."""
        due = [product for product, text in decided.texts.items() if self._is_due(region, product, text.text)]
        sent = 0
        for start in range(0, len(due), AT_ONCE):
            some = due[start : start + AT_ONCE]
            outcomes = await asyncio.gather(*(self._put(region, each, decided.texts[each].text) for each in some))
            faults = [fault for fault in outcomes if fault]
            sent += len(some) - len(faults)
            if faults:
                return sent, faults[0]
        return sent, ""

    async def _put(self, region: str, product: str, text: str) -> str:
        try:
            await self._gateways.put(region, product, text)
        except StoreUnavailable as error:
            self._sent.pop((region, product), None)
            return str(error)
        self._sent[region, product] = _entries(text), self._clock()
        return ""

    def _is_due(self, region: str, product: str, text: str) -> bool:
        entries, at = self._sent.get((region, product), ("", float("-inf")))
        return entries != _entries(text) or self._clock() - at >= AGAIN_SECONDS


def _entries(text: str) -> str:
    """A string without the time at which it was made."""
    return text.partition(";")[2]
