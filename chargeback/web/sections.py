"""Which sections the pages have, and who sees which."""

from collections.abc import Callable
from dataclasses import dataclass

from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.access.requester import Requester


def _sees_costs(who: Requester) -> bool:
    return refusal(who, Permission.READ_COSTS) is None


def _sees_cost_centres(who: Requester) -> bool:
    """Budgets, forecasts and alerts are about cost centres: whoever sees only own calls has none of them."""
    return _sees_costs(who) and (who.scope.everything or bool(who.scope.cost_centres))


def _sees_log(who: Requester) -> bool:
    return any(refusal(who, each) is None for each in (Permission.READ_AUDIT_LOG, Permission.READ_SET_ASIDE))


def _anybody(_: Requester) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its path, its name, and whether somebody sees it."""

    path: str
    name: str
    is_seen_by: Callable[[Requester], bool]


OVERVIEW_SECTION = Section("/overview", "Overview", _sees_costs)
EXPLORE_SECTION = Section("/explore", "Explore", _sees_costs)
BUDGETS_SECTION = Section("/budgets", "Budgets", _sees_cost_centres)
MONTHS_SECTION = Section("/months", "Months", _sees_costs)
APPLICATIONS_SECTION = Section("/applications", "Applications", _sees_costs)
ALERTS_SECTION = Section("/alerts", "Alerts", _sees_cost_centres)
LOG_SECTION = Section("/log", "Log", _sees_log)
MY_USAGE_SECTION = Section("/my-usage", "My usage", _anybody)

PAGE_SECTIONS = (
    OVERVIEW_SECTION,
    EXPLORE_SECTION,
    BUDGETS_SECTION,
    MONTHS_SECTION,
    APPLICATIONS_SECTION,
    ALERTS_SECTION,
    LOG_SECTION,
    MY_USAGE_SECTION,
)


def first_section(who: Requester) -> Section:
    """Where somebody begins."""
    return next(each for each in PAGE_SECTIONS if each.is_seen_by(who))
