"""When each model retires, what replaces it, and in which regions it is offered; pure and without any library.

The hooks of the deployment read the models with it, too, where only PyYAML is installed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from chargeback.domain.errors import InvalidConfig

WARN_WITHIN = timedelta(days=90)
"""How long before a model retires everybody is told."""

LIFECYCLES = ("Preview", "GA", "Legacy", "Deprecated", "Retired")
CLOSED = frozenset({"deprecating", "deprecated", "retired"})
"""Stages in which a subscription without the model cannot get it; pages and the catalogue spell them differently."""

_TEXTS = ("model", "version", "family", "lifecycle")
_LISTS = ("operations", "meters", "tiers")
_KEYS = {*_TEXTS, *_LISTS, "retires", "offered"}


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a model.

    Attributes:
        retires: the day on which calls stop being answered.
        offered: regions by deployment type.
    """

    model: str
    version: str
    family: str
    lifecycle: str
    retires: date
    operations: tuple[str, ...]
    meters: tuple[str, ...]
    tiers: tuple[str, ...]
    offered: Mapping[str, frozenset[str]]

    def __str__(self) -> str:
        return f"{self.model} {self.version}"

    def is_offered(self, deployment_type: str, region: str) -> bool:
        """Whether the region has it as this type."""
        return region in self.offered.get(deployment_type, frozenset())

    def is_closed(self, today: date) -> bool:
        """Whether a new deployment of it is refused."""
        return self.lifecycle.casefold() in CLOSED or self.retires <= today

    def is_retiring(self, today: date, within: timedelta = WARN_WITHIN) -> bool:
        """Whether it retires soon, or has."""
        return self.retires - today <= within


@dataclass(frozen=True, slots=True)
class Models:
    """All models that are known."""

    all: tuple[Model, ...]

    def find(self, model: str, version: str) -> Model | None:
        """The version of a model, or None."""
        return next((each for each in self.all if (each.model, each.version) == (model, version)), None)

    def replacement(self, old: Model, deployment_type: str, region: str, today: date) -> Model | None:
        """The longest-lived model of the same family that can be had there and outlives the old one, or None."""
        choice = [
            each
            for each in self.all
            if each.family == old.family
            and each.retires > old.retires
            and each.is_offered(deployment_type, region)
            and not each.is_closed(today)
        ]
        return max(choice, key=lambda each: (each.retires, each.version), default=None)


@dataclass(frozen=True, slots=True)
class Retiring:
    """A deployment whose model retires soon, and what to take instead; None where nothing of its family is offered."""

    account: str
    deployment: str
    model: Model
    replacement: Model | None

    def __str__(self) -> str:
        instead = f"take {self.replacement}" if self.replacement else "nothing of its family is offered there"
        return f"{self.account}/{self.deployment}: {self.model} retires on {self.model.retires}: {instead}"


def retiring(
    models: Models, document: Mapping[str, Any], today: date, within: timedelta = WARN_WITHIN
) -> Iterator[Retiring]:
    """The deployments of a document whose model retires soon, in their order."""
    for account, item in deployed(document):
        known = models.find(item["model"], item["version"])
        if known and known.is_retiring(today, within):
            instead = models.replacement(known, item["type"], account["region"], today)
            yield Retiring(account["account"], item["name"], known, instead)


def deployed(document: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Every account of a document with each of its deployments; former ones are not deployed any more."""
    for account in document["accounts"]:
        for item in document["deploymentSets"][account["deployments"]]:
            yield account, item


def models_of(document: Mapping[str, Any]) -> Models:
    """The models of a document; raises `InvalidConfig` with every fault as `place: reason`."""
    faults: list[str] = []
    raw = document.get("models")
    if not isinstance(raw, list):
        raise InvalidConfig(["models: expected a list"])
    found = [each for index, item in enumerate(raw) if (each := _model(item, f"models[{index}]", faults))]
    seen: set[tuple[str, str]] = set()
    for each in found:
        if (each.model, each.version) in seen:
            faults.append(f"models: {each} is there twice")
        seen.add((each.model, each.version))
    if faults:
        raise InvalidConfig(faults)
    return Models(tuple(found))


def _model(item: Any, place: str, faults: list[str]) -> Model | None:
    before = len(faults)
    if not isinstance(item, dict):
        faults.append(f"{place}: expected a mapping")
        return None
    faults.extend(f"{place}.{key}: is missing" for key in sorted(_KEYS - set(item)))
    faults.extend(f"{place}.{key}: no such key" for key in sorted(set(item) - _KEYS))
    faults.extend(f"{place}.{key}: expected text" for key in _TEXTS if not isinstance(item.get(key, ""), str))
    faults.extend(f"{place}.{key}: expected a list" for key in _LISTS if not isinstance(item.get(key, []), list))
    if item.get("lifecycle", "GA") not in LIFECYCLES:
        faults.append(f"{place}.lifecycle: expected one of {', '.join(LIFECYCLES)}")
    retires = _day(item.get("retires"))
    if "retires" in item and retires is None:
        faults.append(f"{place}.retires: expected a day such as 2027-01-31")
    if not isinstance(item.get("offered", {}), dict):
        faults.append(f"{place}.offered: expected regions by deployment type")
    if len(faults) > before or retires is None:
        return None
    values: dict[str, Any] = {key: item[key] for key in _TEXTS} | {key: tuple(item[key]) for key in _LISTS}
    offered = {kind: frozenset(regions) for kind, regions in item["offered"].items()}
    return Model(**values, retires=retires, offered=offered)


def _day(value: object) -> date | None:
    """A day, which YAML gives as a date and JSON as a string."""
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
