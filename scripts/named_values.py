"""What the gateway is told: its named values, single backends and pools, derived from config/*.yaml alone.

The policies read each table as one short text, because a named value is pasted into the policy as it stands:
no quote, no angle bracket and no ampersand may occur in it. Bicep derives the same from the same files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MAX_LENGTH = 4096
"""API Management's own limit on one named value."""

NONE = "-"
"""What stands for an empty value: a named value may not be empty."""

_SAFE = re.compile(r"[A-Za-z0-9 ._:/?=*,;|@+-]+")

DEFAULTS = {
    "usage-topic-endpoint": "https://usage-topic.invalid/api/events?api-version=2018-01-01",
    "tenant-id": "00000000-0000-0000-0000-000000000000",
    "audience": "https://cognitiveservices.azure.com",
    "allowed-ip-from": "0.0.0.0",
    "allowed-ip-to": "255.255.255.255",
    "cors-origin": "https://localhost",
    "front-door-id": NONE,
    "max-request-bytes": "104857600",
    "backend-timeout": "240",
}
"""The named values that a deployment sets for itself, each as it is where nothing else is said."""

Config = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Member:
    """A backend's place in a pool; priority 1 is asked first, equal priorities share by weight."""

    account: str
    priority: int
    weight: int


def load_config(folder: Path) -> Config:
    """The merged content of gateway.yaml and deployments.yaml."""
    return {
        key: value
        for name in ("gateway.yaml", "deployments.yaml")
        for key, value in yaml.safe_load((folder / name).read_text("utf-8")).items()
    }


def named_values(config: Config, **own: str) -> dict[str, str]:
    """Every named value that the policies read; `own` (underscores for hyphens) replaces defaults.

    Raises `ValueError` for a value that API Management or the policies' C# could not take.
    """
    chosen = {name.replace("_", "-"): value for name, value in own.items()}
    tables = {
        "products": _products(config),
        "default-product": config["products"][0]["id"],
        "gateway-regions": _regions(config),
        "client-countries": _pairs(
            (country, geography["id"])
            for geography in config["geographies"]
            for country in geography.get("countries", ())
        ),
        "geography-accounts": _accounts(config),
        "deployment-pools": _pairs(
            (base, deployment) for base, deployment in _special_pools(config) if _members(config, base, deployment)
        ),
    }
    unknown = chosen.keys() - DEFAULTS.keys() - tables.keys()
    if unknown:
        raise ValueError(f"no policy reads the named value {sorted(unknown)[0]!r}")
    values = {**DEFAULTS, **tables, **chosen}
    for name, value in values.items():
        _require_safe(name, value)
    return values


def pools(config: Config) -> dict[str, list[Member]]:
    """Every backend pool by its id, with its members in order."""
    found = {base: _members(config, base, None) for base in _bases(config)}
    for base, deployment in _special_pools(config):
        if members := _members(config, base, deployment):
            found[f"{base}-{deployment}"] = members
    return {
        pool: sorted(members, key=lambda member: (member.priority, member.account)) for pool, members in found.items()
    }


def _products(config: Config) -> str:
    return ";".join(
        "{}={}|{:d}|{:d}|{}|{}".format(
            product["id"],
            product["residency"] or NONE,
            product["exactStreams"],
            product["injectStreamUsage"],
            product["requestsPerMinute"],
            product["tokensPerMinute"],
        )
        for product in config["products"]
    )


def _regions(config: Config) -> str:
    """Gateway regions first: the first entry of a region decides."""
    return _pairs((entry["region"], entry["geography"]) for entry in (*config["gateways"], *config["accounts"]))


def _accounts(config: Config) -> str:
    """`geography=own accounts|accounts to fail over to`, both in the order of priority."""
    entries = []
    for geography in config["geographies"]:
        own = ",".join(_ordered(config, [geography["id"]]))
        if not own:
            raise ValueError(f"geography {geography['id']!r} has no account in deployments.yaml")
        entries.append(f"{geography['id']}={own}|{','.join(_ordered(config, geography['failover'])) or NONE}")
    return ";".join(entries)


def _ordered(config: Config, geographies: list[str]) -> Iterator[str]:
    for geography in geographies:
        own = [account for account in config["accounts"] if account["geography"] == geography]
        yield from (account["account"] for account in sorted(own, key=lambda account: int(account["priority"])))


def _bases(config: Config) -> Iterator[str]:
    for geography in config["geographies"]:
        yield f"pool-{geography['id']}"
        yield f"pool-{geography['id']}-failover"


def _members(config: Config, base: str, deployment: str | None) -> list[Member]:
    """The members of a pool that have `deployment`; failover geographies follow at lower priority."""
    geography = next(g for g in config["geographies"] if base in (f"pool-{g['id']}", f"pool-{g['id']}-failover"))
    tiers = [geography["id"], *(geography["failover"] if base.endswith("-failover") else ())]
    members, above = [], 0
    for tier in tiers:
        own = [account for account in config["accounts"] if account["geography"] == tier]
        members += [
            Member(account["account"], above + account["priority"], account["weight"])
            for account in own
            if deployment is None or deployment in _deployments(config, account)
        ]
        above += max((account["priority"] for account in own), default=0)
    return members


def _special_pools(config: Config) -> Iterator[tuple[str, str]]:
    """(pool, deployment) wherever an account of the pool lacks the deployment."""
    every = sorted({name for account in config["accounts"] for name in _deployments(config, account)})
    for base in _bases(config):
        whole = len(_members(config, base, None))
        yield from ((base, name) for name in every if len(_members(config, base, name)) < whole)


def _deployments(config: Config, account: Config) -> set[str]:
    return {deployment["name"] for deployment in config["deploymentSets"][account["deployments"]]}


def _pairs(pairs: Iterator[tuple[str, str]]) -> str:
    """`key=value;…`, each entry once, in the order of its first appearance."""
    return ";".join(dict.fromkeys(f"{key}={value}" for key, value in pairs)) or NONE


def _require_safe(name: str, value: str) -> None:
    if len(value) > MAX_LENGTH:
        raise ValueError(f"named value {name!r} has {len(value)} characters; API Management takes {MAX_LENGTH}")
    if not _SAFE.fullmatch(value):
        raise ValueError(f"named value {name!r} is {value[:80]!r}: empty, or not safe inside a policy expression")
