"""Reconciles a published month: finds its invoice, catalogue and rules, compares them and writes the report."""

from dataclasses import dataclass, replace

from chargeback.domain.price_list.provider_meters import ProviderMeters
from chargeback.domain.time.months import Month
from chargeback.services.ports.books import Books
from chargeback.services.ports.control import Catalogues
from chargeback.services.ports.reports import Invoices, Reports
from chargeback.services.publishing.files import Files
from chargeback.services.publishing.published_rows import Published
from chargeback.services.reconciling.reconcile import Reconciled, reconcile_period
from chargeback.services.reconciling.render_reconciliation import write_reconciliation
from chargeback.services.reconciling.terms_around import terms_around


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares published months with the provider's invoice.

    Attributes:
        reports: where the report goes.
        invoices: the cost exports, unless a caller brings others.
        meters: the reviewed table of the provider's meters.
    """

    published: Published
    books: Books
    catalogues: Catalogues
    reports: Reports
    invoices: Invoices
    meters: ProviderMeters

    async def reconcile(
        self, period: Month, invoices: Invoices | None = None, *, export: str | None = None
    ) -> Reconciled:
        """Compare a month with its invoice and write the report; `export` is a folder in place of the configured one.

        A closed month is compared with the catalogue that rates it now.
        """
        in_force, rules = await self.catalogues.in_force(), (await self.catalogues.terms()).reconciliation
        reconciled = await reconcile_period(
            period,
            invoices or self.invoices,
            self.published,
            self.books,
            catalogue=in_force.closed.get(period, in_force.current),
            terms=await terms_around(period, self.published.control, self.catalogues),
            meters=self.meters,
            rules=rules if export is None else replace(rules, export=export),
        )
        await write_reconciliation(reconciled, Files(self.reports))
        return reconciled
