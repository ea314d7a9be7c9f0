"""Reads cost-centres.yaml: the tree of cost centres and the allocation rules, each with its effective time."""

import re
import unicodedata
from collections.abc import Iterator

from chargeback.adapters.config.entries import Record, Sections, each, sections
from chargeback.adapters.config.times import effective
from chargeback.domain.cost_centres.rules import Allocation, CostCentre, Rule
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.calendar import Calendar

_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks by their category that show nothing."""


class _CostCentre(Record, frozen=True):
    path: str
    name: str
    effective_from: str | None = None
    effective_to: str | None = None
    successor: str = ""


class _Rule(Record, frozen=True):
    id: str
    when: dict[str, str]
    cost_centre: str
    effective_from: str | None = None
    effective_to: str | None = None


SECTIONS = Sections({"costCentres": list[_CostCentre], "rules": list[_Rule]})


def allocation(document: object, calendar: Calendar, faults: list[str], *, thorough: bool = False) -> Allocation:
    """Cost centres and rules; what is wrong is appended to `faults`.

    `thorough` adds the checks of names that only files must pass.
    """
    top = sections(document, SECTIONS, faults)
    centres = tuple(
        CostCentre(
            one.path,
            one.name,
            effective(one, calendar, place, faults),
            one.successor,
        )
        for place, one in each(top["costCentres"], _CostCentre, "costCentres", faults)
    )
    rules = tuple(
        Rule(one.id, one.when, one.cost_centre, effective(one, calendar, place, faults))
        for place, one in each(top["rules"], _Rule, "rules", faults)
    )
    if thorough:
        for number, centre in enumerate(centres):
            faults.extend(f"costCentres[{number}].{fault}" for fault in _name_faults(centre))
        for number, rule in enumerate(rules):
            faults.extend(f"rules[{number}].{fault}" for fault in _rule_faults(rule))
    if not faults:  # else the places would not be those of the file
        try:
            return Allocation(centres, rules)
        except InvalidConfig as error:
            faults.extend(error.faults)
    return Allocation((), ())


def _name_faults(centre: CostCentre) -> Iterator[str]:
    if not all(map(_is_component, centre.path.split("/"))):
        yield (
            f"path: {centre.path!r} has a component that is not made of letters, digits, `_`, `.` and `-`, composed"
            " (Unicode NFC): blanks and characters that nobody sees make two names look like one"
        )
    if not centre.name.isprintable():
        yield f"name: {centre.name!r} has a character that cannot be printed"


def _rule_faults(rule: Rule) -> Iterator[str]:
    for place, text in (("id", rule.id), *((f"when.{field}", value) for field, value in rule.when.items())):
        if not text.isprintable():
            yield f"{place}: {text!r} has a character that cannot be printed, so no call would match it"


def _is_component(text: str) -> bool:
    """Whether a string can be a component: letters of any script with their marks, but nothing invisible."""
    is_word = all(each.isalnum() or each in "_.-" or unicodedata.category(each) in ("Mn", "Mc") for each in text)
    return is_word and not _INVISIBLE.search(text) and unicodedata.is_normalized("NFC", text)
