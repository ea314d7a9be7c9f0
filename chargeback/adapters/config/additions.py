"""Adds a team, cost centre, model, region, budget or price to the files of a company, and nothing twice.

Whoever writes the files decides whether they are sound; here only what would be there twice is refused.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chargeback.adapters.config.company_files import CompanyFiles
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.offers import Offer

GATEWAY, DEPLOYMENTS, CENTRES = "gateway.yaml", "deployments.yaml", "cost-centres.yaml"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_UNITS = 100
"""Units of a new deployment: 100 000 tokens per minute, of which a profile may take a part."""


@dataclass(frozen=True, slots=True)
class Team:
    """Who calls, and who pays for that.

    Attributes:
        subscription: id of its subscription.
        name: what people call it.
        product: id of the product that it gets; empty for the default one.
        cost_centre: path of the cost centre that pays.
    """

    subscription: str
    name: str
    product: str
    cost_centre: str


def add_team(files: CompanyFiles, team: Team) -> None:
    """Add a subscription, its cost centre and the rule between them, as far as each is missing.

    So a run that was interrupted can be repeated. The rule names the subscription: a later team never falls under it.
    Raises `InvalidConfig` where all of it is there, or the subscription is another team's.
    """
    _require_plain(team.subscription)
    known = {each.get("id"): each for each in files.entries(GATEWAY, "subscriptions")}
    product = team.product or _default_product(files)
    entry: dict[str, Any] = {"id": team.subscription, "name": team.name, "product": product}
    there = known.get(team.subscription)
    if there is not None and (there.get("name"), there.get("product")) != (team.name, product):
        raise InvalidConfig([f"{GATEWAY}: subscriptions: {team.subscription!r} is another team's: take another id"])
    if there is None:
        is_first = not any(each.get("smokeTest") for each in known.values())
        files[GATEWAY].append("subscriptions", entry={**entry, **({"smokeTest": True} if is_first else {})})
    paths = {each.get("path") for each in files.entries(CENTRES, "costCentres")}
    if team.cost_centre not in paths:
        _append_centre(files, team.cost_centre, team.name)
    rules = files.entries(CENTRES, "rules")
    when = {"subscription": team.subscription}
    if not any(each.get("when") == when for each in rules):
        names = {each.get("id") for each in rules}
        rule = team.subscription if team.subscription not in names else f"team-{team.subscription}"
        files[CENTRES].append("rules", entry={"id": rule, "when": when, "costCentre": team.cost_centre})
    elif there is not None:
        raise InvalidConfig([f"{GATEWAY}: subscriptions: {team.subscription!r} is there already, and its rule, too"])


def _require_plain(name: str) -> None:
    """An id is part of addresses in Azure and of the gateway's tables."""
    if not _PLAIN.fullmatch(name):
        raise InvalidConfig([f"{name!r} may have letters, digits, hyphens and underscores only, 64 at most"])


def add_cost_centre(files: CompanyFiles, path: str, name: str) -> None:
    """Add a cost centre. Raises `InvalidConfig` where it is there already."""
    if any(each.get("path") == path for each in files.entries(CENTRES, "costCentres")):
        raise InvalidConfig([f"{CENTRES}: costCentres: {path!r} is there already"])
    _append_centre(files, path, name)


def _append_centre(files: CompanyFiles, path: str, name: str) -> None:
    """Add it, below its parents: those that are missing come before it, named by the last part of their paths."""
    known = {each.get("path") for each in files.entries(CENTRES, "costCentres")}
    parts = path.split("/")
    for parent in ("/".join(parts[:count]) for count in range(1, len(parts))):
        if parent and parent not in known:
            shown = parent.rpartition("/")[2].replace("-", " ").capitalize()
            files[CENTRES].append("costCentres", entry={"path": parent, "name": shown})
    files[CENTRES].append("costCentres", entry={"path": path, "name": name})


def add_region(
    files: CompanyFiles, region: str, offered: Mapping[str, Offer], *, geography: str, has_gateway: bool
) -> str:
    """Add an account in a region with a deployment of each name and offer; return the account's name.

    The geography gets the region, and is made where it is missing. A gateway runs there if asked for; the first one is
    the primary one. Raises `InvalidConfig` where the region has an account already.
    """
    _require_plain(geography)
    accounts = files.entries(DEPLOYMENTS, "accounts")
    if any(each.get("region") == region for each in accounts):
        raise InvalidConfig([f"{DEPLOYMENTS}: accounts: {region} has an account already: add models to it"])
    places = files.entries(GATEWAY, "geographies")
    home = next((index for index, each in enumerate(places) if each.get("id") == geography), None)
    regions = places[home].get("regions", ()) if home is not None else ()
    account = f"oai-{region}"
    priority = 1 + sum(each.get("region") in regions for each in accounts)
    entry = {"account": account, "region": region, "priority": priority, "weight": 100, "deployments": region}
    files[DEPLOYMENTS].append("accounts", entry=entry)
    files[DEPLOYMENTS].put(
        "deploymentSets", key=region, value=[_deployment(offer, name) for name, offer in offered.items()]
    )
    if home is None:
        name = geography.replace("-", " ").capitalize()
        files[GATEWAY].append("geographies", entry={"id": geography, "name": name, "regions": [region], "failover": []})
    elif region not in regions:
        files[GATEWAY].append("geographies", home, "regions", entry=region)
    if has_gateway:
        is_first = not files.entries(GATEWAY, "gateways")
        files[GATEWAY].append("gateways", entry={"region": region, **({"primary": True} if is_first else {})})
    return account


def add_model(files: CompanyFiles, name: str, offered: Mapping[str, Offer]) -> list[str]:
    """Add a deployment of this name to each account, by its offer; return `account/name` of each.

    A set of deployments that several accounts share gets it once. Raises `InvalidConfig` where an account has the name.
    """
    sets: dict[str, Offer] = {}
    accounts = [each for each in files.entries(DEPLOYMENTS, "accounts") if each.get("account") in offered]
    for each in accounts:
        sets.setdefault(str(each["deployments"]), offered[each["account"]])
    for chosen, offer in sets.items():
        if any(each.get("name") == name for each in files.entries(DEPLOYMENTS, "deploymentSets", chosen)):
            raise InvalidConfig([f"{DEPLOYMENTS}: deploymentSets.{chosen}: {name!r} is there already"])
        files[DEPLOYMENTS].append("deploymentSets", chosen, entry=_deployment(offer, name))
    return [f"{each['account']}/{name}" for each in accounts]


def _deployment(offer: Offer, name: str) -> dict[str, Any]:
    model = offer.model
    kind = str(offer.deployment_type)
    return {"name": name, "model": model.model, "version": model.version, "type": kind, "capacity": _UNITS}


def add_entry(files: CompanyFiles, name: str, section: str, entry: Mapping[str, Any]) -> None:
    """Add a budget or an adjustment, which have ids. Raises `InvalidConfig` where the id is there already."""
    if any(each.get("id") == entry["id"] for each in files.entries(name, section)):
        raise InvalidConfig([f"{name}: {section}: {entry['id']!r} is there already"])
    files[name].append(section, entry=dict(entry))


def regions_of_accounts(files: CompanyFiles) -> dict[str, str]:
    """Account → its region."""
    found: Iterable[dict[str, Any]] = files.entries(DEPLOYMENTS, "accounts")
    return {str(each["account"]): str(each["region"]) for each in found if "account" in each and "region" in each}


def _default_product(files: CompanyFiles) -> str:
    products = files.entries(GATEWAY, "products")
    found = [str(each.get("id")) for each in products if each.get("default")]
    if len(found) != 1:
        raise InvalidConfig([f"{GATEWAY}: products: exactly one needs `default: true`, or name the product"])
    return found[0]
