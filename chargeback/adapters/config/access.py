"""Reads config/company/access.yaml: which groups and people own which cost centre."""

import re
from collections.abc import Iterator

from chargeback.adapters.config.entries import Record, Sections, each, sections
from chargeback.domain.access.owners import CentreOwners, Ownership
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.cost_centres.tree import UNALLOCATED

_OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.A)
_SIGN_IN_NAME = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


class _Owner(Record, frozen=True):
    cost_centre: str
    groups: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


SECTIONS = Sections({"owners": list[_Owner]})


def ownership(document: object, allocation: Allocation, faults: list[str], *, thorough: bool = False) -> Ownership:
    """Who owns which cost centre; nobody any without a document. What is wrong is appended to `faults`.

    `thorough` adds the checks that only files must pass: what is stored was in force and has to stay readable.
    """
    if document is None:
        return Ownership()
    top = sections(document, SECTIONS, faults)
    stated = list(each(top["owners"] or [], _Owner, "owners", faults))
    for place, one in stated:
        faults.extend(f"{place}.{fault}" for fault in _faults(one))
    if thorough:
        faults.extend(_centre_faults(stated, {centre.path for centre in allocation.centres} | {UNALLOCATED}))
    return Ownership(tuple(CentreOwners(one.cost_centre, _lower(one.groups), _lower(one.people)) for _, one in stated))


def notes_on_access(found: Ownership) -> Iterator[str]:
    """The owners by sign-in name: whoever gets the name later gets the cost centre with it."""
    for one in found.centres:
        for name in sorted(one.people):
            if not _OBJECT_ID.fullmatch(name):
                yield (
                    f"owners of {one.cost_centre!r}: {name} is a sign-in name, which may be given to somebody else one"
                    f" day: name the object id instead (az ad user show --id {name} --query id)"
                )


def _lower(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.casefold() for name in names)


def _faults(one: _Owner) -> Iterator[str]:
    if not one.groups and not one.people:
        yield "groups: names none, and people neither"
    for index, name in enumerate(one.groups):
        if not _OBJECT_ID.fullmatch(name.casefold()):
            yield f"groups[{index}]: {name!r} is not the object id of a group"
    for index, name in enumerate(one.people):
        if not _OBJECT_ID.fullmatch(name.casefold()) and not _SIGN_IN_NAME.fullmatch(name):
            yield f"people[{index}]: {name!r} is neither an object id nor a sign-in name such as ann@example.com"
    for section, names in (("groups", one.groups), ("people", one.people)):
        if len(_lower(names)) < len(names):
            yield f"{section}: names somebody twice"


def _centre_faults(stated: list[tuple[str, _Owner]], known: set[str]) -> Iterator[str]:
    seen: set[str] = set()
    for place, one in stated:
        if one.cost_centre not in known:
            yield f"{place}.costCentre: {one.cost_centre!r} is not in cost-centres.yaml"
        if one.cost_centre in seen:
            yield f"{place}.costCentre: {one.cost_centre!r} is there twice"
        seen.add(one.cost_centre)
