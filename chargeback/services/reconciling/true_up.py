"""The true-up: what is between the invoice and the books of a period, as a shared cost of that period.

It is a document of kind `true-up`, named by its period: who set it, when, and from which invoice and books. Publishing
splits it like every shared cost, so that at contracted prices the period's chargeback is the invoice.
"""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from chargeback.domain.errors import ChargebackError, PeriodClosed
from chargeback.domain.money import EXACT, to_text, total
from chargeback.domain.reconciliation import Cause
from chargeback.domain.shared_costs import Basis, Kind, Per, SharedCost, to_amount
from chargeback.services.ports import Control

if TYPE_CHECKING:
    from chargeback.services.reconciling.reconcile import Reconciled

Document = dict[str, Any]

_KIND = "true-up"
_encode = msgspec.json.Encoder(order="deterministic").encode


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
    before = await control.get_versioned(_KIND, reconciled.period)
    amount = await true_up_amount(control, reconciled)
    await _require_open(control, reconciled.period, amount, reconciled.currency)
    invoice = reconciled.invoice
    return await _put(
        control,
        before,
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
    before = await control.get_versioned(_KIND, period)
    if before is None or before[0]["amount"] is None:
        return False
    returned = EXACT.subtract(Decimal(0), Decimal(before[0]["amount"]))
    await _require_open(control, period, returned, before[0]["currency"])
    await _put(control, before, {"period": period, "amount": None, "by": by, "at": now.isoformat()})
    return True


async def true_up_digest(control: Control, period: str) -> str:
    """Stands for the true-up of a period as it is; empty where there never was one."""
    return _digest(await control.get(_KIND, period))


def _digest(document: Document | None) -> str:
    return blake2b(_encode(document), digest_size=12).hexdigest() if document else ""


async def _put(control: Control, before: tuple[Document, str] | None, document: Document) -> Document:
    """Write a true-up; who set what before stays in its history. Raises `Superseded`, `PeriodClosed`.

    A closing that overtakes it has either made its files with it or without; the period's document says which, and what
    is not in the files is taken back.
    """
    period, known = document["period"], before[0] if before else None
    said = [{name: document.get(name) for name in ("amount", "by", "at", "invoice")}]
    document = {**document, "history": [*(known["history"] if known else []), *said]}
    token = await control.swap(_KIND, period, document, before[1] if before else None)
    if await _is_settled_with(control, period, document):
        return document
    undone = known or {**document, "amount": None}
    token = await control.swap(_KIND, period, undone, token)
    if await _is_settled_with(control, period, document, closed=True):
        await control.swap(_KIND, period, document, token)
        return document
    raise PeriodClosed(f"{period} was closed or is being closed without this true-up: it stays as it was")


async def _is_settled_with(control: Control, period: str, document: Document, *, closed: bool = False) -> bool:
    """Whether a period is open, so that its files will be made with the true-up, or is closed with it already."""
    known = await control.get("period", period)
    if known is None or known["state"] == "open":
        return not closed
    return bool(known["state"] == "closed" and known.get("trueUp", "") == _digest(document))


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
