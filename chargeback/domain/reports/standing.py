"""How far a period is settled, for the people who pay it: by whom it was approved, and whether the invoice agrees."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from chargeback.domain.reports.manifest import Deed
from chargeback.domain.time.months import Month

_CORRECTING = ("corrected", "trued up", "took the true-up back")


class InvoiceCheck(StrEnum):
    """What the last comparison with the provider's invoice found."""

    NOT_COMPARED = "not compared"
    INCOMPLETE = "incomplete"  # the invoice does not know all of the month yet
    AGREES = "agrees"  # but for what is tolerated
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class PeriodStanding:
    """How far a period is settled.

    Attributes:
        approved_by: None where the books ask for no approval, or nobody approved yet.
        deeds: what people did to its figures, by time; those of an open period are not known yet.
    """

    invoice: InvoiceCheck = InvoiceCheck.NOT_COMPARED
    approved_by: str | None = None
    deeds: Sequence[Deed] = ()

    @property
    def overrides(self) -> list[Deed]:
        """For which reason the period was closed in spite of what kept it open, if it was."""
        return [deed for deed in self.deeds if deed.what == "overrode"]

    def behind(self, period: Month) -> list[Deed]:
        """Who changed what a closed period costs, so that this one carries its corrections."""
        return [deed for deed in self.deeds if deed.what in _CORRECTING and deed.about[:1] == (period,)]
