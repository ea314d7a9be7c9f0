"""The inputs that decide the files of a period: its catalogue and terms, and the files billed before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.payers import Payers
from chargeback.domain.reports.manifest import Deed
from chargeback.domain.reports.standing import InvoiceCheck
from chargeback.domain.terms.shared_costs import SharedCost
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.time.months import Month, month_of
from chargeback.services.ports.reports import Reports


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that was published before."""

    reports: Reports
    path: str


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A closed period whose books may have changed since: any difference from what was billed becomes a correction.

    Attributes:
        period: YYYY-MM.
        catalogue: frozen when it was closed, or what corrects it; its calendar and its currency are the period's.
        terms: frozen with it.
        touched: the UTC days whose records may have changed; nothing else is compared.
        billed: its `charges-YYYY-MM.parquet`.
        later: those of the closed periods since, oldest first: they hold the corrections made so far.
        shared_costs: what it was charged in addition to its usage.
        payers: the markups on these, as they were when it was closed.
        successors: cost centre that has ended → the one that pays its corrections now.
    """

    period: Month
    catalogue: Catalogue
    terms: Terms
    touched: Sequence[UtcDay]
    billed: Stored
    later: tuple[Stored, ...] = ()
    shared_costs: tuple[SharedCost, ...] = ()
    payers: Payers = field(default_factory=Payers)
    successors: Mapping[str, str] = field(default_factory=dict)

    @property
    def currency(self) -> str:
        """The currency that it was billed in."""
        return self.catalogue.calendar.currency(self.period)

    @property
    def dates(self) -> list[BookDate]:
        """The dates of the period that the touched days fall on, ascending."""
        dates = self.catalogue.calendar.dates
        return sorted({date for day in self.touched for date in dates(day) if month_of(date) == self.period})

    @property
    def days(self) -> list[UtcDay]:
        """The UTC days whose records hold these dates, ascending."""
        calendar, wanted = self.catalogue.calendar, set(self.dates)
        return [day for day in calendar.utc_days(self.period) if wanted & set(calendar.dates(day))]


@dataclass(frozen=True, slots=True)
class PeriodInputs:
    """A billing period with all that decides its files; the books and this give the same files, byte for byte.

    Attributes:
        period: YYYY-MM.
        catalogue: in force, or frozen when the period was closed; its calendar has the bounds and the currency.
        terms: likewise.
        decimals: places of the printed costs, 0 to 12.
        is_closed: whether these are the final files.
        previous: `charges-YYYY-MM.parquet` of the period before, where it was published.
        previous_manifest: SHA-256 of the manifest of the closed period before; empty where there is none.
        past: closed period that a shared cost of this one belongs to → the files with all that was billed for it.
        successors: cost centre that has ended → the one that pays its corrections.
        corrected: closed periods whose books may have changed since, oldest first.
        lineage: UTC day → what its records come from: counts, fences; goes into the manifest as it is.
        approved_by: who approved it; goes into the manifest.
        deeds: who did what to it, by time; go into the manifest.
        invoice: how it stands to the provider's invoice; goes onto the statements.
    """

    period: Month
    catalogue: Catalogue
    terms: Terms
    decimals: int
    is_closed: bool = False
    previous: Stored | None = None
    previous_manifest: str = ""
    past: Mapping[Month, Sequence[Stored]] = field(default_factory=dict)
    successors: Mapping[str, str] = field(default_factory=dict)
    corrected: Sequence[ClosedPeriod] = ()
    lineage: Mapping[str, Any] = field(default_factory=dict)
    approved_by: str | None = None
    deeds: Sequence[Deed] = ()
    invoice: InvoiceCheck = InvoiceCheck.NOT_COMPARED

    @property
    def currency(self) -> str:
        """The currency of the books."""
        return self.catalogue.calendar.currency(self.period)

    @property
    def days(self) -> list[UtcDay]:
        """The UTC days that it touches."""
        return self.catalogue.calendar.utc_days(self.period)
