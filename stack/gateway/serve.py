"""Starts the gateway: one listener per region, one Mono process for all, and the log's query service."""

import asyncio
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chargeback.adapters.config.gateway_tables import primary_first
from stack.gateway.config import load_config
from stack.gateway.gateway import Gateway
from stack.gateway.log_analytics import application as log_application
from stack.gateway.mono import Mono
from stack.gateway.named_values import load_config as load_definitions
from stack.gateway.prepare import prepare
from stack.gateway.server import application
from stack.listening import listening


@dataclass(slots=True)
class Running:
    """The running gateway: a base URL per region, and the subscription keys."""

    gateways: dict[str, Gateway] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Subscription id to key."""
    logs: str = ""
    mono: Mono | None = None

    async def drain(self) -> None:
        """Wait until every one-way request has been sent."""
        await asyncio.gather(*(gateway.drain() for gateway in self.gateways.values()))


def subscription_keys(state: Path, subscriptions: list[str]) -> dict[str, str]:
    """The keys of the subscriptions, made at the first call and kept in `state`, readable by their owner only."""
    path = state / "gateway-keys.json"
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    keys = {name: known.get(name) or secrets.token_hex(16) for name in subscriptions}
    if keys != known:
        state.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(keys, indent=2), "utf-8")
    return keys


@asynccontextmanager
async def serve(
    policies: Path,
    config: Path,
    state: Path,
    *,
    ports: Mapping[str, int] | None = None,
    logs_port: int = 0,
    logs_tls: ssl.SSLContext | None = None,
    **options: Any,
) -> AsyncIterator[Running]:
    """Run the gateway of every region in `config` (or in `ports`); `options` go to `load_config`."""
    regions = list(ports or load_regions(config))
    configs = {region: load_config(config, policies, region, state=state, **options) for region in regions}
    first = next(iter(configs.values()))
    compiled, assembly = prepare(policies, first.named_values, first.backends.names, generated=first.fragments)
    running = Running(keys=subscription_keys(state, list(first.subscriptions)), mono=Mono(assembly))
    async with AsyncExitStack() as stack:
        assert running.mono
        await running.mono.start()
        stack.push_async_callback(running.mono.stop)
        for region, settings in configs.items():
            settings.keys = {key: name for name, key in running.keys.items()}
            gateway = running.gateways[region] = Gateway(settings, compiled, running.mono)
            await gateway.start()
            stack.push_async_callback(gateway.stop)
            where = listening(application(gateway), (ports or {}).get(region, 0))
            port = await stack.enter_async_context(where)
            running.urls[region] = f"http://127.0.0.1:{port}"
        port = await stack.enter_async_context(listening(log_application(state), logs_port, logs_tls))
        running.logs = f"{'https' if logs_tls else 'http'}://127.0.0.1:{port}"
        yield running


def load_regions(config: Path) -> list[str]:
    """The gateway regions that the configuration names, the primary one first."""
    return [entry["region"] for entry in primary_first(load_definitions(config)["gateways"])]
