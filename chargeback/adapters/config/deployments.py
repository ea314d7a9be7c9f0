"""Reads the deployment map: what is deployed now, and what a name stood or will stand for at other times."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Literal

import msgspec

from chargeback.adapters.config.entries import Record, Sections, each, sections
from chargeback.adapters.config.existing import AccountId
from chargeback.adapters.config.gateway_names import PLAIN_NAME
from chargeback.adapters.config.times import effective
from chargeback.domain.deployments.deployment import DatedDeployment, Deployment, DeploymentType
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import ALWAYS, Effective

MOVED = (
    "formerDeployments: write them into dated-deployments.yaml, each with its accounts and, if known, its effectiveTo"
)
_GEOGRAPHY = "geography: leave it out: gateway.yaml says which regions a geography has"

_OfBefore = Annotated[str | None, msgspec.Meta(extra_json_schema={"deprecated": True})]
"""Stored versions have it; in a file it is a fault."""


class _Place(Record, frozen=True):
    """The place of an account that no longer exists."""

    account: str
    region: str
    geography: _OfBefore = None


class _Account(Record, frozen=True):
    account: str
    region: str
    priority: int
    weight: int
    deployments: str
    geography: _OfBefore = None
    resource_id: AccountId | None = None


class _Served(Record, frozen=True, kw_only=True):
    """What a deployment is, or was."""

    name: str
    model: str
    version: str
    type: DeploymentType
    service_tier: Literal["priority"] | None = None
    """The service tiers that Azure lets a deployment be set to."""


class _Deployed(_Served, frozen=True, kw_only=True):
    capacity: int


class _Former(Record, frozen=True):
    """The form from before deployments had dates; stored versions have it."""

    accounts: list[str]
    deployments: list[_Served]


class _Dated(_Served, frozen=True, kw_only=True):
    accounts: list[str]
    effective_from: str | None = None
    effective_to: str | None = None


SECTIONS = Sections(
    {"accounts": list[_Account], "deploymentSets": dict[str, list[_Deployed]]},
    {"interchangeable": list[list[str]]},
    earlier=("formerDeployments",),
)
DATED_SECTIONS = Sections({"deployments": list[_Dated]}, {"formerAccounts": list[_Place]})

Accounts = dict[str, _Account | _Place]


@dataclass(frozen=True, slots=True)
class DeploymentMap:
    """What both documents say.

    Attributes:
        deployed: by account and by name, both in lower case.
        dated: with the place of each, for what counts before that.
    """

    deployed: dict[str, dict[str, Deployment]]
    dated: Sequence[tuple[str, DatedDeployment]]


def deployment_map(
    document: object, dated: object, calendar: Calendar, faults: list[str], of_dated: list[str], *, thorough: bool
) -> DeploymentMap:
    """The map of deployments.yaml and dated-deployments.yaml; what is wrong is appended to the faults of each.

    `thorough` refuses old forms, which stored versions keep.
    """
    top = sections(document, SECTIONS, faults)
    if thorough and top["formerDeployments"] is not None:
        faults.append(MOVED)
    raw_sets = top["deploymentSets"] if isinstance(top["deploymentSets"], dict) else {}
    sets = {name: list(each(raw, _Deployed, f"deploymentSets.{name}", faults)) for name, raw in raw_sets.items()}
    accounts = list(each(top["accounts"], _Account, "accounts", faults))
    named = [[(f"{place}.name", one.name) for place, one in deployed] for deployed in sets.values()]
    for names in (*named, [(f"{place}.account", one.account) for place, one in accounts]):
        _refuse_twins(names, faults)
        if thorough:
            _refuse_unlike_azures(names, faults)
    for place, account in accounts:
        if account.deployments not in sets:
            faults.append(f"{place}.deployments: {account.deployments!r} is not under deploymentSets")
        if thorough and account.geography is not None:
            faults.append(f"{place}.{_GEOGRAPHY}")
    known: Accounts = {account.account: account for _, account in accounts}
    deployed_now = {
        account.account.casefold(): {
            one.name.casefold(): _deployment(account, one) for _, one in sets.get(account.deployments, [])
        }
        for _, account in accounts
    }
    past = [
        *_former(top["formerDeployments"] or [], known, faults),
        *_dated(dated, known, calendar, of_dated, thorough=thorough),
    ]
    of_dated.extend(_clashes(past))
    of_dated.extend(_shadows(past, deployed_now))
    return DeploymentMap(deployed_now, past)


def _former(raw: object, accounts: Accounts, faults: list[str]) -> Iterator[tuple[str, DatedDeployment]]:
    for place, former in each(raw, _Former, "formerDeployments", faults):
        for account in _known(former.accounts, accounts, place, faults):
            for one in former.deployments:
                yield place, DatedDeployment(_deployment(account, one), ALWAYS)


def _dated(
    document: object, accounts: Accounts, calendar: Calendar, faults: list[str], *, thorough: bool
) -> Iterator[tuple[str, DatedDeployment]]:
    if document is None:
        return
    top = sections(document, DATED_SECTIONS, faults)
    gone = list(each(top["formerAccounts"] or [], _Place, "formerAccounts", faults))
    _refuse_twins([(f"{place}.account", one.account) for place, one in gone], faults, accounts)
    faults.extend(f"{place}.{_GEOGRAPHY}" for place, one in gone if thorough and one.geography is not None)
    known = {**accounts, **{one.account: one for _, one in gone}}
    for place, one in each(top["deployments"], _Dated, "deployments", faults):
        if not one.name:
            faults.append(f"{place}.name: is empty")
        time = effective(one, calendar, place, faults)
        faults.extend(f"{place}.{fault}" for fault in time.faults())
        for account in _known(one.accounts, known, place, faults):
            yield place, DatedDeployment(_deployment(account, one), time)


def _known(names: list[str], accounts: Accounts, place: str, faults: list[str]) -> Iterator[_Account | _Place]:
    for name in names:
        if name in accounts:
            yield accounts[name]
        else:
            faults.append(f"{place}.accounts: {name!r} is not under accounts")


def _clashes(past: Sequence[tuple[str, DatedDeployment]]) -> Iterator[str]:
    """Two entries that say what the same name stood for at the same time."""
    by_name: dict[tuple[str, str], list[tuple[str, Effective]]] = {}
    for place, one in past:
        key = (one.deployment.account.casefold(), one.deployment.name.casefold())
        by_name.setdefault(key, []).append((place, one.effective))
    for (account, name), entries in by_name.items():
        for (earlier, time), (place, other) in combinations(entries, 2):
            if time.overlaps(other):
                yield f"{place}.name: {account}/{name} already has the entry {earlier} for some of this time"


def _shadows(past: Sequence[tuple[str, DatedDeployment]], deployed: dict[str, dict[str, Deployment]]) -> Iterator[str]:
    """Dated entries that always count instead of a deployment that exists: the map would then hide what is deployed."""
    for place, one in past:
        account, name = one.deployment.account.casefold(), one.deployment.name.casefold()
        if one.effective == ALWAYS and name in deployed.get(account, {}):
            yield (
                f"{place}.name: {account}/{name} is in deployments.yaml, too: say with effectiveTo or effectiveFrom"
                " when it was or will be this"
            )


def _deployment(account: _Account | _Place, served: _Served) -> Deployment:
    return Deployment(
        account=account.account,
        region=account.region,
        name=served.name,
        model=served.model,
        version=served.version,
        type=served.type,
        service_tier=served.service_tier,
    )


def _refuse_unlike_azures(names: list[tuple[str, str]], faults: list[str]) -> None:
    """A name is a part of addresses."""
    for place, name in names:
        if name and not PLAIN_NAME.fullmatch(name):
            faults.append(f"{place}: {name!r} may have letters, digits, dots, hyphens and underscores only, 64 at most")


def _refuse_twins(names: list[tuple[str, str]], faults: list[str], known: Iterable[str] = ()) -> None:
    """Azure compares these names without regard to case."""
    seen = {name.casefold() for name in known}
    for place, name in names:
        if not name or name.casefold() in seen:
            faults.append(f"{place}: {name!r} is empty or there twice")
        seen.add(name.casefold())
