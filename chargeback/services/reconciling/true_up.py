"""The true-up: what is between the invoice and the books of a period, as a shared cost of that period.

It is on record who set it, when, and from which invoice and books. Publishing splits it like every shared cost, so
that at contracted prices the period's chargeback is the invoice.
"""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from chargeback.domain.errors import ChargebackError, PeriodClosed
from chargeback.domain.lifecycle import State
from chargeback.domain.money import EXACT, to_text, total
from chargeback.domain.reconciliation import Cause
from chargeback.domain.shared_costs import Basis, Kind, Per, SharedCost, to_amount
from chargeback.services.closing.period_documents import PeriodDocuments
from chargeback.services.ports import Control
from chargeback.services.reconciling.true_up_documents import TrueUp, TrueUps, digest_of

if TYPE_CHECKING:
    from chargeback.services.reconciling.reconcile import Reconciled


async def true_up_costs(control: Control, period: str) -> tuple[SharedCost, ...]:
    """The shared cost of a period's true-up; none where there is none, or nothing between invoice and books."""
    known, _ = await TrueUps(control).get(period)
    if known is None or known.amount is None or not Decimal(known.amount):
        return ()
    return (
        SharedCost(
            cost_id=f"true-up-{period}",
            name=f"True-up to the invoice of {period}",
            kind=Kind.TRUE_UP,
            price=Decimal(known.amount),
            per=Per.PERIOD,
            currency=known.currency,
            basis=Basis.USAGE,
            period=period,
            source=f"cost export {known.invoice['run']}, SHA-256 {known.invoice['sha256']}; set by {known.by}",
        ),
    )


async def true_up_amount(control: Control, reconciled: "Reconciled") -> Decimal:
    """What the true-up of a period is: its invoice minus its books, at 6 decimals.

    Corrections of a period that has a true-up are taken off: that true-up has charged them already.
    """
    trued_up = [each.period for each in await TrueUps(control).in_force()]
    return to_amount(EXACT.subtract(reconciled.found.variance, _charged_before(reconciled, trued_up)))


async def set_true_up(control: Control, reconciled: "Reconciled", *, by: str, now: datetime) -> TrueUp:
    """Set the true-up of an open period, in place of an older one.

    Raises `PeriodClosed`, and `ChargebackError` while the invoice cannot have all of the period's usage yet.
    """
    if not_yet := reconciled.found.by_cause().get(Cause.NOT_YET):
        raise ChargebackError(
            f"{reconciled.period}: usage of {to_text(not_yet[0].copy_abs())} {reconciled.currency} is not billed yet,"
            " so a true-up would take it back; wait for a later run of the export"
        )
    before, token = await TrueUps(control).get(reconciled.period)
    amount = await true_up_amount(control, reconciled)
    await _require_open(control, reconciled.period, amount, reconciled.currency)
    invoice = reconciled.invoice
    true_up = TrueUp(
        period=reconciled.period,
        amount=to_text(amount),
        currency=reconciled.currency,
        by=by,
        at=now.isoformat(),
        invoiced=to_text(reconciled.found.invoiced),
        booked=to_text(reconciled.found.booked),
        invoice={"place": reconciled.place, "run": invoice.run.name, "sha256": invoice.sha256},
        books={"sha256": reconciled.charges},
    )
    return await _put(control, before, token, true_up)


async def remove_true_up(control: Control, period: str, *, by: str, now: datetime) -> bool:
    """Take the true-up of an open period back; tells whether there was one. Raises `PeriodClosed`."""
    before, token = await TrueUps(control).get(period)
    if before is None or before.amount is None:
        return False
    returned = EXACT.subtract(Decimal(0), Decimal(before.amount))
    await _require_open(control, period, returned, before.currency)
    await _put(control, before, token, TrueUp(period=period, amount=None, by=by, at=now.isoformat()))
    return True


async def true_up_digest(control: Control, period: str) -> str:
    """Stands for the true-up of a period as it is; empty where there never was one."""
    return digest_of((await TrueUps(control).get(period))[0])


async def _put(control: Control, before: TrueUp | None, token: str | None, true_up: TrueUp) -> TrueUp:
    """Write a true-up; who set what before stays in its history. Raises `Superseded`, `PeriodClosed`.

    A closing that overtakes it has either made its files with it or without; the period's document says which, and what
    is not in the files is taken back.
    """
    true_ups = TrueUps(control)
    true_up = replace(true_up, history=(*(before.history if before else ()), true_up.said()))
    token = await true_ups.swap(true_up, token)
    if await _is_settled_with(control, true_up):
        return true_up
    token = await true_ups.swap(before or replace(true_up, amount=None), token)
    if await _is_settled_with(control, true_up, closed=True):
        await true_ups.swap(true_up, token)
        return true_up
    raise PeriodClosed(f"{true_up.period} was closed or is being closed without this true-up: it stays as it was")


async def _is_settled_with(control: Control, true_up: TrueUp, *, closed: bool = False) -> bool:
    """Whether a period is open, so that its files will be made with the true-up, or is closed with it already."""
    known, _ = await PeriodDocuments(control).get(true_up.period)
    if known.state is State.OPEN:
        return not closed
    return known.state is State.CLOSED and known.true_up == digest_of(true_up)


async def _require_open(control: Control, period: str, amount: Decimal, currency: str) -> None:
    known, _ = await PeriodDocuments(control).get(period)
    if known.state is State.OPEN:
        return
    if known.state is State.CLOSING:
        raise PeriodClosed(f"{period} is being closed: its true-up stays as it is until the attempt has ended")
    raise PeriodClosed(
        f"{period} is closed, and its files stay as they are. To charge the {to_text(amount)} {currency} between them"
        " and the invoice, add a cost of kind true-up to config/shared-costs.yaml: `period` the oldest open one,"
        f' `amount` "{to_text(amount)}", `corrects: {period}`'
    )


def _charged_before(reconciled: "Reconciled", trued_up: Collection[str]) -> Decimal:
    return total([cost for period, cost in reconciled.carried.items() if period in trued_up])
