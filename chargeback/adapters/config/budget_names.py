"""Checks what budgets.yaml names against the other files: whose usage, and what is called in place of what.

These checks hold for files alone: prices and deployments change, and what is stored has to stay readable.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain, product
from pathlib import Path
from typing import Any

from chargeback.adapters.config.budgets import FILE, budgets
from chargeback.adapters.config.catalogue import with_line
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.gateway import KnownGateway, KnownProduct, known_gateway
from chargeback.adapters.config.gateway_tables import processes_at_home
from chargeback.adapters.config.models import load_models
from chargeback.adapters.config.yaml_files import read
from chargeback.domain.budgets.budget import Budget, Scope, ScopeKind
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.deployments.deployment import Deployment
from chargeback.domain.deployments.models import Models
from chargeback.domain.deployments.served_model import base_model, without_snapshot
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.states import LineState
from chargeback.domain.usage.tiers import DEFAULT_TIER

SWAPPED = frozenset({"chat.completions", "responses"})
"""The operations whose calls may be answered by another deployment."""

_DEPLOYMENTS = "deployments.yaml"
_COMPARED = (Meter.INPUT, Meter.CACHED_INPUT, Meter.OUTPUT)
_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_APP = re.compile(f"{_ID}/{_ID}", re.A)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the other files say.

    Attributes:
        groups: deployments that may answer in each other's place.
        moment: at which prices are compared.
    """

    catalogue: Catalogue
    gateway: KnownGateway
    models: Models
    groups: Sequence[frozenset[str]]
    moment: datetime

    def deployments(self, name: str) -> list[Deployment]:
        """The deployments of a name in every account."""
        found = (names.get(name.casefold()) for names in self.catalogue.deployments.values())
        return [each for each in found if each is not None]

    def operations(self, name: str) -> frozenset[str]:
        """What calls a deployment is for, as far as that is known."""
        known = (self.models.find(each.model, each.version) for each in self.deployments(name))
        return frozenset(chain.from_iterable(each.operations for each in known if each)) or SWAPPED


def budget_name_faults(folder: Path, catalogue: Catalogue, now: datetime) -> list[str]:
    """What budgets name that is not there or must not be, and groups that cannot be kept, with file and line.

    A folder without gateway.yaml is a catalogue for the books alone.
    """
    gateway = known_gateway(folder)
    if gateway is None:
        return []
    known, faults = _known(folder, gateway, catalogue, now)
    faults += [fault for number, group in enumerate(known.groups) for fault in _group_faults(number, group, known)]
    found = [with_line(folder, f"{_DEPLOYMENTS}: {fault}") for fault in faults]
    if path_of(folder, FILE).exists():
        found += [with_line(folder, fault) for fault in _own_faults(path_of(folder, FILE), known)]
    return found


def proposed_name_faults(file: Path, folder: Path, catalogue: Catalogue, now: datetime) -> list[str]:
    """What the budgets of a sound file name that the folder does not have or that must not be, without lines."""
    gateway = known_gateway(folder)
    return [] if gateway is None else list(_own_faults(file, _known(folder, gateway, catalogue, now)[0]))


def unknown_names(placed: Iterable[tuple[str, Budget]], folder: Path, catalogue: Catalogue, now: datetime) -> list[str]:
    """What budgets, which come with their places, name that the folder does not have or that must not be."""
    gateway = known_gateway(folder)
    return [] if gateway is None else list(_faults_of(placed, _known(folder, gateway, catalogue, now)[0]))


def _known(folder: Path, gateway: KnownGateway, catalogue: Catalogue, now: datetime) -> tuple[_Known, list[str]]:
    """What the files of a folder say, and why its groups cannot be read."""
    groups, faults = _groups(read(path_of(folder, _DEPLOYMENTS)))
    return _Known(catalogue, gateway, load_models(folder), groups, now), faults


def _own_faults(file: Path, known: _Known) -> Iterator[str]:
    """What is wrong with the names in the budgets of a file, as `budgets.yaml: place: reason`."""
    placed = budgets(read(file), known.catalogue.calendar, [], thorough=True)
    yield from (f"{FILE}: {fault}" for fault in _faults_of(placed, known))


def _faults_of(placed: Iterable[tuple[str, Budget]], known: _Known) -> Iterator[str]:
    for place, budget in placed:
        own = (*_scope_faults(budget.scope, known), *_swap_faults(budget, known))
        yield from (f"{place}.{fault}" for fault in own)


def _groups(document: Mapping[str, Any]) -> tuple[list[frozenset[str]], list[str]]:
    said = document.get("interchangeable") or []
    if not isinstance(said, list) or not all(isinstance(group, list) for group in said):
        return [], ["interchangeable: expected a list of lists with the names of deployments"]
    return [frozenset(map(str, group)) for group in said], []


def _group_faults(number: int, group: frozenset[str], known: _Known) -> Iterator[str]:
    place = f"interchangeable[{number}]"
    if len(group) < 2:
        yield f"{place}: names fewer than two deployments"
    for name in sorted(group):
        if not known.deployments(name):
            yield f"{place}: no account has a deployment {name!r}"
        elif not known.operations(name) & SWAPPED:
            yield f"{place}: {name!r} serves neither chat nor Responses"
    if len({known.operations(name) & SWAPPED for name in group if known.deployments(name)}) > 1:
        yield f"{place}: they do not serve the same of {' and '.join(sorted(SWAPPED))}"


def _scope_faults(scope: Scope, known: _Known) -> Iterator[str]:
    name = scope.value
    if scope.kind is ScopeKind.SUBSCRIPTION and name not in known.gateway.subscriptions:
        yield f"subscription: {name!r} is not among the subscriptions of gateway.yaml"
    if scope.kind is ScopeKind.PRODUCT and name not in known.gateway.products:
        yield f"product: {name!r} is not among the products of gateway.yaml"
    if scope.kind is ScopeKind.APP and not _APP.fullmatch(name):
        yield f"app: {name!r} is not the id of a tenant, a slash and the id of an application, both in lower case"
    if scope.kind is ScopeKind.USER and not name.isprintable():
        yield f"user: {name!r} has a character that cannot be printed"
    if scope.kind is ScopeKind.MODEL:
        yield from _model_faults(name, known.catalogue)


def _model_faults(name: str, catalogue: Catalogue) -> Iterator[str]:
    plain = without_snapshot(base_model(name))
    deployed = (each.model for names in catalogue.deployments.values() for each in names.values())
    if plain != name:
        yield f"model: write {plain!r}: a budget covers every version of a model"
    elif name not in {*(key.model for key in catalogue.prices), *map(str.casefold, deployed)}:
        yield f"model: {name!r} has no price and no deployment"


def _swap_faults(budget: Budget, known: _Known) -> Iterator[str]:
    callers = _callers(budget.scope, known.gateway)
    for number, step in enumerate(budget.steps):
        for asked, other in step.fallback.items():
            place = f"steps[{number}].swap"
            faults = list(_names_faults(asked, other, callers, known))
            for name in () if faults else sorted(_targets(asked, callers)):
                faults += _pair_faults(name, other, known)
                reaching = [caller for caller in callers if name in _targets(asked, [caller])]
                faults += [fault for caller in reaching for fault in _caller_faults(name, other, caller, known)]
            yield from (f"{place}: {fault}" for fault in dict.fromkeys(faults))


def _callers(scope: Scope, gateway: KnownGateway) -> list[KnownProduct]:
    """The products whose calls a budget may touch."""
    if scope.kind is ScopeKind.PRODUCT:
        names = {scope.value}
    elif scope.kind is ScopeKind.SUBSCRIPTION:
        names = {gateway.subscriptions.get(scope.value, "")}
    else:
        names = {*gateway.products}
    return [each for name, each in gateway.products.items() if name in names]


def _targets(asked: str, callers: Sequence[KnownProduct]) -> set[str]:
    """The deployments that a name stands for: itself, or those of an alias."""
    aliased = {target for caller in callers for target in caller.aliases.get(asked, {}).values()}
    return aliased or {asked}


def _names_faults(asked: str, other: str, callers: Sequence[KnownProduct], known: _Known) -> Iterator[str]:
    missing = [name for name in sorted(_targets(asked, callers)) if not known.deployments(name)]
    yield from (f"there is no deployment or alias {name!r}" for name in missing)
    if not known.deployments(other):
        yield f"no account has a deployment {other!r}"


def _pair_faults(asked: str, other: str, known: _Known) -> Iterator[str]:
    """What is wrong whoever calls."""
    if asked == other:
        yield f"{asked!r} is called anyway"
        return
    if not any({asked, other} <= group for group in known.groups):
        yield f"{asked!r} and {other!r} are in no group of `interchangeable` in deployments.yaml"
    homes = known.gateway.homes
    there = {homes.get(each.region, "") for each in known.deployments(asked)}
    for geography in sorted(there - {homes.get(each.region, "") for each in known.deployments(other)}):
        yield f"{other!r} is not deployed in {geography!r}, where {asked!r} is"
    yield from _price_faults(asked, other, known)


def _caller_faults(asked: str, other: str, caller: KnownProduct, known: _Known) -> Iterator[str]:
    """What is wrong for the calls of a product, where it may call what is asked for."""
    names = {asked, *(alias for alias, targets in caller.aliases.items() if asked in targets.values())}
    may_call = caller.models is None or names & {*caller.models}
    if not may_call or not _serves(asked, caller, known):
        return
    if not _serves(other, caller, known):
        yield f"{other!r} is not processed in {caller.residency!r} alone, as the product {caller.id!r} requires"
    if caller.models is not None and other not in caller.models:
        yield f"the product {caller.id!r} may not use {other!r}"


def _serves(name: str, caller: KnownProduct, known: _Known) -> bool:
    """Whether calls for a deployment stay where a product's calls must."""
    return caller.residency is None or any(
        known.gateway.homes.get(each.region) == caller.residency and processes_at_home(each.type)
        for each in known.deployments(name)
    )


def _price_faults(asked: str, other: str, known: _Known) -> Iterator[str]:
    """Compares in each account that has both."""
    at = {each.account: each for each in known.deployments(asked)}
    pairs = ((at[instead.account], instead) for instead in known.deployments(other) if instead.account in at)
    for (first, instead), meter in product(pairs, _COMPARED):
        before, after = _price(first, meter, known), _price(instead, meter, known)
        if after is None and not (before is None and meter is Meter.CACHED_INPUT):
            yield f"{other!r} has no price for {meter} in {instead.account!r}"
        elif before is not None and after is not None and after > before:
            yield f"{other!r} is dearer than {asked!r}: {meter} in {instead.account!r} cost {after}, not {before}"


def _price(deployment: Deployment, meter: Meter, known: _Known) -> Decimal | None:
    tier = deployment.service_tier or DEFAULT_TIER
    of_call = ("chat.completions", "azure-openai", "", deployment.name, deployment.account, tier, "", LineState.EXACT)
    line = Line("", "", "", "", "", "", "", "", "", *of_call)
    found = known.catalogue.find_price(line, meter, known.moment)
    return found.per_million if found else None
