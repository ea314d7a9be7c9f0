"""Which billing periods close only with somebody's approval: a dated setting of the books."""

from collections.abc import Sequence
from dataclasses import dataclass

from chargeback.domain.time.months import Month


@dataclass(frozen=True, slots=True)
class ApprovalSetting:
    """Whether periods have to be approved from one on, until the next setting; before the first one they have not.

    Attributes:
        first_period: YYYY-MM.
    """

    first_period: Month
    is_required: bool


def needs_approval(settings: Sequence[ApprovalSetting], period: Month) -> bool:
    """Whether a period closes only with an approval; `settings` ascend."""
    held = [each.is_required for each in settings if each.first_period <= period]
    return bool(held) and held[-1]
