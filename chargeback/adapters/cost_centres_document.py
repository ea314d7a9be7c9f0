"""The cost centres as a document: the tree and the rules, each for its time."""

from chargeback.adapters.effective import effective
from chargeback.adapters.records import Record, each, sections
from chargeback.domain.allocation import Allocation, CostCentre, Rule
from chargeback.domain.calendar import Calendar
from chargeback.domain.errors import InvalidConfig


class _CostCentre(Record, frozen=True):
    path: str
    name: str
    effective_from: str | None = None
    effective_to: str | None = None


class _Rule(Record, frozen=True):
    id: str
    when: dict[str, str]
    cost_centre: str
    effective_from: str | None = None
    effective_to: str | None = None


def allocation(document: object, calendar: Calendar, faults: list[str]) -> Allocation:
    """Cost centres and rules; what is wrong is appended to `faults`."""
    top = sections(document, ("costCentres", "rules"), faults)
    centres = tuple(
        CostCentre(one.path, one.name, effective(one.effective_from, one.effective_to, calendar, place, faults))
        for place, one in each(top["costCentres"], _CostCentre, "costCentres", faults)
    )
    rules = tuple(
        Rule(
            one.id, one.when, one.cost_centre, effective(one.effective_from, one.effective_to, calendar, place, faults)
        )
        for place, one in each(top["rules"], _Rule, "rules", faults)
    )
    if not faults:  # else the places would not be those of the file
        try:
            return Allocation(centres, rules)
        except InvalidConfig as error:
            faults.extend(error.faults)
    return Allocation((), ())
