"""Builds the configuration of the gateway from the same files that Bicep reads."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chargeback.adapters.config.gateway_tables import fragments
from stack.gateway.backends import Backend, GatewayBackends
from stack.gateway.log_arrivals import Arrivals
from stack.gateway.named_values import load_config as load_definitions
from stack.gateway.named_values import named_values, tier_values
from stack.gateway.operations import Operation
from stack.gateway.readings import Readings, buffer_limit
from stack.gateway.shared_service import prefixed, read_rules, renamed

_DEFAULT_OPERATIONS = [
    {"id": f"{method.lower()}-any", "name": f"{method} anything", "method": method, "urlTemplate": "/*"}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
]

DECISIONS: dict[str, Any] = {
    "id": "budget-decisions",
    "name": "Budget decisions",
    "path": "budgets",
    "subscriptionKeyHeader": "Ocp-Apim-Subscription-Key",
    "subscriptionKeyQuery": "subscription-key",
    "subscriptionRequired": False,
    "operations": [
        {"id": "put-decisions", "name": "Put decisions", "method": "PUT", "urlTemplate": "/decisions/{product}"}
    ],
}
"""The API to which the functions send what budgets decide: infra/modules/gateway-decisions.bicep; a test compares."""


@dataclass(frozen=True, slots=True)
class Api:
    """An API that the gateway serves: how it is addressed, what it takes, and which policy document runs."""

    definition: dict[str, Any]
    operations: list[Operation]
    document: str = "api"


@dataclass(slots=True)
class Config:
    """Everything that one gateway region needs to know."""

    policies: Path
    region: str
    service: str
    apis: tuple[Api, ...]
    products: dict[str, dict[str, Any]]
    subscriptions: dict[str, dict[str, Any]]
    backends: GatewayBackends
    named_values: dict[str, str]
    fragments: dict[str, str] = field(default_factory=dict)
    """Fragments that the configuration generates, in addition to those in the folder of the policies."""
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
    log: Arrivals = field(default_factory=Arrivals)
    """How rows of the log arrive."""
    sku: str = "Premium"
    """The tier, which decides how much of a body can be held."""
    idle_limit: float = 240.0
    """Seconds without a byte from a backend after which the network drops the connection."""
    readings: Readings = field(default_factory=Readings)

    @property
    def buffer_limit(self) -> int:
        """The largest body, in bytes, that a policy can read or keep for a repeat."""
        return buffer_limit(self.sku)


def load_config(folder: Path, policies: Path, region: str, **options: Any) -> Config:
    """The configuration in `folder` for the gateway of `region`; `options` set the other fields.

    `values` replaces named values (underscores for hyphens), `extra` adds others; `operations` replaces the API's;
    `definitions` replaces whole sections of the configuration, `backends` the backends made from it.
    """
    definitions = load_definitions(folder) | options.pop("definitions", {})
    rules = read_rules() if any("resourceId" in gateway for gateway in definitions["gateways"]) else None
    values = tier_values(options.get("sku", "Premium")) | options.pop("values", {})
    named = named_values(definitions, **values) | options.pop("extra", {})
    clock = options.pop("clock", time.monotonic)
    operations = options.pop("operations", None) or definitions["api"].get("operations") or _DEFAULT_OPERATIONS
    apis = [Api(definitions["api"], [Operation.from_config(entry) for entry in operations])]
    if (policies / "decisions.xml").exists():
        apis.append(Api(DECISIONS, [Operation.from_config(entry) for entry in DECISIONS["operations"]], "decisions"))
    generated = fragments(definitions)
    prefix = ""
    if rules is not None:  # the service is not ours alone
        prefix = rules["prefix"]
        named = prefixed(named, rules)
        generated = prefixed({name: renamed(text, rules) for name, text in generated.items()}, rules)
        if not definitions.get("metering"):  # then the API is a team's own
            apis = [Api(_shared(api.definition, prefix), api.operations, api.document) for api in apis]
    return Config(
        policies=policies,
        region=region,
        service=options.pop("service", "chargeback-local"),
        apis=tuple(apis),
        products={entry["id"]: entry for entry in definitions["products"]},
        subscriptions={entry["id"]: entry for entry in definitions["subscriptions"]},
        backends=options.pop("backends", None) or build_backends(definitions, clock, prefix),
        named_values=named,
        fragments=generated,
        **options,
    )


def _shared(api: dict[str, Any], prefix: str) -> dict[str, Any]:
    """An API as a service that others use has it; the path of the decisions is nobody's choice, so it changes, too."""
    path = f"{prefix}{api['path']}" if api["id"] == DECISIONS["id"] else api["path"]
    return {**api, "id": f"{prefix}{api['id']}", "path": path}


def build_backends(
    definitions: Mapping[str, Any], clock: Callable[[], float] = time.monotonic, prefix: str = ""
) -> GatewayBackends:
    """A backend per account. None has a breaker: what one call meets on an account changes nothing for another."""
    return GatewayBackends([_backend(entry, clock, prefix) for entry in definitions["accounts"]], [])


def _backend(entry: Mapping[str, Any], clock: Callable[[], float], prefix: str) -> Backend:
    url = f"https://{host_of(entry['account'])}/openai"
    return Backend(f"{prefix}{entry['account']}", url, entry["region"], clock=clock)


def host_of(account: str) -> str:
    """The host name of an Azure OpenAI account."""
    return f"{account}.openai.azure.com"
