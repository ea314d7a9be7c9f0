"""Tells how periods stand to their invoices: in one word for everybody, and by how much for those who see all costs."""

from dataclasses import dataclass
from decimal import Decimal

from chargeback.domain.invoice.reconciliation import ReconciliationRules
from chargeback.domain.money.exact import EXACT
from chargeback.domain.reports.standing import InvoiceCheck
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control
from chargeback.services.reconciling.reconciled_documents import Compared, Comparisons
from chargeback.services.reconciling.true_up_documents import TrueUp, TrueUps


@dataclass(frozen=True, slots=True)
class InvoiceStanding:
    """What the last comparison found, after the true-up in force; it is of the files of that time.

    Attributes:
        rest: the invoice minus what is charged; None where nothing was compared.
    """

    check: InvoiceCheck = InvoiceCheck.NOT_COMPARED
    rest: Decimal | None = None
    currency: str = ""


async def check_invoice(control: Control, period: Month, rules: ReconciliationRules) -> InvoiceCheck:
    """How one period stands, in one word."""
    found = await invoice_standings(control, rules)
    return found.get(period, InvoiceStanding()).check


async def invoice_standings(control: Control, rules: ReconciliationRules) -> dict[str, InvoiceStanding]:
    """How each period stands that was ever compared."""
    compared = await Comparisons(control).all()
    true_ups = {each.period: each for each in await TrueUps(control).in_force()} if compared else {}
    return {period: _standing(each, true_ups.get(each.period), rules) for period, each in compared.items()}


def _standing(compared: Compared, true_up: TrueUp | None, rules: ReconciliationRules) -> InvoiceStanding:
    charged = Decimal(true_up.amount) if true_up is not None and true_up.amount is not None else Decimal(0)
    rest = EXACT.subtract(compared.variance(Decimal(compared.published)), charged)
    if not compared.is_final:
        return InvoiceStanding(InvoiceCheck.INCOMPLETE, rest, compared.currency)
    differs = rules.exceeded_by(rest, Decimal(compared.invoiced))
    return InvoiceStanding(InvoiceCheck.DIFFERS if differs else InvoiceCheck.AGREES, rest, compared.currency)
