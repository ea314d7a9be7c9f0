"""Publishes a period: gathers its configuration, what was billed and what changed since, then writes its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from chargeback.domain.catalogue.payers import Payers
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.reports.evidence import CorrectedMonth
from chargeback.domain.reports.layout import charges_path
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.terms.shared_costs import SharedCost
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.months import Month
from chargeback.services.closing.approve_period import UNSIGNED, Signatures
from chargeback.services.closing.late_changes import LateChange
from chargeback.services.closing.lineage import lineage_of
from chargeback.services.evidence.evidence_files import EvidenceFiles
from chargeback.services.evidence.write_evidence import ClosingBasis, EvidenceWriter
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import Catalogues, Control, Version
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.period_inputs import ClosedPeriod, PeriodInputs, Stored
from chargeback.services.publishing.publish import Writers, publish
from chargeback.services.publishing.staging import BookedDays
from chargeback.services.reconciling.check_invoice import check_invoice
from chargeback.services.reconciling.true_up import true_up_costs
from chargeback.services.running.progress import Progress
from chargeback.services.running.set_aside import SetAside, Stage


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes periods; see `close_period.Publish`.

    Attributes:
        days: the days of the books, settled or not.
        drafts: the files of open periods.
        closed: the files of closed ones.
        decimals: places of the printed costs.
        writers: write further files from the rows.
        keeps_evidence: whether the final files come with their evidence.
    """

    days: BookedDays
    control: Control
    catalogues: Catalogues
    periods: PeriodDocuments
    drafts: Reports
    closed: Reports
    decimals: int
    writers: Writers = ()
    keeps_evidence: bool = False

    async def __call__(
        self,
        period: Month,
        into: Reports,
        version: Version,
        late: Sequence[LateChange],
        progress: Progress,
        *,
        is_closed: bool,
        signatures: Signatures = UNSIGNED,
    ) -> Manifest:
        """Write the files of a period; the manifest appears last."""
        inputs = await self.inputs(period, version, late, is_closed=is_closed, signatures=signatures)
        left_out: dict[str, str] = {}
        witness = self._witness(inputs, into, version, late, signatures) if is_closed and self.keeps_evidence else None
        manifest = await publish(
            inputs,
            witness.recorded(self.days) if witness else self.days,
            into,
            writers=self.writers,
            witness=witness,
            progress=progress,
            left_out=left_out,
        )
        # A closing looks at what is set aside before it concludes.
        await SetAside(self.control).note(Stage.PUBLISH, period, left_out)
        return manifest

    async def inputs(
        self,
        period: Month,
        version: Version,
        late: Sequence[LateChange],
        *,
        is_closed: bool,
        signatures: Signatures = UNSIGNED,
    ) -> PeriodInputs:
        """All that decides the files of a period in addition to the books."""
        before, _ = await self.periods.get(previous_period(period))
        successors = version.catalogue.allocation.successors(version.catalogue.calendar.bounds(period)[0])
        return PeriodInputs(
            period=period,
            catalogue=version.catalogue,
            past=await self._past(version.terms, period),
            terms=version.terms.with_shared_costs(
                await true_up_costs(self.control, period, version.terms, version.catalogue.calendar)
            ),
            decimals=self.decimals,
            is_closed=is_closed,
            previous=await self._previous(before, only_closed=is_closed),
            previous_manifest=before.manifest,
            successors=successors,
            corrected=[await self._corrected(each, version, successors) for each in late],
            lineage=await lineage_of(self.control, version.catalogue.calendar.utc_days(period)),
            approved_by=signatures.approved_by,
            deeds=signatures.deeds,
            invoice=await check_invoice(self.control, period, version.terms.reconciliation),
        )

    def _witness(
        self,
        inputs: PeriodInputs,
        into: Reports,
        version: Version,
        late: Sequence[LateChange],
        signatures: Signatures,
    ) -> EvidenceWriter:
        approval = msgspec.to_builtins(signatures.approval) if signatures.approval else None
        corrected = [CorrectedMonth(each.period, each.days, list(each.billed), each.true_up) for each in late]
        basis = ClosingBasis(version.name, corrected, approval)
        return EvidenceWriter(inputs, basis, self.control, self.drafts, EvidenceFiles(into))

    async def _previous(self, before: BillingPeriod, *, only_closed: bool) -> Stored | None:
        path = charges_path(before.month)
        if before.state is PeriodState.CLOSED:
            return Stored(self.closed, path)
        # A final file must not depend on what a draft said some day.
        if not only_closed and path in await self.drafts.paths(path):
            return Stored(self.drafts, path)
        return None

    async def _past(self, terms: Terms, period: Month) -> dict[Month, list[Stored]]:
        """Closed period that a cost of this one belongs to → the files with everything that was billed for it."""
        wanted = {cost.corrects for cost in terms.shared_costs if cost.corrects and cost.period == period}
        names = [each.month for each in await self.periods.closed()] if wanted else []
        return {
            of: [Stored(self.closed, charges_path(each)) for each in names if each >= of] for of in wanted & {*names}
        }

    async def _corrected(self, late: LateChange, version: Version, successors: Mapping[str, str]) -> ClosedPeriod:
        """For a period before the books nothing was billed; the first closed file then stands for an empty one."""
        known, _ = await self.periods.get(late.period)
        shared: tuple[SharedCost, ...] = ()
        payers = Payers()
        if known.version:
            frozen = await self.catalogues.stored_version(known.version)
            catalogue, terms = frozen.catalogue, frozen.terms
            # What was shared is what was charged then, whatever a later configuration says.
            billed_with = await self.catalogues.stored_version(known.closed_with)
            trued_up = await true_up_costs(self.control, late.period, billed_with.terms, catalogue.calendar)
            shared = *billed_with.terms.shared_costs, *trued_up
            payers = billed_with.catalogue.payers
        else:
            catalogue, terms = version.catalogue, version.terms.reaching_back_to(late.period)
        billed = [Stored(self.closed, charges_path(name)) for name in late.billed]
        return ClosedPeriod(
            late.period, catalogue, terms, sorted(late.days), billed[0], tuple(billed[1:]), shared, payers, successors
        )
