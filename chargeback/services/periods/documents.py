"""Reads and writes the record of each billing period: its state, configuration and history, one document a month."""

from datetime import datetime

import msgspec

from chargeback.domain.errors import Superseded
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodChange, PeriodState, given_up, is_dead
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control

KIND = "period"


class PeriodDocuments:
    """The only owner of the documents of this kind."""

    kind = KIND

    def __init__(self, control: Control) -> None:
        self.control = control

    async def get(self, period: Month) -> tuple[BillingPeriod, str | None]:
        """The period with the token of its document; open and None where it has none."""
        known = await self.control.get_versioned(KIND, period)
        return (msgspec.convert(known[0], BillingPeriod), known[1]) if known else (BillingPeriod(period), None)

    async def swap(self, period: BillingPeriod, after: str | None) -> str:
        """Set the period's document. Raises `Superseded` if another run set it since `after`."""
        return await self.control.swap(KIND, period.month, msgspec.to_builtins(period), after)

    async def give_up(self, period: Month, attempt: str, change: PeriodChange) -> bool:
        """Open the period again that an attempt is closing; False where that attempt no longer holds it."""
        known, token = await self.get(period)
        if (known.state, known.attempt) != (PeriodState.CLOSING, attempt):
            return False
        try:
            await self.swap(given_up(known, change), token)
        except Superseded:
            return False
        return True

    async def give_up_dead(self, by: str, now: datetime) -> None:
        """Open the periods again whose attempt at closing has died; one that lives after all cannot succeed."""
        change = PeriodChange("given up", now, by, "the attempt had died")
        for each in await self.of_states(PeriodState.CLOSING):
            if is_dead(each, now):
                await self.give_up(each.month, each.attempt, change)

    async def of_states(self, *states: PeriodState) -> list[BillingPeriod]:
        """The periods that have a document and are in one of these states, ascending."""
        known = [msgspec.convert(document, BillingPeriod) for document in await self.control.all(KIND)]
        return sorted((period for period in known if period.state in states), key=lambda each: each.month)

    async def closed(self) -> list[BillingPeriod]:
        """The closed periods, ascending."""
        return await self.of_states(PeriodState.CLOSED)
