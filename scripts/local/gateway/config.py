"""What the gateway is made of, read from the definitions that Bicep reads too."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.local.gateway.backends import Backend, Backends, BreakerRule, Pool, PoolMember
from scripts.named_values import load_config as load_definitions
from scripts.named_values import named_values, pools

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
    authorities: str | None = None
    """A PEM bundle of the certificate authorities that outgoing calls trust."""
    state: Path | None = None
    log_delay: float = 0.0
    null_response_on_failure: bool = False
    """Whether `retry` sees no response (rather than one of 500) when the backend gave none."""


def load_config(folder: Path, policies: Path, region: str, **options: Any) -> Config:
    """The configuration in `folder` for the gateway of `region`; `options` set the other fields.

    `values` replaces named values (underscores for hyphens), `extra` adds others.
    """
    definitions = load_definitions(folder)
    api = definitions["api"]
    named = named_values(definitions, **options.pop("values", {})) | options.pop("extra", {})
    clock = options.pop("clock", time.monotonic)
    return Config(
        policies=policies,
        region=region,
        service=options.pop("service", "chargeback-local"),
        api=api,
        operations=[Operation.from_config(entry) for entry in api.get("operations") or _DEFAULT_OPERATIONS],
        products={entry["id"]: entry for entry in definitions["products"]},
        subscriptions={entry["id"]: entry for entry in definitions["subscriptions"]},
        backends=build_backends(definitions, clock),
        named_values=named,
        **options,
    )


def build_backends(definitions: Mapping[str, Any], clock: Callable[[], float] = time.monotonic) -> Backends:
    """A backend per account, and the pools of every geography."""
    rule = BreakerRule.from_config(definitions["resilience"]["circuitBreaker"])
    backends = {entry["account"]: _backend(entry, rule, clock) for entry in definitions["accounts"]}
    found = [
        Pool(name, tuple(PoolMember(backends[m.account], m.priority, m.weight) for m in members))
        for name, members in pools(dict(definitions)).items()
    ]
    return Backends(list(backends.values()), found)


def _backend(entry: Mapping[str, Any], rule: BreakerRule, clock: Callable[[], float]) -> Backend:
    url = f"https://{host_of(entry['account'])}/openai"
    return Backend(entry["account"], url, entry["region"], rule, clock)


def host_of(account: str) -> str:
    """The host name of an Azure OpenAI account."""
    return f"{account}.openai.azure.com"
