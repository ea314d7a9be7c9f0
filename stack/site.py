"""Where one stack lives: its directories, ports, certificates, secrets and the environment of its clients."""

import json
import secrets
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from chargeback.adapters.config.folders import path_of
from stack.certificates import Certificates
from stack.gateway.named_values import DEFAULTS
from stack.identity.people import API
from stack.identity.tokens import ASKING, TENANT, IdentityHeader
from stack.yaml_text import from_yaml

if TYPE_CHECKING:
    from stack.channels.stand_ins import ChannelAccess

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
    "alertTopic": "https",
    "functions": "http",
    "accounts": "http",
    "gateway": "http",
    "channels": "https",
}


def definitions(config: Path, name: str) -> dict[str, Any]:
    """Return a file of the configuration, which says what the stack has to look like."""
    return dict(from_yaml(path_of(config, f"{name}.yaml").read_text("utf-8")))


ADDRESSES = {"blobRoles": "CHARGEBACK_STORAGE_ACCOUNT_URL", "vault": "CHARGEBACK_KEY_VAULT_URL"}
"""Servers of which clients need to know the address alone, by the setting that says it."""
TOPICS = {"eventGrid": "EVENT_GRID_TOPIC_ENDPOINT", "alertTopic": "ALERTS_TOPIC_ENDPOINT"}
"""Topics by the setting that says where events are published to."""
WORKSPACE = "00000000-0000-0000-0000-00000000c0de"


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that is fixed when a stack is laid out, before any server runs."""

    state: Path
    app: Path
    config: Path
    ports: Mapping[str, int]
    certificates: Certificates
    signing_key: Path
    in_memory: bool
    timers: bool
    event_grid_rate: float
    events_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    page_session_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    channels_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    topic_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    identity_header: str = field(default_factory=lambda: secrets.token_hex(16))
    person: str = "admin"

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Site":
        """Return the site that stack.json speaks of."""
        return msgspec.convert(document, cls, dec_hook=lambda kind, value: kind(value))

    def to_document(self) -> dict[str, Any]:
        """Return what stack.json says about the site."""
        return dict(msgspec.to_builtins(self, enc_hook=str))

    def url(self, name: str) -> str:
        """Return the address of a server."""
        base = f"{SCHEMES[name]}://127.0.0.1:{self.ports[name]}"
        return f"{base}/{ACCOUNT}" if name in ("blob", "blobRoles") else base

    @property
    def logs_port(self) -> int:
        """Return the port of the query service of the gateway's log, which follows those of the regions."""
        return self.ports["gateway"] + len(self.gateway_regions)

    @property
    def gateway_regions(self) -> list[str]:
        """Return the regions that have a gateway, in the order of the file."""
        return [entry["region"] for entry in definitions(self.config, "gateway")["gateways"]]

    @property
    def channel_access(self) -> "ChannelAccess":
        """Return where the services that carry alerts are; the mail server has the port after that of the others."""
        # With aiohttp, which reads when it is imported whom to trust: a program that starts a stack imports it later.
        from stack.channels.stand_ins import ChannelAccess

        return ChannelAccess(self.channels_key, self.ports["channels"], self.ports["channels"] + 1)

    def log(self, name: str) -> Path:
        """Return the file that holds a server's output."""
        return self.state / "logs" / f"{name}.log"

    def data(self, name: str) -> Path:
        """Return the directory in which a server keeps its data."""
        path = self.state / "data" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def environment(self, services: Collection[str]) -> dict[str, str]:
        """Return the settings with which clients find the given servers."""
        bundle = str(self.certificates.bundle)
        settings = {"SSL_CERT_FILE": bundle, "REQUESTS_CA_BUNDLE": bundle, "CHARGEBACK_EVENTS_KEY": self.events_key}
        settings["CHARGEBACK_CONFIG_DIR"] = str(self.config)
        settings |= {} if "vault" in services else {"PAGE_SESSION_KEY": self.page_session_key}
        for name in services:
            settings |= self._settings_of(name)
        return settings

    def _decisions_endpoints(self) -> dict[str, str]:
        first = self.ports["gateway"]
        return {
            region: f"http://127.0.0.1:{first + i}/budgets/decisions" for i, region in enumerate(self.gateway_regions)
        }

    def _settings_of(self, name: str) -> dict[str, str]:
        url = self.url(name)
        if name in ADDRESSES:
            return {ADDRESSES[name]: url}
        if name in TOPICS:
            return {TOPICS[name]: f"{url}/api/events", "EVENT_GRID_TOPIC_KEY": self.topic_key}
        if name in ("accounts", "channels"):
            return self.channel_access.environment if name == "channels" else {}
        match name:
            case "redis":
                return {"CHARGEBACK_REDIS_URL": f"{url}/0", "REDIS_SERVER_URL": url}
            case "redisFront":
                return {"CHARGEBACK_REDIS_URL": f"{url}/0"}
            case "blob":
                key = f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY}"
                connection = f"DefaultEndpointsProtocol=https;{key};BlobEndpoint={url};"
                return {"CHARGEBACK_STORAGE_ACCOUNT_URL": url, "AZURITE_URL": url, "AzureWebJobsStorage": connection}
            case "cosmos":
                return {"CHARGEBACK_COSMOS_ENDPOINT": url, "CHARGEBACK_COSMOS_DATABASE": DATABASE}
            case "identity":
                endpoint = f"{url}/msi/token"
                header = str(IdentityHeader(self.identity_header, person=self.person))
                return {
                    "IDENTITY_ENDPOINT": endpoint,
                    "IDENTITY_HEADER": header,
                    "OIDC_AUTHORITY": url,
                    "ENTRA_AUTHORITY": url,
                    "ENTRA_TENANT_ID": TENANT,
                    "OWNERS_AUDIENCE": DEFAULTS["owners-audience"],
                    "OWNERS_CLIENT_ID": ASKING,
                    "API_CLIENT_ID": API,
                }
            case "gateway":
                return {
                    "GATEWAY_URL": url,
                    "DECISIONS_ENDPOINTS": json.dumps(self._decisions_endpoints()),
                    "LOG_ANALYTICS_ENDPOINT": f"https://127.0.0.1:{self.logs_port}",
                    "LOG_ANALYTICS_WORKSPACE_ID": WORKSPACE,
                }
            case _:
                worker = {"FUNCTIONS_WORKER_RUNTIME": "python", "AzureWebJobsDisableHomepage": "true"}
                return {"FUNCTIONS_URL": url, "PAGES_URL": url, **worker}


def sample_settings(app: Path) -> dict[str, str]:
    """Return what local.settings.sample.json gives a value, such as the schedules; the stack's own come before it."""
    file = app / "local.settings.sample.json"
    values = json.loads(file.read_text())["Values"] if file.exists() else {}
    return {name: str(value) for name, value in values.items() if value}


def shell_lines(environment: Mapping[str, str]) -> str:
    """Return the settings as lines that a shell can source."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items())
