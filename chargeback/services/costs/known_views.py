"""Which views there are, looked up once in some seconds, and how far the figures of some months are settled."""

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from chargeback.domain.costs.cost_answer import CostStanding, ViewedMonth
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.time.months import Month
from chargeback.services.costs.view_pointers import ViewPointer, ViewPointers

LOOKED_UP_SECONDS = 5.0

_LEAST_SETTLED = (PeriodState.OPEN, PeriodState.CLOSING, PeriodState.CLOSED)


@dataclass(frozen=True, slots=True)
class ViewsOfSpan:
    """The views of the months of a span.

    Attributes:
        made: those that can be read, ascending.
        missing: months whose view is still to be made.
        to_come: months after the last one that the books have begun.
    """

    made: Sequence[ViewPointer]
    missing: Sequence[Month]
    to_come: Sequence[Month] = ()

    @property
    def standing(self) -> CostStanding:
        """How far the figures of all of them are settled."""
        return standing_of(self.made, self.missing, self.to_come)

    def of(self, month: Month) -> CostStanding:
        """How far those of one of them are."""
        return standing_of([each for each in self.made if each.month == month], ())

    def only(self, months: Collection[Month]) -> "ViewsOfSpan":
        """Those of some months alone."""
        missing = [month for month in self.missing if month in months]
        to_come = [month for month in self.to_come if month in months]
        return ViewsOfSpan([each for each in self.made if each.month in months], missing, to_come)

    def without(self, months: Collection[Month]) -> "ViewsOfSpan":
        """The same with some months that cannot be read after all."""
        made, missing = [each for each in self.made if each.month not in months], sorted({*self.missing, *months})
        return ViewsOfSpan(made, missing, self.to_come)


class KnownViews:
    """The pointers of all months."""

    def __init__(self, pointers: ViewPointers, *, seconds: float = LOOKED_UP_SECONDS) -> None:
        self._pointers = pointers
        self._seconds = seconds
        self._known: list[ViewPointer] = []
        self._until = 0.0
        self._turn = asyncio.Lock()

    async def all(self) -> list[ViewPointer]:
        """Those of some seconds ago at most."""
        async with self._turn:
            if time.monotonic() >= self._until:
                self._known = await self._pointers.all()
                self._until = time.monotonic() + self._seconds
            return self._known

    def forget(self) -> None:
        """Look them up again the next time."""
        self._until = 0.0

    async def of(self, months: Sequence[Month]) -> ViewsOfSpan:
        """Those of some months."""
        known = await self.all()
        asked = [each for each in known if each.month in {*months}]
        missing = [each.month for each in asked if not each.is_made] if known else list(months)
        to_come = [month for month in months if known and month > known[-1].month]
        return ViewsOfSpan([each for each in asked if each.is_made], missing, to_come)

    async def months(self) -> list[ViewedMonth]:
        """Every month that can be asked for, ascending."""
        made = [each for each in await self.all() if each.is_made]
        return [ViewedMonth(each.month, each.currency, standing_of([each], ())) for each in made]


def standing_of(made: Sequence[ViewPointer], missing: Sequence[Month], to_come: Sequence[Month] = ()) -> CostStanding:
    """How far the figures of some months are settled together."""
    states = {each.state for each in made} | ({PeriodState.OPEN} if to_come or not made else set())
    known = blake2b(digest_size=12)
    for each in made:
        known.update(f"{each.month} {each.version} {each.state}\n".encode())
    for month in missing:
        known.update(f"{month} is missing\n".encode())
    moments = {each.as_of: each.state is PeriodState.CLOSED for each in made if each.as_of}
    moving = [moment for moment, is_closed in moments.items() if not is_closed]
    return CostStanding(
        state=next(state for state in _LEAST_SETTLED if state in states),
        final=bool(made) and not missing and states == {PeriodState.CLOSED},
        as_of=min(moving) if moving else max(moments, default=None),  # what is closed stays true
        version=known.hexdigest(),
    )
