"""The true-up: what is between the invoice and the books of a period, as a shared cost of that period.

It is a document of kind `true-up`, named by its period: who set it, when, and from which invoice and books. Publishing
splits it like every shared cost, so that at contracted prices the period's chargeback is the invoice.
"""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from chargeback.domain.errors import ChargebackError, PeriodClosed
from chargeback.domain.money import EXACT, to_text, total
from chargeback.domain.reconciliation import Cause
from chargeback.domain.shared_costs import Basis, Kind, Per, SharedCost, to_amount
from chargeback.services.ports import Control

if TYPE_CHECKING:
    from chargeback.services.reconciling.reconcile import Reconciled

Document = dict[str, Any]

_KIND = "true-up"


async def true_up_costs(control: Control, period: str) -> tuple[SharedCost, ...]:
    """The shared cost of a period's true-up; none where there is none, or nothing between invoice and books."""
    document = await control.get(_KIND, period)
    if document is None or document["amount"] is None or not Decimal(document["amount"]):
        return ()
    invoice = document["invoice"]
    return (
        SharedCost(
            cost_id=f"true-up-{period}",
            name=f"True-up to the invoice of {period}",
            kind=Kind.TRUE_UP,
            price=Decimal(document["amount"]),
            per=Per.PERIOD,
            currency=document["currency"],
            basis=Basis.USAGE,
            period=period,
            source=f"cost export {invoice['run']}, SHA-256 {invoice['sha256']}; set by {document['by']}",
        ),
    )


async def true_up_amount(control: Control, reconciled: "Reconciled") -> Decimal:
    """What the true-up of a period is: its invoice minus its books, at 6 decimals.

    Corrections of a period that has a true-up are taken off: that true-up has charged them already.
    """
    trued_up = [document["period"] for document in await control.all(_KIND) if document["amount"] is not None]
    return to_amount(EXACT.subtract(reconciled.found.variance, _charged_before(reconciled, trued_up)))


async def set_true_up(control: Control, reconciled: "Reconciled", *, by: str, now: datetime) -> Document:
    """Set the true-up of an open period, in place of an older one.

    Raises `PeriodClosed`, and `ChargebackError` while the invoice cannot have all of the period's usage yet.
    """
    if not_yet := reconciled.found.by_cause().get(Cause.NOT_YET):
        raise ChargebackError(
            f"{reconciled.period}: usage of {to_text(not_yet[0].copy_abs())} {reconciled.currency} is not billed yet,"
            " so a true-up would take it back; wait for a later run of the export"
        )
    amount = await true_up_amount(control, reconciled)
    await _require_open(control, reconciled.period, amount, reconciled.currency)
    invoice = reconciled.invoice
    return await _put(
        control,
        {
            "period": reconciled.period,
            "amount": to_text(amount),
            "currency": reconciled.currency,
            "by": by,
            "at": now.isoformat(),
            "invoiced": to_text(reconciled.found.invoiced),
            "booked": to_text(reconciled.found.booked),
            "invoice": {"place": reconciled.place, "run": invoice.run.name, "sha256": invoice.sha256},
            "books": {"sha256": reconciled.charges},
        },
    )


async def remove_true_up(control: Control, period: str, *, by: str, now: datetime) -> bool:
    """Take the true-up of an open period back; tells whether there was one. Raises `PeriodClosed`."""
    document = await control.get(_KIND, period)
    if document is None or document["amount"] is None:
        return False
    await _require_open(control, period, EXACT.subtract(Decimal(0), Decimal(document["amount"])), document["currency"])
    await _put(control, {"period": period, "amount": None, "by": by, "at": now.isoformat()})
    return True


async def _put(control: Control, document: Document) -> Document:
    """Write a true-up; who set what before stays in its history."""
    before = await control.get(_KIND, document["period"])
    said = [{name: document.get(name) for name in ("amount", "by", "at", "invoice")}]
    document = {**document, "history": [*(before["history"] if before else []), *said]}
    await control.put(_KIND, document["period"], document)
    return document


async def _require_open(control: Control, period: str, amount: Decimal, currency: str) -> None:
    document = await control.get("period", period)
    if document is None or document["state"] == "open":
        return
    if document["state"] == "closing":
        raise PeriodClosed(f"{period} is being closed: its true-up stays as it is until the attempt has ended")
    raise PeriodClosed(
        f"{period} is closed, and its files stay as they are. To charge the {to_text(amount)} {currency} between them"
        " and the invoice, add a cost of kind true-up to config/shared-costs.yaml: `period` the oldest open one,"
        f' `amount` "{to_text(amount)}", `corrects: {period}`'
    )


def _charged_before(reconciled: "Reconciled", trued_up: Collection[str]) -> Decimal:
    return total([cost for period, cost in reconciled.carried.items() if period in trued_up])
