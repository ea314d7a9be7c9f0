"""A month of one meter, compared with its invoice."""

from datetime import UTC, datetime
from decimal import Decimal

from chargeback.domain.invoice.cost_exports import ExportRun
from chargeback.domain.invoice.reconciliation import Booked, Invoiced, ReconciliationRules, Sku
from chargeback.domain.invoice.variances import reconcile
from chargeback.domain.terms.shared_costs import DirectUsage
from chargeback.services.reconciling.booked_charges import BooksOfPeriod
from chargeback.services.reconciling.invoice import Invoice
from chargeback.services.reconciling.reconcile import Reconciled

PERIOD = "2026-03"
SKU = Sku("gpt-4o", "GlobalStandard", "default", "", "input_tokens")
RUN = ExportRun("costs/focus/run", "2026-03-01", "2026-03-31", datetime(2026, 4, 5, tzinfo=UTC), ("part.csv",))


def usage(cost: Decimal) -> DirectUsage:
    return DirectUsage(
        "", "oai-eastus2", "gpt-4o", SKU.deployment_type, "gpt-4o-2024-11-20", cost, 10, 0, 0, 0,
        SKU.service_tier, "", SKU.meter, Decimal(10), cost,
    )  # fmt: skip


def reconciled(invoice: str, books: str, *, run: ExportRun = RUN, open_items: int = 0, **carried: str) -> Reconciled:
    """A period of one meter, with corrections that it carries, by `of_YYYY_MM`."""
    cost = Decimal(books)
    charge = Invoiced("2026-03-14", "oai-eastus2", "m", "meter", SKU, Decimal(10), Decimal(invoice))
    rules = ReconciliationRules()
    booked = [Booked("2026-03-14", "oai-eastus2", SKU, Decimal(10), cost, unsettled=open_items)]
    found = reconcile(
        booked,
        [charge] if Decimal(invoice) else [],
        period=PERIOD,
        run=run,
        rules=rules,
        accounts=["oai-eastus2"],
    )
    corrections = {(name[3:].replace("_", "-"), "USD"): Decimal(cost) for name, cost in carried.items()}
    of_run = Invoice(run, (charge,), "abc", 1)
    of_period = BooksOfPeriod(booked, [usage(cost)], {SKU: (SKU,)}, {})
    return Reconciled(
        PERIOD, "USD", "cost-exports", of_run, "def", corrections, rules, found, of_period, ["oai-eastus2"]
    )
