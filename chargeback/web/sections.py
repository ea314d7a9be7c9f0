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


OVERVIEW = Section("/overview", "Overview", _sees_costs)
EXPLORE = Section("/explore", "Explore", _sees_costs)
BUDGETS = Section("/budgets", "Budgets", _sees_cost_centres)
MONTHS = Section("/months", "Months", _sees_costs)
APPLICATIONS = Section("/applications", "Applications", _sees_costs)
ALERTS = Section("/alerts", "Alerts", _sees_cost_centres)
LOG = Section("/log", "Log", _sees_log)
MY_USAGE = Section("/my-usage", "My usage", _anybody)

SECTIONS = (OVERVIEW, EXPLORE, BUDGETS, MONTHS, APPLICATIONS, ALERTS, LOG, MY_USAGE)


def first_section(who: Requester) -> Section:
    """Where somebody begins."""
    return next(each for each in SECTIONS if each.is_seen_by(who))
