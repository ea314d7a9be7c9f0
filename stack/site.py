"""Where one stack lives: its directories, ports, certificates, secrets and the environment of its clients."""

import json
import secrets
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from chargeback.adapters.config.folders import path_of
from stack.certificates import Certificates
from stack.gateway.named_values import DEFAULTS
from stack.identity.tokens import ASKING, TENANT

ROOT = Path(__file__).resolve().parents[1]
ACCOUNT = "devstoreaccount1"
# Azurite's published development key: it opens nothing but an Azurite on this machine.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
DATABASE = "chargeback"
SCHEMES = {
    "redis": "redis",
    "redisFront": "rediss",
    "blob": "https",
    "blobRoles": "https",
    "cosmos": "https",
    "identity": "http",
    "vault": "https",
    "eventGrid": "https",
    "functions": "http",
    "accounts": "http",
    "gateway": "http",
}


def definitions(name: str) -> dict[str, Any]:
    """Return a file of config/, which says what the stack has to look like."""
    return dict(yaml.safe_load(path_of(ROOT / "config", f"{name}.yaml").read_text("utf-8")))


GATEWAYS = len(definitions("gateway")["gateways"])
ADDRESSES = {"blobRoles": "STORAGE_ACCOUNT_URL", "vault": "KEY_VAULT_URL"}
"""Servers of which clients need to know the address alone, by the setting that says it."""
WORKSPACE = "00000000-0000-0000-0000-00000000c0de"


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that is fixed when a stack is laid out, before any server runs."""

    state: Path
    app: Path
    ports: Mapping[str, int]
    certificates: Certificates
    signing_key: Path
    in_memory: bool
    timers: bool
    event_grid_rate: float
    events_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    topic_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    identity_header: str = field(default_factory=lambda: secrets.token_hex(16))

    def url(self, name: str) -> str:
        """Return the address of a server."""
        base = f"{SCHEMES[name]}://127.0.0.1:{self.ports[name]}"
        return f"{base}/{ACCOUNT}" if name in ("blob", "blobRoles") else base

    @property
    def logs_port(self) -> int:
        """Return the port of the query service of the gateway's log, which follows those of the regions."""
        return self.ports["gateway"] + GATEWAYS

    def log(self, name: str) -> Path:
        """Return the file that holds a server's output."""
        return self.state / "logs" / f"{name}.log"

    def data(self, name: str) -> Path:
        """Return the directory in which a server keeps its data."""
        path = self.state / "data" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def environment(self, services: Iterable[str]) -> dict[str, str]:
        """Return the settings with which clients find the given servers."""
        bundle = str(self.certificates.bundle)
        settings = {"SSL_CERT_FILE": bundle, "REQUESTS_CA_BUNDLE": bundle, "EVENTS_KEY": self.events_key}
        for name in services:
            settings |= self._settings_of(name)
        return settings

    def _decisions_endpoints(self) -> dict[str, str]:
        regions = [entry["region"] for entry in definitions("gateway")["gateways"]]
        first = self.ports["gateway"]
        return {region: f"http://127.0.0.1:{first + i}/budgets/decisions" for i, region in enumerate(regions)}

    def _settings_of(self, name: str) -> dict[str, str]:
        url = self.url(name)
        if name in ADDRESSES:
            return {ADDRESSES[name]: url}
        match name:
            case "redis":
                return {"REDIS_URL": f"{url}/0", "REDIS_SERVER_URL": url}
            case "redisFront":
                return {"REDIS_URL": f"{url}/0"}
            case "blob":
                key = f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY}"
                connection = f"DefaultEndpointsProtocol=https;{key};BlobEndpoint={url};"
                return {"STORAGE_ACCOUNT_URL": url, "AZURITE_URL": url, "AzureWebJobsStorage": connection}
            case "cosmos":
                return {"COSMOS_ENDPOINT": url, "COSMOS_DATABASE": DATABASE}
            case "identity":
                endpoint = f"{url}/msi/token"
                header = self.identity_header
                return {
                    "IDENTITY_ENDPOINT": endpoint,
                    "IDENTITY_HEADER": header,
                    "OIDC_AUTHORITY": url,
                    "ENTRA_AUTHORITY": url,
                    "ENTRA_TENANT_ID": TENANT,
                    "OWNERS_AUDIENCE": DEFAULTS["owners-audience"],
                    "OWNERS_CLIENT_ID": ASKING,
                }
            case "eventGrid":
                return {
                    "EVENT_GRID_TOPIC_ENDPOINT": f"{url}/api/events",
                    "EVENT_GRID_TOPIC_KEY": self.topic_key,
                }
            case "accounts":
                return {}
            case "gateway":
                return {
                    "GATEWAY_URL": url,
                    "DECISIONS_ENDPOINTS": json.dumps(self._decisions_endpoints()),
                    "LOG_ANALYTICS_ENDPOINT": f"https://127.0.0.1:{self.logs_port}",
                    "LOG_ANALYTICS_WORKSPACE_ID": WORKSPACE,
                }
            case _:
                return {"FUNCTIONS_URL": url, "FUNCTIONS_WORKER_RUNTIME": "python"}


def sample_settings(app: Path) -> dict[str, str]:
    """Return what local.settings.sample.json gives a value, such as the schedules; the stack's own come before it."""
    file = app / "local.settings.sample.json"
    values = json.loads(file.read_text())["Values"] if file.exists() else {}
    return {name: str(value) for name, value in values.items() if value}


def shell_lines(environment: Mapping[str, str]) -> str:
    """Return the settings as lines that a shell can source."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items())
