"""What a statement may say of the invoice: whether it agrees, and nothing of its amounts."""

from typing import Any

import pytest

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.domain.invoice.reconciliation import ReconciliationRules
from chargeback.domain.reports.standing import InvoiceCheck
from chargeback.domain.time.months import Month
from chargeback.services.reconciling.check_invoice import check_invoice
from chargeback.services.reconciling.reconciled_documents import Compared, Comparisons

pytestmark = pytest.mark.anyio

MARCH = Month("2026-03")


def compared(**fields: Any) -> Compared:
    """The books have 900 of an invoice of 1 000; tolerated are 1 % and 10."""
    known: dict[str, Any] = {"invoiced": "1000", "booked": "900", "published": "900", "currency": "USD"}
    return Compared(period=MARCH, run="r", is_final=True, **(known | fields))


@pytest.mark.parametrize(
    ("found", "trued_up", "said"),
    [
        (None, None, InvoiceCheck.NOT_COMPARED),
        (compared(), None, InvoiceCheck.DIFFERS),
        (compared(booked="995", published="995"), None, InvoiceCheck.AGREES),
        (compared(), "95", InvoiceCheck.AGREES),
        (compared(entered="100"), None, InvoiceCheck.AGREES),
    ],
)
async def test_the_last_comparison_counts_after_the_true_up_in_force(
    found: Compared | None, trued_up: str | None, said: InvoiceCheck
) -> None:
    control = MemoryControl()
    if found:
        await Comparisons(control).keep(found)
    if trued_up:
        await control.swap("true-up", MARCH, {"period": MARCH, "amount": trued_up, "currency": "USD"}, None)

    assert await check_invoice(control, MARCH, ReconciliationRules()) is said


async def test_a_run_that_does_not_know_all_of_the_month_decides_nothing() -> None:
    control = MemoryControl()
    await Comparisons(control).keep(
        Compared(period=MARCH, run="r", is_final=False, invoiced="1", booked="9", published="9", currency="USD")
    )

    assert await check_invoice(control, MARCH, ReconciliationRules()) is InvoiceCheck.INCOMPLETE
