"""Which cost centre pays for a line at an hour: the tree of cost centres, and ordered rules with effective times."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.cost_centres.tree import UNALLOCATED, parent_of
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.effective import ALWAYS, Effective, edges
from chargeback.domain.usage.lines import Line

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
"""A rule with a claimed field needs one of these as well, because they say who may make the claim."""


@dataclass(frozen=True, slots=True)
class CostCentre:
    """One node of the tree; its parent is its path without the last component.

    A centre that was given up stays in the tree with an end to its time, so that its past keeps its name.

    Attributes:
        successor: path of who pays, after that end, for corrections of its past; empty: the centre itself.
    """

    path: str
    name: str
    effective: Effective = ALWAYS
    successor: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A line whose fields equal every value in `when` is paid by `cost_centre` while the rule is effective."""

    id: str
    when: Mapping[str, str]
    cost_centre: str
    effective: Effective = ALWAYS


class RulesInForce:
    """The rules that are effective together for some time; the first one that matches wins."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        """In their order."""
        self._tests = tuple((_tests(rule), (rule.cost_centre, rule.id)) for rule in self.rules)

    def cost_centre(self, line: Line) -> tuple[str, str]:
        """The path that pays for a line and the rule that says so; (`unallocated`, "") when none does."""
        for tests, result in self._tests:
            for index, value in tests:  # `all` of a generator takes three times as long, for every line and event
                if line[index] != value:
                    break
            else:
                return result
        return UNALLOCATED, ""


class Allocation:
    """The tree and its rules over time, checked.

    Raises `InvalidConfig` with every fault at once, each beginning with its place.
    """

    def __init__(self, centres: tuple[CostCentre, ...], rules: tuple[Rule, ...]) -> None:
        times = {centre.path: centre.effective for centre in centres}
        faults = [*_tree_faults(centres, times), *_rule_faults(rules, times)]
        if faults:
            raise InvalidConfig(faults)
        self.centres = centres
        self.rules = rules
        self._edges = edges(rule.effective for rule in rules)
        starts = [ALWAYS.first, *self._edges]
        self._in_force = [RulesInForce(rule for rule in rules if rule.effective.holds(start)) for start in starts]

    def at(self, moment: datetime) -> RulesInForce:
        """The rules in force; the same object for as long as they are the same."""
        return self._in_force[bisect_right(self._edges, moment)]

    def cost_centre(self, line: Line, moment: datetime) -> tuple[str, str]:
        """The path that pays for a line's usage of a moment and the rule that says so."""
        return self.at(moment).cost_centre(line)

    def successors(self, moment: datetime) -> dict[str, str]:
        """Each cost centre that has ended by a moment and has a successor → the one that pays then in its place."""
        ended = {
            centre.path: centre.successor
            for centre in self.centres
            if centre.successor and centre.effective.after <= moment
        }
        found = dict(ended)
        for path, successor in ended.items():
            while successor in ended:
                successor = ended[successor]
            found[path] = successor
        return found


def _tests(rule: Rule) -> tuple[tuple[int, str], ...]:
    fields = VERIFIED | CLAIMED
    return tuple((Line._fields.index(fields[name]), value) for name, value in rule.when.items())


def _tree_faults(centres: tuple[CostCentre, ...], times: Mapping[str, Effective]) -> Iterator[str]:
    paths: set[str] = set()
    for index, centre in enumerate(centres):
        place = f"costCentres[{index}]"
        components = centre.path.split("/")
        if not all(component and component == component.strip() for component in components):
            yield f"{place}.path: {centre.path!r} has an empty or padded component"
        if components[0] == UNALLOCATED:
            yield f"{place}.path: {UNALLOCATED!r} stands for usage that no rule matches; choose another name"
        if centre.path in paths:
            yield f"{place}.path: {centre.path!r} is there twice"
        parent = parent_of(centre.path)
        if parent and parent not in paths:
            yield f"{place}.path: its parent {parent!r} does not come before it"
        yield from (f"{place}.{fault}" for fault in centre.effective.faults())
        yield from (f"{place}.successor: {fault}" for fault in _successor_faults(centre, times))
        if parent in paths and not centre.effective.is_within(times[parent]):
            yield f"{place}: is effective {centre.effective}, but its parent {parent!r} {times[parent]}"
        paths.add(centre.path)


def _successor_faults(centre: CostCentre, times: Mapping[str, Effective]) -> Iterator[str]:
    if not centre.successor:
        return
    if centre.successor not in times:
        yield f"{centre.successor!r} is not under costCentres"
    elif centre.effective.end is None:
        yield f"{centre.path!r} has no effectiveTo, so nobody follows it"
    elif not times[centre.successor].after > centre.effective.after:  # so no chain of them comes back
        yield f"{centre.successor!r} does not last longer than {centre.path!r}"


def _rule_faults(rules: tuple[Rule, ...], times: Mapping[str, Effective]) -> Iterator[str]:
    for index, rule in enumerate(rules):
        place, earlier = f"rules[{index}]", rules[:index]
        if not rule.id or any(rule.id == other.id for other in earlier):
            yield f"{place}.id: {rule.id!r} is empty or taken"
        if rule.cost_centre not in times:
            yield f"{place}.costCentre: {rule.cost_centre!r} is not under costCentres"
        elif not rule.effective.is_within(times[rule.cost_centre]):
            time = times[rule.cost_centre]
            yield f"{place}.costCentre: {rule.cost_centre!r} is effective {time}, but the rule {rule.effective}"
        yield from (f"{place}.{fault}" for fault in rule.effective.faults())
        yield from _condition_faults(place, rule.when)
        before = [other for other in earlier if other.when and other.when.items() <= rule.when.items()]
        if before and rule.effective.is_covered_by(other.effective for other in before):
            names = " or ".join(repr(other.id) for other in before if other.effective.overlaps(rule.effective))
            yield f"{place}: never reached, because rule {names} matches first"


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
