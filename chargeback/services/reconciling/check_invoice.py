"""Tells in one word how a period stands to its invoice, for people who must not see the whole invoice."""

from decimal import Decimal

from chargeback.domain.invoice.reconciliation import ReconciliationRules
from chargeback.domain.money.exact import EXACT
from chargeback.domain.reports.standing import InvoiceCheck
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control
from chargeback.services.reconciling.reconciled_documents import Comparisons
from chargeback.services.reconciling.true_up_documents import TrueUps


async def check_invoice(control: Control, period: Month, rules: ReconciliationRules) -> InvoiceCheck:
    """What the last comparison found, after the true-up in force; it is of the files of that time."""
    compared = (await Comparisons(control).all()).get(period)
    if compared is None:
        return InvoiceCheck.NOT_COMPARED
    if not compared.is_final:
        return InvoiceCheck.INCOMPLETE
    true_up, _ = await TrueUps(control).get(period)
    charged = Decimal(true_up.amount) if true_up is not None and true_up.amount is not None else Decimal(0)
    rest = EXACT.subtract(compared.variance(Decimal(compared.published)), charged)
    return InvoiceCheck.DIFFERS if rules.exceeded_by(rest, Decimal(compared.invoiced)) else InvoiceCheck.AGREES
