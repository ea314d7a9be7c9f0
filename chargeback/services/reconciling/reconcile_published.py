"""Reconciles a published month: finds its invoice, catalogue and rules, compares them and writes the report."""

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from chargeback.domain.price_list.provider_meters import ProviderMeters
from chargeback.domain.reports.layout import export_part_path
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Catalogues
from chargeback.services.ports.reports import Invoices, Reports
from chargeback.services.publishing.files import PARQUET, Files
from chargeback.services.publishing.published_rows import Published
from chargeback.services.reconciling.reconcile import Reconciled, reconcile_period
from chargeback.services.reconciling.render_reconciliation import write_reconciliation
from chargeback.services.reconciling.terms_around import terms_around
from chargeback.services.settled.settled_days import SettledDays

_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares published months with the provider's invoice.

    Attributes:
        reports: where the report goes.
        invoices: the cost exports, unless a caller brings others.
        meters: the reviewed table of the provider's meters.
    """

    published: Published
    days: SettledDays
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
            self.days,
            catalogue=in_force.closed.get(period, in_force.current),
            terms=await terms_around(period, self.published.control, self.catalogues),
            meters=self.meters,
            rules=rules if export is None else replace(rules, export=export),
            keep=partial(keep_export_part, self.reports, period),
        )
        await write_reconciliation(reconciled, Files(self.reports))
        return reconciled


async def keep_export_part(reports: Reports, period: Month, digest: str, file: Path) -> None:
    """Keep the rows of an export that were used, because the export itself may be overwritten."""
    async with reports.create(export_part_path(period, digest), PARQUET) as kept:
        with file.open("rb") as rows:
            while piece := await asyncio.to_thread(rows.read, _PIECE_BYTES):
                await kept.write(piece)
