"""Approves the draft of a period, so that another person or the timer may close it, and takes an approval back.

The approval is in the period's own document: whoever approves, withdraws or closes writes that, on condition that
nobody else has since it was read. So no closing succeeds with an approval that was withdrawn meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chargeback.domain.errors import ApprovalRefused
from chargeback.domain.periods.approval import (
    Approval,
    approver_faults,
    closing_faults,
    is_same_person,
    name_fault,
    stale_reason,
)
from chargeback.domain.periods.lifecycle import (
    BillingPeriod,
    PeriodChange,
    PeriodState,
    approved,
    lapsed,
    withdrawn,
)
from chargeback.domain.reports.layout import charges_path
from chargeback.domain.reports.manifest import Deed, Manifest
from chargeback.domain.terms.approvals import needs_approval
from chargeback.domain.time.months import Month
from chargeback.services.closing.deeds_of_period import Deeds, doers
from chargeback.services.closing.file_period import draft_manifest
from chargeback.services.closing.lineage import lineage_of
from chargeback.services.closing.remedies import APPROVE, AUDIT
from chargeback.services.periods.periods import Periods
from chargeback.services.ports.control import Catalogues, Version
from chargeback.services.ports.reports import Reports
from chargeback.services.reconciling.true_up import true_up_costs
from chargeback.services.usage.audit import Auditor

TIMER = "close_periods"
"""The name by which the timer closes: no person's."""


@dataclass(frozen=True, slots=True)
class Approver:
    """Approves drafts; see the module.

    Attributes:
        auditor: says which days wait for an audit.
        reports: where the drafts are.
    """

    periods: Periods
    catalogues: Catalogues
    auditor: Auditor
    reports: Reports

    async def approve(
        self, period: Month, by: str, now: datetime, reason: str = "", *, seen: str | None = None
    ) -> BillingPeriod:
        """Approve the published draft of a period; the same approval again changes nothing.

        `seen`: identifies the charges that the approver looked at; None where nobody can say.
        Raises `ApprovalRefused` with every reason, `Superseded` where somebody else wrote the period's record first.
        """
        known, token = await self.periods.get(period)
        version = await self.catalogues.version()
        made = await draft_manifest(period, self.reports)
        deeds = await Deeds(self.periods.control, self.catalogues).to(period, version)
        faults = [
            *([name_fault(by)] if name_fault(by) else []),
            *([f"{by!r} is the name of the timer"] if is_same_person(by, TIMER) else []),
            *await self._not_now(known, version, now),
            *await self._not_this_draft(made, period, version, seen),
            *approver_faults(by, doers(deeds)),
        ]
        of = charges_of(made) if made else ""
        before = known.approval
        if before and not before.lapsed and before.charges_sha256 == of and not is_same_person(before.by, by):
            faults.append(f"{before.by} approved this draft at {before.at:%Y-%m-%d %H:%M} UTC; one approval is enough")
        if faults or made is None:
            raise ApprovalRefused(period, faults)
        if before and not before.lapsed and before.charges_sha256 == of:
            return known
        approval = Approval(period, by, now, of, made.totals, version.name, reason)
        after = approved(known, approval)
        await self.periods.swap(after, token)
        return after

    async def withdraw(self, period: Month, change: PeriodChange) -> BillingPeriod:
        """Take the approval of a period back; a closing that is under way cannot succeed with it any more.

        Raises `ApprovalRefused` where there is none, or the period is closed.
        """
        known, token = await self.periods.get(period)
        if known.state is PeriodState.CLOSED:
            raise ApprovalRefused(period, ["it is closed: what was approved is what was billed"])
        if known.approval is None:
            raise ApprovalRefused(period, ["nobody has approved it"])
        after = withdrawn(known, change)
        await self.periods.swap(after, token)
        return after

    async def _not_now(self, known: BillingPeriod, version: Version, now: datetime) -> list[str]:
        period, calendar = known.month, version.catalogue.calendar
        if known.state is not PeriodState.OPEN:
            return [f"it is {known.state}"]
        faults = []
        if not needs_approval(version.terms.approvals, period):
            faults.append("books.yaml asks for no approval of it; see `approval` there")
        if now < (ends := calendar.bounds(period)[1]):
            faults.append(f"it ends at {ends:%Y-%m-%d %H:%M} UTC; until then its draft is not complete")
        if days := sorted(await self.auditor.marks(calendar.utc_days(period))):
            faults.append(f"days wait for an audit: {', '.join(days)}; {AUDIT}, then `chargeback publish {period}`")
        if (oldest := (await self.periods.open_periods(now, calendar))[0]) != period:
            faults.append(f"{oldest} is the oldest open period, and only that one carries every correction")
        return faults

    async def _not_this_draft(
        self, made: Manifest | None, period: Month, version: Version, seen: str | None
    ) -> list[str]:
        publish_it = f"`chargeback publish {period}`, then look at it again"
        if made is None:
            return [f"it has no draft: {publish_it}"]
        trued_up = await true_up_costs(self.periods.control, period, version.terms, version.catalogue.calendar)
        now = (version.catalogue.digest, version.terms.with_shared_costs(trued_up).digest)
        if (made.catalogue, made.terms) != now:
            return [f"its draft was made with another configuration or true-up than is in force: {publish_it}"]
        audited = await lineage_of(self.periods.control, made.days)
        if newer := [day for day in made.days if audited.get(day) != made.lineage.get(day)]:
            return [f"its draft is older than the audit of {', '.join(newer)}: {publish_it}"]
        if not (charges := charges_of(made)):
            return [f"its draft names no charges: {publish_it}"]
        return [] if seen in (None, charges) else ["its draft has other charges than when you looked: look at it again"]


def charges_of(made: Manifest) -> str:
    """The SHA-256 of the file with the exact rows, which an approval is of."""
    path = charges_path(made.billing_period)
    return next((file.sha256 for file in made.files if file.path == path), "")


@dataclass(frozen=True, slots=True)
class Signatures:
    """Who answers for a closing: goes into the manifest.

    Attributes:
        approval: None where the books ask for none.
        deeds: what people did to the figures of the period.
    """

    approval: Approval | None = None
    deeds: tuple[Deed, ...] = ()

    @property
    def approved_by(self) -> str | None:
        """Who approved it."""
        return self.approval.by if self.approval else None

    def closed_by(self, by: str, at: datetime, override: str, facts: Sequence[str]) -> "Signatures":
        """With the closing itself; `override`: why it was closed in spite of `facts`, else empty."""
        overrode = [Deed("overrode", by, at, override, tuple(facts))] if override and facts else []
        noted = () if overrode else tuple(facts)
        return replace(self, deeds=(*self.deeds, *overrode, Deed("closed", by, at, about=noted)))


UNSIGNED = Signatures()
"""An open period, for which nobody answers yet."""


async def signatures_of(
    periods: Periods, catalogues: Catalogues, period: Month, version: Version, closer: str | None
) -> tuple[Signatures, list[str]]:
    """Who answers for closing a period now, and why that is not enough; `closer`: None for the timer."""
    deeds = await Deeds(periods.control, catalogues).to(period, version)
    if not needs_approval(version.terms.approvals, period):
        return Signatures(deeds=deeds), []
    known, _ = await periods.get(period)
    faults = list(closing_faults(known.approval, closer, doers(deeds), remedy=APPROVE.format(period)))
    if closer is not None and is_same_person(closer, TIMER):
        faults.append(f"{closer!r} is the name of the timer: close it by your own")
    approval = known.approval
    if approval is None or faults:
        return Signatures(deeds=deeds), faults
    signed = Deed("approved", approval.by, approval.at, approval.reason, (f"charges {approval.charges_sha256}",))
    return Signatures(approval, tuple(sorted([*deeds, signed], key=lambda deed: deed.at))), []


def lapse(closing: BillingPeriod, made: Manifest, by: str, now: datetime) -> BillingPeriod | None:
    """The period that is being closed with its approval gone, where that is not of what would be filed; else None."""
    if closing.approval is None:
        return None
    reason = stale_reason(closing.approval, charges_of(made), made.totals)
    return lapsed(closing, PeriodChange("approval lapsed", now, by, reason)) if reason else None
