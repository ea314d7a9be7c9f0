"""What the API tells of a month: to everybody how far it is, to whoever sees all costs also who did what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

import msgspec

from chargeback.domain.access.requester import Requester
from chargeback.domain.periods.approval import Approval
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.reports.standing import InvoiceCheck
from chargeback.domain.terms.approvals import needs_approval
from chargeback.services.ports.control import Version
from chargeback.services.reconciling.check_invoice import InvoiceStanding, invoice_standings

if TYPE_CHECKING:
    from chargeback.bootstrap import Container


class PeriodEvent(msgspec.Struct, frozen=True, rename="camel"):
    """Something that was done to a month."""

    what: str
    at: datetime
    by: str
    reason: str
    overridden: tuple[str, ...]


class ApprovalAnswer(msgspec.Struct, frozen=True):
    """Somebody's approval of a draft.

    Attributes:
        totals: what was approved, by currency.
        lapsed: why it no longer counts; empty while it does.
    """

    by: str
    at: datetime
    reason: str
    totals: dict[str, str]
    lapsed: str


class PeriodAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A billing month.

    Attributes:
        state: `open`, `closing` or `closed`; `final`: its files stay as they are for ever.
        begins, ends: its first moment, and the first that is no more in it, UTC.
        due: when it closes by itself, unless something keeps it open.
        needs_approval: whether somebody has to approve it first.
        approval: the latest approval; null where there is none, and for whoever does not see all costs.
        approved_by: whoever approved its draft; empty where nobody did, or the approval lapsed.
        invoice: `not compared`, `incomplete`, `agrees` or `differs`: what the last comparison with the invoice found.
        kept_until: the last day on which its files have to be there; empty where the books do not say.
        manifest: SHA-256 of the final manifest, which names every file with its own; empty until it is closed.
        history: who did what; empty for whoever does not see all costs.
    """

    period: str
    state: str
    final: bool
    begins: datetime
    ends: datetime
    due: datetime
    needs_approval: bool
    approval: ApprovalAnswer | None
    approved_by: str
    invoice: InvoiceCheck
    kept_until: str
    manifest: str
    history: tuple[PeriodEvent, ...]


@dataclass(frozen=True, slots=True)
class MonthTelling:
    """What is told of any month, and to whom.

    Attributes:
        is_whole: whether that is somebody who sees all costs.
    """

    version: Version
    invoices: Mapping[str, InvoiceStanding]
    is_whole: bool

    @classmethod
    async def of(cls, container: "Container", who: Requester) -> Self:
        """For somebody who asks now."""
        version = await container.catalogues.version()
        invoices = await invoice_standings(container.control, version.terms.reconciliation)
        return cls(version, invoices, who.scope.everything)

    def basis_of(self, known: BillingPeriod) -> str:
        """What decides an answer beside the month's own record."""
        return f"{self.version.name} {self._invoice(known)}"

    def _invoice(self, known: BillingPeriod) -> InvoiceCheck:
        return self.invoices.get(known.month, InvoiceStanding()).check

    def tell(self, known: BillingPeriod) -> PeriodAnswer:
        """How far a month is."""
        terms, (begins, ends) = self.version.terms, self.version.catalogue.calendar.bounds(known.month)
        approval = known.approval if self.is_whole else None
        history = known.history if self.is_whole else ()
        return PeriodAnswer(
            period=known.month,
            state=known.state.value,
            final=known.state is PeriodState.CLOSED and known.is_filed,
            begins=begins,
            ends=ends,
            due=ends + terms.closing.grace,
            needs_approval=needs_approval(terms.approvals, known.month),
            approval=_approval(approval) if approval else None,
            approved_by=approval.by if approval and not approval.lapsed else "",
            invoice=self._invoice(known),
            kept_until=terms.retention.kept_until(known.month).isoformat() if terms.retention else "",
            manifest=known.manifest if known.state is PeriodState.CLOSED else "",
            history=tuple(PeriodEvent(each.what, each.at, each.by, each.reason, each.overridden) for each in history),
        )


def _approval(approval: Approval) -> ApprovalAnswer:
    return ApprovalAnswer(approval.by, approval.at, approval.reason, approval.totals, approval.lapsed)
