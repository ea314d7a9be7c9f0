"""Sets the true-up of a period: the difference between invoice and books, charged to those whose usage caused it.

The record says who set it, when, and from which invoice and books. Publishing splits it like shared costs, so that at
contracted prices the period's chargeback equals the invoice; usage that arrives later is subtracted by itself. In a
closed period it is a correction, like everything that comes after.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from chargeback.domain.errors import TrueUpRefused
from chargeback.domain.invoice.reconciliation import Cause
from chargeback.domain.money.exact import to_text, total
from chargeback.domain.money.numerals import grouped
from chargeback.domain.terms.shared_costs import SharedCost
from chargeback.domain.terms.terms import Terms
from chargeback.domain.terms.true_ups import TrueUpPart, costs_of, parts_of, replaced
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control
from chargeback.services.reconciling.true_up_documents import TrueUp, TrueUps, digest_of

if TYPE_CHECKING:
    from chargeback.services.reconciling.reconcile import Reconciled


async def true_up_costs(control: Control, period: Month, terms: Terms, calendar: Calendar) -> tuple[SharedCost, ...]:
    """The shared costs of a period's true-up; `terms` have its other ones. None where there never was one."""
    known, _ = await TrueUps(control).get(period)
    if known is None or not (parts := known.made_of()):
        return ()
    source = f"cost export {known.invoice.get('run', '')}, SHA-256 {known.invoice.get('sha256', '')}; set by {known.by}"
    return tuple(costs_of(period, calendar.currency(period), parts, source, terms, calendar))


async def true_up_parts(control: Control, reconciled: "Reconciled") -> tuple[TrueUpPart, ...]:
    """The parts of a period's true-up: its invoice minus its books, and minus what is trued up already.

    That is what somebody entered by hand for the period; and corrections that it carries for a period whose true-up
    has no parts, since such a one does not take off by itself what comes later.
    """
    whole = [each.period for each in await TrueUps(control).in_force() if not each.parts]
    carried = {
        f"carried for {of}": cost
        for (of, currency), cost in reconciled.carried.items()
        if of in whole and currency == reconciled.currency
    }
    of = reconciled.books
    parts = parts_of(reconciled.found.variances, of.usage, of.skus, reconciled.accounts, {**of.trued_up, **carried})
    known, _ = await TrueUps(control).get(reconciled.period)
    return replaced(known.made_of() if known else (), parts)


def amount_of(parts: Sequence[TrueUpPart]) -> Decimal:
    """The whole amount of a true-up."""
    return total([Decimal(part.amount) for part in parts])


async def set_true_up(
    control: Control, reconciled: "Reconciled", *, by: str, now: datetime, despite: str = "", begins: str = ""
) -> TrueUp:
    """Set the true-up of a period, in place of an older one. `begins`: the period that the books begin with, if known.

    Raises `TrueUpRefused` with everything that is still missing from the invoice; or from the books, unless `despite`
    says why it is set all the same. `Superseded` if another run set it meanwhile.
    """
    missing = [*_never_charged(reconciled.period, begins), *_missing(reconciled)]
    if not despite:
        missing += reconciled.missing_of_the_books()
    if missing:
        raise TrueUpRefused(reconciled.period, missing)
    before, token = await TrueUps(control).get(reconciled.period)
    parts = await true_up_parts(control, reconciled)
    invoice = reconciled.invoice
    true_up = TrueUp(
        period=reconciled.period,
        amount=to_text(amount_of(parts)),
        currency=reconciled.currency,
        by=by,
        at=now.isoformat(),
        invoiced=to_text(reconciled.found.invoiced),
        booked=to_text(reconciled.found.booked),
        invoice={"place": reconciled.place, "run": invoice.run.name, "sha256": invoice.sha256},
        books={"sha256": reconciled.charges},
        parts=parts,
        published=to_text(reconciled.published),
        despite=despite,
    )
    return await _put(control, before, token, true_up)


async def remove_true_up(control: Control, period: Month, *, by: str, now: datetime) -> bool:
    """Take the true-up of a period back; tells whether there was one. What a closed period billed of it is returned."""
    before, token = await TrueUps(control).get(period)
    if before is None or before.amount is None:
        return False
    gone = TrueUp(period=period, amount=None, by=by, at=now.isoformat(), parts=replaced(before.made_of(), ()))
    await _put(control, before, token, gone)
    return True


async def true_up_digest(control: Control, period: Month) -> str:
    """Identifies the true-up of a period as it is; empty where there never was one."""
    return digest_of((await TrueUps(control).get(period))[0])


def _never_charged(period: Month, begins: str) -> Iterator[str]:
    if period < begins:
        yield f"the books begin with {begins}: no file of an earlier month is ever closed, so nobody would be charged"


def _missing(reconciled: "Reconciled") -> list[str]:
    missing = reconciled.missing_of_the_invoice()
    if not_yet := reconciled.found.by_cause().get(Cause.NOT_YET):
        missing.append(
            f"usage of {grouped(not_yet[0].copy_abs())} {reconciled.currency} is not billed yet, so a true-up would"
            " take it back; wait for a later run of the export"
        )
    return missing


async def _put(control: Control, before: TrueUp | None, token: str | None, true_up: TrueUp) -> TrueUp:
    """Write a true-up with who set what before.

    A closing that overtakes it has made its files with it or without; without it, it is a correction.
    """
    true_up = replace(true_up, history=(*(before.history if before else ()), true_up.said()))
    await TrueUps(control).swap(true_up, token)
    return true_up
