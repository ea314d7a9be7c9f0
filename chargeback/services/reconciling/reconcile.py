"""Compares the books of a period with the provider's invoice, for a report and, beyond the tolerance, a warning."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.invoice.cost_exports import choose_run
from chargeback.domain.invoice.reconciliation import Cause, Reconciliation, ReconciliationRules
from chargeback.domain.invoice.variances import reconcile
from chargeback.domain.money.exact import to_text, total
from chargeback.domain.money.numerals import grouped
from chargeback.domain.price_list.provider_meters import ProviderMeters
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.months import Month, utc_days_of
from chargeback.log_line import log_line
from chargeback.services.ports.reports import Invoices
from chargeback.services.publishing.published_rows import Published
from chargeback.services.reconciling.booked_charges import BooksOfPeriod, read_booked, read_carried
from chargeback.services.reconciling.edge_usage import edge_usage
from chargeback.services.reconciling.invoice import Invoice, Keep, read_invoice
from chargeback.services.reconciling.reconciled_documents import MOVERS_KEPT, Compared, Comparisons
from chargeback.services.reconciling.true_up_documents import TrueUps
from chargeback.services.running.work_folder import work_folder
from chargeback.services.settled.settled_days import SettledDays

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A reconciled period with what it was made from.

    Attributes:
        charges: SHA-256 of the published rows that were compared.
        carried: contracted cost of the corrections that the period carries, by the closed period they belong to and
            its currency; they take no part in the comparison, because the invoice of the other period has them.
        books: what was compared, before the provider's month was made of it.
        accounts: those of the deployment map.
    """

    period: Month
    currency: str
    place: str
    invoice: Invoice
    charges: str
    carried: Mapping[tuple[str, str], Decimal]
    rules: ReconciliationRules
    found: Reconciliation
    books: BooksOfPeriod
    accounts: Sequence[str]

    @property
    def exceeded(self) -> bool:
        """Whether the variance of what should be on the invoice by now exceeds the tolerance."""
        return self.rules.exceeded_by(self.found.overdue, self.found.invoiced)

    @property
    def largest_cause(self) -> str:
        """The cause of the largest part of the variance; empty where there is none."""
        causes = self.found.by_cause()
        return max(causes, key=lambda cause: abs(causes[cause][0]), default="")

    @property
    def published(self) -> Decimal:
        """The sum of the period's own files at contracted prices."""
        return total([each.cost for each in self.books.booked])

    @property
    def is_final(self) -> bool:
        """Whether the export knows all of the month."""
        return self.invoice.run.is_final_of(utc_days_of(self.period)[-1], self.rules.lag)

    def missing_of_the_invoice(self) -> list[str]:
        """The reasons why the invoice is not complete for the month yet."""
        run, missing = self.invoice.run, []
        if not self.is_final:
            at = f"{run.submitted:%Y-%m-%dT%H:%MZ}" if run.submitted else "an unknown time"
            missing.append(
                f"the export covers {run.first} to {run.last} and ran at {at}: it knows all of the month"
                f" {self.rules.lag_hours} hours after the month's end"
            )
        if self.invoice.paid_ahead:
            missing.append(
                f"{grouped(self.invoice.paid_ahead)} {self.currency} were paid at once for longer than the month: set"
                " reconciliation.cost in books.yaml to amortised"
            )
        return missing

    def missing_of_the_books(self) -> list[str]:
        """The usage that the books do not know for certain yet."""
        booked = self.books.booked
        unsettled = sum(each.unsettled for each in booked)
        unpriced = total([each.unpriced for each in booked])
        estimated = total([each.estimated for each in booked])
        return [
            f"{grouped(number)} {what}"
            for number, what in (
                (unsettled, "calls wait for their tokens: run `chargeback settle`"),
                (unpriced, "units have no price: add it, `chargeback config apply`"),
                (estimated, "units are estimates: run `chargeback settle`"),
            )
            if number
        ]


async def reconcile_period(
    period: Month,
    invoices: Invoices,
    published: Published,
    days: SettledDays,
    *,
    catalogue: Catalogue,
    terms: Mapping[Month, Terms],
    meters: ProviderMeters,
    rules: ReconciliationRules,
    keep: Keep | None = None,
) -> Reconciled:
    """Compare a published period with the newest complete run of the cost export, and log what was found.

    `terms`: what `terms_around` gives. `keep` takes the rows of the export that were used.
    Raises `InvoiceMissing` where there is no export of the period, `InvalidConfig` where it cannot be read.
    """
    currency = catalogue.calendar.currency(period)
    true_up, _ = await TrueUps(published.control).get(period)
    parts = true_up.made_of() if true_up else ()
    run = choose_run(await invoices.runs(rules.export), period, f"{invoices.place}/{rules.export}".rstrip("/"))
    accounts = [account.casefold() for account in catalogue.deployments]
    with work_folder("reconcile") as folder:
        own = await published.fetch(period, Path(folder))
        later = [await published.fetch(other, Path(folder)) for other in await published.later(period)]
        of_period = await asyncio.to_thread(read_booked, period, own, later, catalogue, meters, parts)
        carried = await asyncio.to_thread(read_carried, own)
        digest = await asyncio.to_thread(_sha256, [own, *later])
    booked = [*of_period.booked, *await edge_usage(period, days, catalogue, terms, meters)]
    invoice = await read_invoice(
        invoices, run, period, rules=rules, meters=meters, accounts=accounts, currency=currency, keep=keep
    )
    found = await asyncio.to_thread(
        reconcile, booked, invoice.charges, period=period, run=invoice.run, rules=rules, accounts=accounts
    )
    reconciled = Reconciled(
        period, currency, invoices.place, invoice, digest, carried, rules, found, of_period, accounts
    )
    await Comparisons(published.control).keep(_compared(reconciled))
    _log(reconciled)
    return reconciled


def _compared(reconciled: Reconciled) -> Compared:
    movers = list(reconciled.found.overdue_by_use().items())
    return Compared(
        period=reconciled.period,
        run=reconciled.invoice.run.name,
        is_final=reconciled.is_final,
        invoiced=to_text(reconciled.found.invoiced),
        booked=to_text(reconciled.found.booked),
        published=to_text(reconciled.published),
        currency=reconciled.currency,
        entered=to_text(total([*reconciled.books.trued_up.values()])),
        overdue=to_text(reconciled.found.overdue),
        cause=reconciled.largest_cause,
        movers=tuple((name, to_text(amount)) for name, amount in movers[:MOVERS_KEPT]),
    )


def _sha256(files: Sequence[Path]) -> str:
    digest = sha256()
    for file in files:
        with file.open("rb") as opened:
            while piece := opened.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def _log(reconciled: Reconciled) -> None:
    found = reconciled.found
    unexplained = found.by_cause().get(Cause.UNEXPLAINED, (Decimal(0), 0))[0]
    log_line(
        log,
        "reconciled",
        about=reconciled.period,
        period=reconciled.period,
        invoiced=found.invoiced,
        booked=found.booked,
        variance=found.variance,
        unexplained=unexplained,
        currency=reconciled.currency,
        unmapped_meters=len(found.unmapped_meters),
        run=reconciled.invoice.run.name,
    )
    if reconciled.exceeded:
        log_line(
            log,
            "variance_exceeded",
            about=reconciled.period,
            level=logging.WARNING,
            period=reconciled.period,
            variance=found.overdue,
            invoiced=found.invoiced,
            currency=reconciled.currency,
            cause=reconciled.largest_cause,
        )
