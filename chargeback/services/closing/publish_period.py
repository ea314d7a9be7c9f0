"""Publishes a period: gathers its configuration, what was billed and what changed since, then writes its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chargeback.domain.catalogue.payers import Payers
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.reports.layout import charges_path
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.terms.shared_costs import SharedCost
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.closing.late_changes import LateChange
from chargeback.services.periods.periods import Periods
from chargeback.services.ports.books import Books
from chargeback.services.ports.control import Catalogues, Control, Version
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.period_inputs import ClosedPeriod, PeriodInputs, Stored
from chargeback.services.publishing.publish import Writer, publish
from chargeback.services.reconciling.true_up import true_up_costs
from chargeback.services.running.progress import Progress
from chargeback.services.running.set_aside import SetAside, Stage
from chargeback.services.usage.audit_results import AuditResults

_LINEAGE = ("events", "calls", "duplicates", "unreadable")


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes periods; see `close_period.Publish`.

    Attributes:
        drafts: the files of open periods.
        closed: the files of closed ones.
        decimals: places of the printed costs.
        writers: write further files from the rows.
    """

    books: Books
    control: Control
    catalogues: Catalogues
    periods: Periods
    drafts: Reports
    closed: Reports
    decimals: int
    writers: Sequence[Writer] = ()
    disk_limit_mb: int | None = None

    async def __call__(
        self,
        period: Month,
        into: Reports,
        version: Version,
        late: Sequence[LateChange],
        progress: Progress,
        *,
        is_closed: bool,
    ) -> Manifest:
        """Write the files of a period; the manifest appears last."""
        before, _ = await self.periods.get(previous_period(period))
        successors = version.catalogue.allocation.successors(version.catalogue.calendar.bounds(period)[0])
        inputs = PeriodInputs(
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
            lineage=await self._lineage(version.catalogue.calendar.utc_days(period)),
        )
        left_out: dict[str, str] = {}
        manifest = await publish(
            inputs,
            self.books,
            into,
            writers=self.writers,
            disk_limit_mb=self.disk_limit_mb,
            progress=progress,
            left_out=left_out,
        )
        # A closing looks at what is set aside before it concludes.
        await SetAside(self.control).note(Stage.PUBLISH, period, left_out)
        return manifest

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

    async def _lineage(self, days: Sequence[UtcDay]) -> dict[str, Any]:
        """What the last audit of each day read from the ledger."""
        audits = await AuditResults(self.control).all()
        return {day: {name: getattr(audits[day], name) for name in _LINEAGE} for day in days if day in audits}
