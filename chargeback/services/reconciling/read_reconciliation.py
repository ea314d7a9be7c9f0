"""Reads what the last comparison of a period with its invoice found, and the true-up that was set after it."""

from dataclasses import dataclass

import msgspec

from chargeback.domain.reports.layout import reconciliation_path
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control
from chargeback.services.ports.reports import Reports
from chargeback.services.reconciling.reconciled_documents import Compared, Comparisons
from chargeback.services.reconciling.reconciliation_summary import ReconciliationSummary
from chargeback.services.reconciling.true_up_documents import TrueUp, TrueUps


@dataclass(frozen=True, slots=True)
class LastComparison:
    """The last comparison.

    Attributes:
        details: the report of the same run; None where it is not there any more, or of another run.
        true_up: also one that was taken back; None where there never was one.
    """

    compared: Compared
    details: ReconciliationSummary | None
    true_up: TrueUp | None


async def last_comparison(control: Control, reports: Reports, period: Month) -> LastComparison | None:
    """None where the period was never compared."""
    compared = (await Comparisons(control).all()).get(period)
    if compared is None:
        return None
    true_up, _ = await TrueUps(control).get(period)
    return LastComparison(compared, await _details(reports, period, compared.run), true_up)


async def _details(reports: Reports, period: Month, run: str) -> ReconciliationSummary | None:
    path = reconciliation_path(period, "json")
    if path not in await reports.paths(path):
        return None
    content = b"".join([piece async for piece in reports.read(path)])
    try:
        found = msgspec.json.decode(content, type=ReconciliationSummary)
    except msgspec.MsgspecError:  # of another version of the product: the figures are known all the same
        return None
    return found if found.invoice.run == run else None
