"""Who pays: the tree of cost centres, and the ordered rules that lead from a line to one of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.lines import Line

UNALLOCATED = "unallocated"
"""The explicit remainder: what no rule claims. It is no path of the tree."""

VERIFIED = {
    "subscription": "subscription",
    "product": "product",
    "tenant": "tenant",
    "app": "app",
    "userObjectId": "user_object_id",
    "apimUser": "apim_user",
}
"""Fields of a rule that the gateway verified, with the line's name for each."""

CLAIMED = {"billingCode": "billing_code", "company": "company", "user": "user"}
"""Fields of a rule that a client merely claims."""

ENTITLING = ("subscription", "product")
"""A claimed field counts only beside one of these, because they say who may make the claim."""


@dataclass(frozen=True, slots=True)
class CostCentre:
    """One node of the tree; its parent is its path without the last component."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A line whose fields equal every value in `when` is paid by `cost_centre`."""

    id: str
    when: Mapping[str, str]
    cost_centre: str


class Allocation:
    """The tree and its rules, checked; the first rule that matches wins.

    Raises `InvalidConfig` with every fault at once, each beginning with its place.
    """

    def __init__(self, centres: tuple[CostCentre, ...], rules: tuple[Rule, ...]) -> None:
        faults = [*_tree_faults(centres), *_rule_faults(rules, {centre.path for centre in centres})]
        if faults:
            raise InvalidConfig(faults)
        self.centres = centres
        self.rules = rules
        self._tests = tuple((_tests(rule), (rule.cost_centre, rule.id)) for rule in rules)

    def cost_centre(self, line: Line) -> tuple[str, str]:
        """The path that pays for a line and the rule that says so; (`unallocated`, "") when none does."""
        for tests, result in self._tests:
            if all(line[index] == value for index, value in tests):
                return result
        return UNALLOCATED, ""


def _tests(rule: Rule) -> tuple[tuple[int, str], ...]:
    fields = VERIFIED | CLAIMED
    return tuple((Line._fields.index(fields[name]), value) for name, value in rule.when.items())


def _tree_faults(centres: tuple[CostCentre, ...]) -> Iterator[str]:
    paths: set[str] = set()
    for index, centre in enumerate(centres):
        place = f"costCentres[{index}].path"
        components = centre.path.split("/")
        if not all(component and component == component.strip() for component in components):
            yield f"{place}: {centre.path!r} has an empty or padded component"
        if components[0] == UNALLOCATED:
            yield f"{place}: {UNALLOCATED!r} is what no rule claims; choose another name"
        if centre.path in paths:
            yield f"{place}: {centre.path!r} is there twice"
        parent = "/".join(components[:-1])
        if parent and parent not in paths:
            yield f"{place}: its parent {parent!r} does not come before it"
        paths.add(centre.path)


def _rule_faults(rules: tuple[Rule, ...], paths: set[str]) -> Iterator[str]:
    for index, rule in enumerate(rules):
        place, earlier = f"rules[{index}]", rules[:index]
        if not rule.id or any(rule.id == other.id for other in earlier):
            yield f"{place}.id: {rule.id!r} is empty or taken"
        if rule.cost_centre not in paths:
            yield f"{place}.costCentre: {rule.cost_centre!r} is not under costCentres"
        yield from _condition_faults(place, rule.when)
        for other in earlier:
            if other.when and other.when.items() <= rule.when.items():
                yield f"{place}: never reached, because rule {other.id!r} matches first"
                break


def _condition_faults(place: str, when: Mapping[str, str]) -> Iterator[str]:
    if not when:
        yield f"{place}.when: names no field, so it would match every call"
    for name, value in when.items():
        if name not in VERIFIED and name not in CLAIMED:
            yield f"{place}.when.{name}: no such field; there are {', '.join([*VERIFIED, *CLAIMED])}"
        elif not value:
            yield f"{place}.when.{name}: an empty value would match calls that lack it"
    claimed = [name for name in when if name in CLAIMED]
    if claimed and not any(name in when for name in ENTITLING):
        yield (
            f"{place}.when: {', '.join(claimed)} is only claimed by the client; "
            "also name the subscription or product that may use it"
        )
