"""How each server of the stack is started, when it is ready, and what is created in it."""

import json
import shutil
import socket
import sys
import urllib.error
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stack.example import ROOT
from stack.identity.permissions import data_roles
from stack.processes import StackError, listens
from stack.provision import (
    call,
    create_blob_containers,
    create_cosmos_containers,
    subscribe_to_alerts,
    subscribe_to_usage,
)
from stack.site import Site, definitions
from stack.stores.redis_binary import find_redis_server

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Service:
    """One server; `provision` runs when it and the servers in `provision_needs` are ready.

    It is started when those in `after` are ready. `span` is how many consecutive ports it has for a configuration.
    """

    name: str
    command: Callable[[Site], list[str]]
    ready: Callable[[Site], bool]
    provision: Callable[[Site], None] | None = None
    provision_needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    span: Callable[[Path], int] = lambda _: 1


def _redis(site: Site) -> list[str]:
    unsaved = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--maxmemory", "512mb"]
    where = ["--bind", HOST, "--port", str(site.ports["redis"]), "--dir", str(site.data("redis"))]
    return [find_redis_server(), *where, *unsaved]


def _redis_front(site: Site) -> list[str]:
    tls = ["--cert", str(site.certificates.certificate), "--key", str(site.certificates.key)]
    signing = ["--signing-key", str(site.signing_key)]
    return _python("stores.redis_front", "--port", str(site.ports["redisFront"]), *tls, *signing)


def _vault(site: Site) -> list[str]:
    tls = ["--cert", str(site.certificates.certificate), "--key", str(site.certificates.key)]
    secrets = {"events-key": site.events_key, "page-session-key": site.page_session_key}
    known = [word for name, value in secrets.items() for word in ("--secret", f"{name}={value}")]
    signing = ["--signing-key", str(site.signing_key)]
    return _python("identity.vault", "--port", str(site.ports["vault"]), *tls, *signing, *known)


def _redis_ready(site: Site) -> bool:
    with suppress(OSError), socket.create_connection((HOST, site.ports["redis"]), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False


def _node(*arguments: str) -> list[str]:
    node = shutil.which("node")
    if not node:
        raise StackError("node is not on PATH: Azurite and the Cosmos DB emulator need Node.js 20 or newer")
    return [node, *arguments]


def _blob(site: Site) -> list[str]:
    storage = ["--inMemoryPersistence"] if site.in_memory else ["--location", str(site.data("blob"))]
    tls = [
        "--cert",
        str(site.certificates.certificate),
        "--key",
        str(site.certificates.key),
        "--oauth",
        "basic",
    ]
    where = ["--blobHost", HOST, "--blobPort", str(site.ports["blob"])]
    quiet = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    return _node(str(ROOT / "node_modules/.bin/azurite-blob"), *where, *tls, *quiet, *storage)


def _blob_roles(site: Site) -> list[str]:
    tls = ["--cert", str(site.certificates.certificate), "--key", str(site.certificates.key)]
    return _python("stores.blob_roles", "--port", str(site.ports["blobRoles"]), *tls)


def _cosmos(site: Site) -> list[str]:
    tls = ["--cert", str(site.certificates.certificate), "--key", str(site.certificates.key)]
    roles = ["--signing-key", str(site.signing_key), "--roles", json.dumps(data_roles("cosmos"))]
    return _node(str(ROOT / "stack/stores/cosmos/launch.js"), "--port", str(site.ports["cosmos"]), *tls, *roles)


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"stack.{module}", *arguments]


def _identity(site: Site) -> list[str]:
    return _python("identity.server", "--port", str(site.ports["identity"]), "--key", str(site.signing_key))


def _event_grid(site: Site) -> list[str]:
    return [*_topic(site, "eventGrid"), "--topic", "topic", "--dead-letters", "dead-letter"]


def _alert_topic(site: Site) -> list[str]:
    return [*_topic(site, "alertTopic"), "--topic", "alertTopic", "--dead-letters", "alert-dead-letter"]


def _topic(site: Site, name: str) -> list[str]:
    tls = ["--cert", str(site.certificates.certificate), "--key", str(site.certificates.key)]
    signing = ["--signing-key", str(site.signing_key)]
    rate = ["--rate", str(site.event_grid_rate)]
    return _python("event_grid.topic", "--port", str(site.ports[name]), *tls, *signing, *rate)


def _functions(site: Site) -> list[str]:
    if not (site.app / "function_app.py").exists():
        raise StackError(f"{site.app}: no function_app.py there")
    port = str(site.ports["functions"])
    if core_tools := shutil.which("func"):
        return [core_tools, "start", "--port", port, "--python"]
    timers = ["--timers", "--status", str(site.data("functions") / "timers.json")] if site.timers else []
    return _python("functions_host.host", "--app", str(site.app), "--port", port, *timers)


def _channels(site: Site) -> list[str]:
    access = site.channel_access
    tls = ["--cert", str(site.certificates.certificate), "--key", str(site.certificates.key)]
    known = ["--signing-key", str(site.signing_key), f"--secret={access.key}"]  # a key may begin with "-"
    return _python("channels.server", "--port", str(access.port), "--mail-port", str(access.mail_port), *tls, *known)


def _channels_ready(site: Site) -> bool:
    return listens(site.channel_access.port) and listens(site.channel_access.mail_port)


def _accounts(site: Site) -> list[str]:
    return _python("openai_backends", *_laid_out(site), "--port", str(site.ports["accounts"]))


def _gateway(site: Site) -> list[str]:
    ports = ["--port", str(site.ports["gateway"]), "--logs-port", str(site.logs_port)]
    return _python("gateway", *_laid_out(site), *ports)


def _laid_out(site: Site) -> list[str]:
    return ["--state", str(site.state), "--config", str(site.config)]


def _gateway_ready(site: Site) -> bool:
    return listens(site.ports["gateway"]) and listens(site.logs_port)


def _listening(name: str) -> Callable[[Site], bool]:
    return lambda site: listens(site.ports[name])


def _accounts_of(config: Path) -> int:
    return len(definitions(config, "deployments")["accounts"])


def _listeners_of(config: Path) -> int:
    return len(definitions(config, "gateway")["gateways"]) + 1


def _functions_ready(site: Site) -> bool:
    with suppress(OSError, urllib.error.URLError):
        call(site, "GET", f"{site.url('functions')}/admin/host/status")
        return True
    return False


SERVICES = {
    service.name: service
    for service in (
        Service("redis", _redis, _redis_ready),
        Service("redisFront", _redis_front, _listening("redisFront"), after=("redis",)),
        Service("identity", _identity, _listening("identity")),
        Service("vault", _vault, _listening("vault")),
        Service("blob", _blob, _listening("blob"), create_blob_containers, provision_needs=("identity",)),
        Service("blobRoles", _blob_roles, _listening("blobRoles"), after=("blob",)),
        Service("cosmos", _cosmos, _listening("cosmos"), create_cosmos_containers),
        Service("functions", _functions, _functions_ready),
        Service("eventGrid", _event_grid, _listening("eventGrid"), subscribe_to_usage, ("functions",)),
        Service("alertTopic", _alert_topic, _listening("alertTopic"), subscribe_to_alerts, ("functions",)),
        Service("channels", _channels, _channels_ready, span=lambda _: 2),
        Service("accounts", _accounts, _listening("accounts"), span=_accounts_of),
        # One listener a region, and the query service of the gateway's log behind them.
        Service("gateway", _gateway, _gateway_ready, after=("identity", "eventGrid", "accounts"), span=_listeners_of),
    )
}
STORES = ("redis", "identity", "blob", "cosmos")
