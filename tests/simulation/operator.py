"""The operator of a life: runs each command until it is answered, and knows what the answers say was accepted."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from chargeback.domain.errors import PeriodClosed
from chargeback.domain.periods.lifecycle import PeriodChange, PeriodState
from chargeback.services.closing.correct_period import correct_period
from chargeback.services.configuring.apply_config import bring_into_force
from chargeback.services.reconciling.true_up import remove_true_up, set_true_up
from tests.simulation.month import Order
from tests.simulation.priced import FIRST, TERMS, of_price
from tests.support.closing_product import ClosingProduct
from tests.support.reconciled_months import reconciled

PERIOD = "2026-03"
BOOKED = "100"


class Told:
    """What something may be by the answers to commands: one value, or more where a run ended without an answer."""

    def __init__(self, value: str) -> None:
        self.possible = {value}
        self.tried: list[str] = []
        self._under_way: list[str] = []

    @asynccontextmanager
    async def setting(self, value: str) -> AsyncIterator[None]:
        """A run of a command that sets it."""
        self.possible = {*self.possible, value}
        self.tried.append(value)
        self._under_way.append(value)
        try:
            yield
        finally:
            self._under_way.remove(value)
        self.possible = {value, *self._under_way}


class Operator:
    """Runs the orders of each command one after the other.

    Attributes:
        price: in force.
        corrected_to: what March was rated with again; empty where it was not.
        true_up: the invoice that March's true-up was set with; empty: none.
    """

    def __init__(self, in_memory: ClosingProduct, orders: Sequence[Order]) -> None:
        self._house = in_memory
        self.waiting = list(orders)
        self.price = Told(FIRST)
        self.corrected_to: set[str] = set()
        self.true_up = Told("")

    async def run(self, command: str, now: datetime) -> None:
        """The next order of a command that is due. Raises what the command raises, but for a refusal that stays."""
        order = next((each for each in self.waiting if each.command == command and each.at <= now), None)
        if order is None:
            return
        work = {"apply": self.apply, "true-up": self._set_true_up, "correct": self._correct}[command]
        try:
            await work(order.value, now)
        except PeriodClosed:
            is_closed = (await self._house.periods.get(PERIOD))[0].state is PeriodState.CLOSED
            if command == "correct" or not is_closed:
                return  # again, once it is closed or the attempt at closing it has ended
        if order in self.waiting:
            self.waiting.remove(order)

    async def apply(self, price: str, now: datetime) -> None:
        """As `config apply` does."""
        in_memory = self._house
        async with self.price.setting(price):
            await bring_into_force(
                in_memory.control,
                in_memory.catalogues,
                in_memory.ledger,
                of_price(price),
                TERMS,
                {"price": price},
                by="ann",
                now=now,
            )

    async def _set_true_up(self, invoice: str, now: datetime) -> None:
        async with self.true_up.setting(invoice):
            if invoice:
                await set_true_up(self._house.control, reconciled(invoice, BOOKED), by="dora", now=now)
            else:
                await remove_true_up(self._house.control, PERIOD, by="dora", now=now)

    async def _correct(self, _: str, now: datetime) -> None:
        before, tried = self.price.possible, len(self.price.tried)
        change = PeriodChange("rated anew", now, "ann", "another price")
        await correct_period(PERIOD, self._house.closing_books, self._house.ledger, change)
        self.corrected_to = {*before, *self.price.tried[tried:]}
