"""Derives the gateway's named values from config/company/*.yaml alone.

A named value is pasted into the policy as it stands: no quote, no angle bracket and no ampersand may occur in it.
Larger tables are fragments (chargeback/adapters/config/gateway_tables.py). Bicep derives the same from the same files.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.gateway_tables import (
    MAX_NAMED_VALUE,
    NONE,
    geographies,
    plain_deployments,
    primary_first,
)
from stack.yaml_text import from_yaml

_SAFE = re.compile(r"[A-Za-z0-9 ._:/?=*,;|@+-]+")

DEFAULTS = {
    "usage-topic-endpoint": "https://usage-topic.invalid/api/events?api-version=2018-01-01",
    "tenant-id": "00000000-0000-0000-0000-000000000000",
    "audience": "https://cognitiveservices.azure.com",
    "second-audience": "https://ai.azure.com",
    "allowed-ip-from": "0.0.0.0",
    "allowed-ip-to": "255.255.255.255",
    "cors-origin": "https://localhost",
    "front-door-id": NONE,
    "max-request-bytes": "104857600",
    "gateway-tier": "Premium",
    "owners-endpoint": "https://owners.invalid/api/v1/owners",
    "owners-audience": "https://eventgrid.azure.net",
    "owners-client-id": "00000000-0000-0000-0000-000000000000",
    "decisions-endpoint": "https://owners.invalid/api/v1/budgets/decisions",
    "functions-client-id": "00000000-0000-0000-0000-000000000000",
}
"""The named values that a deployment sets for itself, each as it is where nothing else is said."""

Config = dict[str, Any]


def tier_values(tier: str) -> dict[str, str]:
    """What the tier decides: v2 tiers hold 2 MiB of a body, others far more than a call should have.

    https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits#azure-api-management-limits
    """
    return {"gateway_tier": tier, "max_request_bytes": "2097152" if tier.lower().endswith("v2") else "104857600"}


def load_config(folder: Path) -> Config:
    """The merged content of gateway.yaml and deployments.yaml."""
    return {
        key: value
        for name in ("gateway.yaml", "deployments.yaml")
        for key, value in from_yaml(path_of(folder, name).read_text("utf-8")).items()
    }


def _default_product(config: Config) -> str:
    marked = [str(product["id"]) for product in config["products"] if product.get("default")]
    if not marked:
        raise ValueError("no product of gateway.yaml has `default: true`")
    return marked[0]


def named_values(config: Config, **own: str) -> dict[str, str]:
    """Every named value that the policies read; `own` (underscores for hyphens) replaces defaults.

    Raises `ValueError` for a value that API Management or the policies' C# could not take.
    """
    chosen = {name.replace("_", "-"): value for name, value in own.items()}
    tables = {
        "default-product": _default_product(config),
        "gateway-regions": _regions(config),
        "client-countries": _pairs(
            (country, geography["id"])
            for geography in config["geographies"]
            for country in geography.get("countries", ())
        ),
        "geographies": ";".join(_geography(geography, config) for geography in config["geographies"]),
        "require-role": "1" if config["entra"]["requireRole"] else "0",
        "first-byte-timeout": str(config["resilience"]["firstByteTimeout"]),
        "answer-timeout": str(config["resilience"]["answerTimeout"]),
        "plain-deployments": plain_deployments(config),
    }
    unknown = chosen.keys() - DEFAULTS.keys() - tables.keys()
    if unknown:
        raise ValueError(f"no policy reads the named value {sorted(unknown)[0]!r}")
    values = {**DEFAULTS, **tables, **chosen}
    for name, value in values.items():
        _require_safe(name, value)
    return values


def _regions(config: Config) -> str:
    """The regions of gateways first, then those of accounts."""
    known = geographies(config)
    entries = (*primary_first(config["gateways"]), *config["accounts"])
    return _pairs((entry["region"], known[entry["region"]]) for entry in entries)


def _geography(geography: Config, config: Config) -> str:
    """`geography=where its calls may fail over to, in order`."""
    if not any(account["region"] in geography["regions"] for account in config["accounts"]):
        raise ValueError(f"geography {geography['id']!r} has no account in deployments.yaml")
    return f"{geography['id']}={','.join(geography['failover']) or NONE}"


def _pairs(pairs: Iterator[tuple[str, str]]) -> str:
    """`key=value;…`, each entry once, in the order of its first appearance."""
    return ";".join(dict.fromkeys(f"{key}={value}" for key, value in pairs)) or NONE


def _require_safe(name: str, value: str) -> None:
    if len(value) > MAX_NAMED_VALUE:
        raise ValueError(f"named value {name!r} has {len(value)} characters; API Management takes {MAX_NAMED_VALUE}")
    if not _SAFE.fullmatch(value):
        raise ValueError(f"named value {name!r} is {value[:80]!r}: empty, or not safe inside a policy expression")
