"""What the policies cost per call, and how many calls the local gateway carries: `python -m benchmarks.gateway`.

With `--faults`, how it carries them through an account's outage and a deployment's 429.
Client, gateway and topic share one Python process; Mono and the simulated accounts have their own.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.faults import fault_run
from chargeback.adapters.config.folders import path_of
from stack.example import EXAMPLE_CONFIG
from stack.gateway.serve import Running, serve
from stack.identity.server import make_app
from stack.identity.tokens import TENANT, load_signer
from stack.listening import listening

ROOT = Path(__file__).parents[1]
CHAT = {"model": "gpt-5.4", "messages": [{"role": "user", "content": "How many calls can one gateway carry?"}]}
REGION = "swedencentral"


def sink(events: list[dict[str, Any]] | None) -> web.Application:
    """A topic that accepts every event, and keeps them where there is a list for them."""

    async def accept(request: web.Request) -> web.Response:
        event = await request.read()
        if events is not None:
            events.append(json.loads(event))
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/events", accept)
    return app


async def load(url: str, key: str, concurrency: int, seconds: float, body: dict[str, Any]) -> tuple[float, float]:
    """Calls per second, and the median call in milliseconds."""
    times: list[float] = []
    ends = time.perf_counter() + seconds

    async def caller(session: aiohttp.ClientSession) -> None:
        while time.perf_counter() < ends:
            began = time.perf_counter()
            async with session.post(f"{url}/openai/v1/chat/completions", json=body) as answer:
                await answer.read()
                answer.raise_for_status()
            times.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(headers={"api-key": key}) as session:
        await asyncio.gather(*(caller(session) for _ in range(concurrency)))
    return len(times) / seconds, sorted(times)[len(times) // 2] * 1000


def config_without_limits(folder: Path) -> Path:
    """The repository's configuration with limits that no benchmark reaches."""
    for name in ("gateway.yaml", "deployments.yaml"):
        text = path_of(EXAMPLE_CONFIG, name).read_text("utf-8")
        unlimited = re.sub(r"((?:tokens|requests)PerMinute): \d+", r"\1: 2000000000", text)
        limitless = path_of(folder, name)
        limitless.parent.mkdir(exist_ok=True)
        limitless.write_text(unlimited, "utf-8")
    return folder


async def measure(origins: dict[str, str], folder: Path, seconds: float, *, faults: bool) -> None:
    """Print the figures."""
    identity = make_app(load_signer(folder / "key.pem"), "local")
    events: list[dict[str, Any]] | None = [] if faults else None
    async with listening(identity) as identity_port, listening(sink(events)) as topic_port:
        base = f"http://127.0.0.1:{identity_port}"
        async with serve(
            ROOT / "apim-policies",
            config_without_limits(folder),
            folder / "state",
            hosts=origins,
            identity_endpoint=f"{base}/msi/token",
            identity_header="local.gateway",
            openid_configuration=f"{base}/{{tenant}}/.well-known/openid-configuration",
            values={
                "tenant_id": TENANT,
                "usage_topic_endpoint": f"http://127.0.0.1:{topic_port}/api/events?api-version=2018-01-01",
            },
        ) as running:
            if events is None:
                await report(running, seconds)
            else:
                await fault_run(running, running.urls[REGION], origins, events, seconds)


async def report(running: Running, seconds: float) -> None:
    """Warm up, then one line per load."""
    key, url, gateway = running.keys["support"], running.urls[REGION], running.gateways[REGION]
    await load(url, key, 4, 1, CHAT)
    for name, body in (("chat", CHAT), ("chat, streamed", {**CHAT, "stream": True})):
        for concurrency in (1, 16):
            await running.drain()
            gateway.spent = Counter()
            rate, median = await load(url, key, concurrency, seconds, body)
            calls, spent = round(rate * seconds), gateway.spent
            print(
                f"{name:15} {concurrency:3} at a time: {rate:5.0f} calls/s, median {median:5.1f} ms; per call "
                f"{spent['expressions'] / calls:.1f} expressions, {spent['batches'] / calls:.1f} round trips to Mono, "
                f"{spent['microseconds'] / calls:.0f} us; requests awaited {spent['awaited'] / calls:.1f}, "
                f"one-way {spent['oneWay'] / calls:.1f}"
            )


def main() -> None:
    """Start the accounts, measure, end them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--faults", action="store_true", help="through an outage and a 429 instead")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "stack.openai_backends", "--state", name]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as accounts:
            assert accounts.stdout
            try:
                origins = json.loads(accounts.stdout.readline())
                asyncio.run(measure(origins, folder, arguments.seconds, faults=arguments.faults))
            finally:
                accounts.terminate()


if __name__ == "__main__":
    main()
