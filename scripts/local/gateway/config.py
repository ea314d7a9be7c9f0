"""What the gateway is made of, read from the definitions that Bicep reads too."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from scripts.local.gateway.backends import Backend, Backends, BreakerRule, Member, Pool

_DEFAULT_OPERATIONS = [
    {"id": f"{method.lower()}-any", "name": f"{method} anything", "method": method, "urlTemplate": "/*"}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API and the paths it matches."""

    state: dict[str, str]
    pattern: re.Pattern[str]

    @classmethod
    def from_config(cls, entry: dict[str, str]) -> "Operation":
        """The operation of a urlTemplate such as /deployments/{deployment-id}/chat/completions."""
        parts = re.split(r"(\{[^}]+\}|\*)", entry["urlTemplate"].split("?")[0])
        pattern = "".join(_template_part(part) for part in parts)
        names = {
            "Id": entry["id"],
            "Name": entry["name"],
            "Method": entry["method"],
            "UrlTemplate": entry["urlTemplate"],
        }
        return cls(names, re.compile(pattern + "$"))

    def matches(self, method: str, path: str) -> dict[str, str] | None:
        """The matched parameters, or None when the operation is not for this call."""
        if method != self.state["Method"]:
            return None
        match = self.pattern.match(path)
        return None if match is None else {_name(key): value for key, value in match.groupdict().items()}


def _template_part(part: str) -> str:
    if part == "*":
        return ".*"
    if part.startswith("{"):
        return f"(?P<p{part[1:-1].encode().hex()}>[^/]+)"
    return re.escape(part)


def _name(group: str) -> str:
    return bytes.fromhex(group[1:]).decode()


@dataclass(slots=True)
class Config:
    """Everything that one gateway region needs to know."""

    policies: Path
    region: str
    service: str
    api: dict[str, Any]
    operations: list[Operation]
    products: dict[str, dict[str, Any]]
    subscriptions: dict[str, dict[str, Any]]
    backends: Backends
    named_values: dict[str, str]
    hosts: dict[str, str] = field(default_factory=dict)
    """Host name to the loopback origin that stands for it."""
    keys: dict[str, str] = field(default_factory=dict)
    """Subscription key to subscription id."""
    identity_endpoint: str | None = None
    identity_header: str = "local-dev"
    openid_configuration: str | None = None
    """Where the issuer of client tokens publishes its keys; `{tenant}` stands for the tenant id."""
    state: Path | None = None
    log_delay: float = 0.0
    null_response_on_failure: bool = False
    """Whether `retry` sees no response (rather than one of 500) when the backend gave none."""


def load_config(folder: Path, policies: Path, region: str, **options: Any) -> Config:
    """The configuration in `folder` for the gateway of `region`; `options` set the other fields."""
    gateway = yaml.safe_load((folder / "gateway.yaml").read_text("utf-8"))
    deployments = yaml.safe_load((folder / "deployments.yaml").read_text("utf-8"))
    api = {**_API, **gateway.get("api", {})}
    named = {**_named_values(gateway), **options.pop("named_values", {})}
    clock = options.pop("clock", time.monotonic)
    return Config(
        policies=policies,
        region=region,
        service=options.pop("service", "chargeback-local"),
        api=api,
        operations=[Operation.from_config(entry) for entry in api.get("operations") or _DEFAULT_OPERATIONS],
        products={entry["id"]: entry for entry in gateway.get("products", [])},
        subscriptions={entry["id"]: entry for entry in gateway.get("subscriptions", [])},
        backends=build_backends(gateway, deployments, clock),
        named_values=named,
        **options,
    )


_API: dict[str, Any] = {
    "id": "azure-openai",
    "name": "Azure OpenAI",
    "path": "openai",
    "subscriptionKeyHeader": "api-key",
    "subscriptionKeyQuery": "api-key",
    "subscriptionRequired": False,
}
_RESILIENCE: dict[str, Any] = {
    "circuitBreaker": {
        "count": 1,
        "interval": "PT10S",
        "tripDuration": "PT1M",
        "acceptRetryAfter": True,
        "statusCodeRanges": [{"min": 429, "max": 429}, {"min": 500, "max": 599}],
    }
}


def _named_values(gateway: Mapping[str, Any]) -> dict[str, str]:
    entries = gateway.get("namedValues", [])
    if isinstance(entries, dict):
        return {name: _text(value) for name, value in entries.items()}
    return {entry["name"]: _text(entry.get("value", "")) for entry in entries}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def build_backends(
    gateway: Mapping[str, Any], deployments: Mapping[str, Any], clock: Callable[[], float] = time.monotonic
) -> Backends:
    """A backend per account, and the pools of every geography."""
    rule = BreakerRule.from_config((gateway.get("resilience") or _RESILIENCE)["circuitBreaker"])
    accounts = deployments["accounts"]
    backends = {entry["account"]: _backend(entry, rule, clock) for entry in accounts}
    pools: list[Pool] = []
    for geography in gateway["geographies"]:
        order = [geography["id"], *geography["failover"]]
        own = _members(accounts, backends, order[:1])
        everywhere = _members(accounts, backends, order)
        name = f"pool-{geography['id']}"
        pools += [Pool(name, own), Pool(f"{name}-failover", everywhere)]
        pools += _deployment_pools(name, deployments, accounts, own, everywhere)
    return Backends(list(backends.values()), pools)


def _backend(entry: Mapping[str, Any], rule: BreakerRule, clock: Callable[[], float]) -> Backend:
    url = f"https://{entry['account']}.openai.azure.com/openai"
    return Backend(entry["account"], url, entry["region"], rule, clock)


def _members(
    accounts: list[dict[str, Any]], backends: Mapping[str, Backend], geographies: list[str]
) -> tuple[Member, ...]:
    found: list[Member] = []
    offset = 0
    for geography in geographies:
        local = [entry for entry in accounts if entry["geography"] == geography]
        found += [Member(backends[e["account"]], offset + e["priority"], e["weight"]) for e in local]
        offset += max((entry["priority"] for entry in local), default=0)
    return tuple(sorted(found, key=lambda member: member.priority))


def _deployment_pools(
    name: str,
    deployments: Mapping[str, Any],
    accounts: list[dict[str, Any]],
    own: tuple[Member, ...],
    everywhere: tuple[Member, ...],
) -> list[Pool]:
    served = {
        entry["account"]: {
            deployment["name"] for deployment in deployments["deploymentSets"][entry["deployments"]]
        }
        for entry in accounts
    }
    pools: list[Pool] = []
    for deployment in sorted(set().union(*served.values())):
        for suffix, members in (("", own), ("-failover", everywhere)):
            able = tuple(member for member in members if deployment in served[member.backend.id])
            if able and len(able) < len(members):
                pools.append(Pool(f"{name}-{deployment}{suffix}", able))
    return pools
