"""Tells which closed periods the files of a period correct, and who did what to these since."""

from collections.abc import Sequence
from dataclasses import dataclass

from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.manifest import CorrectionCost, Deed, Manifest
from chargeback.domain.reports.standing import PeriodStanding
from chargeback.domain.time.months import Month
from chargeback.services.closing.deeds_of_period import Deeds
from chargeback.services.closing.file_period import draft_manifest, manifest_of
from chargeback.services.periods.periods import Periods
from chargeback.services.ports.control import Catalogues
from chargeback.services.ports.reports import Reports


@dataclass(frozen=True, slots=True)
class ExplainedCorrection:
    """What a period has of a closed one, and why."""

    cost: CorrectionCost
    causes: Sequence[Deed]


@dataclass(frozen=True, slots=True)
class MonthCorrections:
    """Reads the manifests of periods: what they say is what the files say."""

    periods: Periods
    catalogues: Catalogues
    drafts: Reports
    closed: Reports

    async def of(self, period: Month) -> list[ExplainedCorrection]:
        """The corrections in a period; empty where it was never published."""
        known, _ = await self.periods.get(period)
        is_final = known.state is PeriodState.CLOSED and known.is_filed
        made = await manifest_of(known, self.closed) if is_final else await draft_manifest(period, self.drafts)
        if made is None or not made.corrections:
            return []
        standing = PeriodStanding(deeds=await self._deeds(period, made))
        return [ExplainedCorrection(each, standing.behind(each.period)) for each in made.corrections]

    async def _deeds(self, period: Month, made: Manifest) -> Sequence[Deed]:
        """Those of a closed period are in its manifest; those of a draft are what they are now."""
        if made.state == PeriodState.CLOSED:
            return made.deeds
        return await Deeds(self.periods.control, self.catalogues).to(period, await self.catalogues.version())
