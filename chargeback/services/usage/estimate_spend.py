"""Estimates how much events spend, for budgets: by the scopes that budgets watch and by date, at today's prices."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from chargeback.domain.budgets.scopes import WatchedScopes
from chargeback.domain.budgets.spend_fields import estimate_fields, spend_fields
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.folding import caller_of, folded
from chargeback.domain.errors import InvalidConfig, StoreUnavailable
from chargeback.domain.events.documents import read_document
from chargeback.domain.events.usage_event import Phase, UsageEvent
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import picodollars_per_unit
from chargeback.domain.streams.estimates import expected_tokens
from chargeback.domain.time.days import UtcDay, start_of
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.domain.usage.states import LineState
from chargeback.log_line import log_line
from chargeback.services.ports.control import Catalogues
from chargeback.services.ports.counter import CountedLine, EstimatedEvent

log = logging.getLogger(__name__)

MAX_SPEND = 10**17
"""Picodollars (100 000 dollars) that one event adds at most: Redis counts in 64 bits, and no event may make it fail."""

_KNOWN_LINES = 100_000
_ANSWER = (Meter.OUTPUT, Meter.REASONING)

# Members bound once: an attribute of an Enum class costs a Python-level lookup, and this runs for every event.
_PENDING, _SETTLED = Phase.PENDING, Phase.SETTLED

NOTHING_WATCHED = WatchedScopes(())


class _Known(NamedTuple):
    """What is known of the usage of a line in an hour.

    Attributes:
        line: kept alive, because it is known by its identity in memory.
        folded: what it is counted under if its caller sends too many names.
        fields: those of the spend.
        folded_fields: those of what is folded.
        prices: picodollars of a unit.
    """

    line: Line
    folded: Line | None
    fields: tuple[str, ...]
    folded_fields: tuple[str, ...]
    prices: Mapping[Meter, int]


class SpendEstimator:
    """What events spend, for budgets: price and scopes are looked up once per line and hour.

    A call whose tokens are not known yet is weighed by what it asked for, and by what the calls of the same deployment
    that were settled since this estimator was made came to.
    """

    def __init__(self, in_force: EffectiveCatalogues, watched: WatchedScopes = NOTHING_WATCHED) -> None:
        """Add up what belongs to the scopes that are watched."""
        self.in_force = in_force
        self.watched = watched
        # By the line's identity in memory, which costs no hashing; the entry keeps the line alive.
        self._known: dict[tuple[int, str, int], _Known] = {}
        # The same fields are the same object, so that a batch has a line once for all hours of a date.
        self._fields: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._answers: dict[tuple[str, ...], _Mean] = {}

    def estimate(self, event: UsageEvent) -> EstimatedEvent:
        """The event with its spend in picodollars; unpriced meters spend nothing here and show in the books."""
        _, phase, day, hour, line, quantities, *_ = event
        key = (id(line), day, hour)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KNOWN_LINES:
                self._forget()
            known = self._known[key] = self._look_up(line, day, hour)
        _, others, fields, folded_fields, prices = known
        if phase is _SETTLED:
            self._note_answer(line, quantities)
        if not (fields or folded_fields):
            return EstimatedEvent(event, (), 0, others)
        spend = 0
        for meter, quantity in quantities.items():
            if meter in prices:
                spend += quantity * prices[meter]
        if phase is _PENDING:
            fields, folded_fields = self._shared(estimate_fields(fields)), self._shared(estimate_fields(folded_fields))
            spend += self._expected(event, prices)
        return EstimatedEvent(event, fields, spend if spend < MAX_SPEND else MAX_SPEND, others, folded_fields)

    def of_line(self, day: UtcDay, counted: CountedLine) -> dict[str, int]:
        """What a counted line spent, by field; nothing is known of one that is not settled."""
        found: dict[str, int] = {}
        if counted.line.state is not LineState.UNSETTLED:
            for hour, quantities in counted.hours.items():
                known = self._look_up(counted.line, day, hour)
                spend = sum(quantity * known.prices.get(meter, 0) for meter, quantity in quantities.items())
                for name in known.fields:
                    found[name] = found.get(name, 0) + spend
        return found

    def _look_up(self, line: Line, day: UtcDay, hour_of_day: int) -> _Known:
        hour = start_of(day) + timedelta(hours=hour_of_day)
        date, rules = self.in_force.hours(day)[hour_of_day]
        cost_centre, _ = rules.cost_centre(line)
        others = folded(line, self.in_force.named)
        fields = self._shared(spend_fields(date, self.watched.of(line, cost_centre)))
        of_others = () if others is None else spend_fields(date, self.watched.of(others, cost_centre))
        prices: Mapping[Meter, int] = {}
        if fields:
            prices = picodollars_per_unit(line, hour, self.in_force.catalogue(hour), cost_centre)
        return _Known(line, others, fields, self._shared(of_others), prices)

    def _expected(self, event: UsageEvent, prices: Mapping[Meter, int]) -> int:
        mean = self._answers.get(_alike(event.line))
        prompt, answer = expected_tokens(read_document(event.raw).data, mean.tokens if mean else None)
        return prompt * prices.get(Meter.INPUT, 0) + answer * prices.get(Meter.OUTPUT, 0)

    def _note_answer(self, line: Line, quantities: Quantities) -> None:
        """Remember what the answer of a settled call came to; one that is estimated itself says nothing."""
        if line.state is LineState.SETTLED:
            self._answers.setdefault(_alike(line), _Mean()).add(sum(quantities.get(meter, 0) for meter in _ANSWER))

    def _shared(self, fields: tuple[str, ...]) -> tuple[str, ...]:
        return self._fields.setdefault(fields, fields)

    def _forget(self) -> None:
        """Hold no more of a day than that many lines."""
        self._known.clear()
        self._fields.clear()
        self._answers.clear()


class _Mean:
    """The mean length of answers."""

    def __init__(self) -> None:
        self._calls = 0
        self._tokens = 0

    def add(self, tokens: int) -> None:
        self._calls += 1
        self._tokens += tokens

    @property
    def tokens(self) -> int:
        return -(-self._tokens // self._calls)


def _alike(line: Line) -> tuple[str, ...]:
    """The key shared by calls whose answers have about the same length."""
    return caller_of(line), line.operation, line.backend, line.deployment


class EffectiveSpendEstimator:
    """The estimator by the catalogues and budgets in force. Budgets must not stop metering: while these cannot be read,
    the last known ones serve, which move what is spent between scopes and change nothing in the books.
    """

    def __init__(
        self,
        catalogues: Catalogues,
        deployed: Catalogue,
        watched: WatchedScopes = NOTHING_WATCHED,
        *,
        wait: float = 3.0,
        again: float = 15.0,
    ) -> None:
        """Wait so many seconds for the catalogues at most, and after a failure leave them alone for so many.

        The deployed catalogue and the scopes of the deployed budgets serve until those in force were read once.
        """
        self._catalogues = catalogues
        self._estimator = SpendEstimator(EffectiveCatalogues(deployed), watched)
        self._wait = wait
        self._again = again
        self._next = float("-inf")
        self._one_reads = asyncio.Lock()

    async def current(self) -> SpendEstimator:
        """The estimator to use now."""
        async with self._one_reads:
            if time.monotonic() >= self._next:
                await self._read()
        return self._estimator

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._wait):
                in_force, terms = await self._catalogues.in_force(), await self._catalogues.terms()
        except (StoreUnavailable, InvalidConfig, TimeoutError) as error:
            self._next = time.monotonic() + self._again
            using = self._estimator.in_force.current.digest[:12]
            reason = error if str(error) else f"no answer within {self._wait:g} s"
            log_line(log, "catalogue_unavailable", level=logging.WARNING, using=using, reason=reason)
            return
        if in_force is not self._estimator.in_force or terms.watched is not self._estimator.watched:
            self._estimator = SpendEstimator(in_force, terms.watched)
