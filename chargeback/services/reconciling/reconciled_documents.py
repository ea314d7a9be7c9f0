"""Keeps the result of the last comparison of each period with its invoice; closing looks at it."""

from contextlib import suppress
from decimal import Decimal

import msgspec

from chargeback.domain.errors import Superseded
from chargeback.domain.money.exact import EXACT, total
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control

KIND = "reconciliation"

MOVERS_KEPT = 3


class Compared(msgspec.Struct, frozen=True, rename="camel"):
    """The last comparison of a period.

    Attributes:
        run: the run of the export.
        is_final: whether that run knows all of the month.
        invoiced, booked: what was compared, exact decimal text; `published` is what the period's own files have of it.
        currency: the amounts'.
        entered: what true-ups charge for the period that somebody entered by hand.
        overdue: the variance of what should be on the invoice by now.
        cause: the cause of the largest part of the variance.
        movers: what makes most of `overdue`: the use and its account, and how much, at most `MOVERS_KEPT`, the largest
            first.
        sha256: over the files of the run, as they were read; empty in a comparison that is older than this field.
        invoice_ids: the `InvoiceId` of the rows that were compared; none before the provider has issued the invoice.
    """

    period: Month
    run: str
    is_final: bool
    invoiced: str
    booked: str
    published: str
    currency: str
    entered: str = "0"
    overdue: str = "0"
    cause: str = ""
    sha256: str = ""
    invoice_ids: tuple[str, ...] = ()
    movers: tuple[tuple[str, str], ...] = ()

    def variance(self, published: Decimal) -> Decimal:
        """The invoice minus what is charged without the period's own true-up, if its files come to that now."""
        booked = total([Decimal(self.booked), Decimal(self.entered), published])
        return EXACT.subtract(EXACT.add(Decimal(self.invoiced), Decimal(self.published)), booked)


class Comparisons:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def all(self) -> dict[str, Compared]:
        """The last comparison of each period."""
        found = [msgspec.convert(document, Compared) for document in await self._control.all(KIND)]
        return {each.period: each for each in found}

    async def keep(self, compared: Compared) -> None:
        """Set the comparison of its period. If two are set at the same time, either may stay: both were just made."""
        known = await self._control.get_versioned(KIND, compared.period)
        document = msgspec.to_builtins(compared)
        if known is None or known[0] != document:
            with suppress(Superseded):
                await self._control.swap(KIND, compared.period, document, known[1] if known else None)
