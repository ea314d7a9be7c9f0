"""An instance answers machines without waiting for the routes of people."""

import subprocess
import sys

PROGRAM = """
import asyncio, sys
from types import SimpleNamespace

import httpx

from chargeback.web.late_site import LateSite

loaded = lambda: sorted(name for name in ("chargeback.api.machines", "chargeback.api.costs") if name in sys.modules)

async def main():
    container = SimpleNamespace(gateway_tokens=None)
    transport = httpx.ASGITransport(LateSite(container))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        print(loaded())
        print((await client.post("/api/v1/owners", json={"objects": []})).status_code, loaded())
        print((await client.get("/api/v1/openapi.json")).status_code, loaded())
        print((await client.get("/api/v1/owners")).status_code)

asyncio.run(main())
"""


def test_the_gateway_is_answered_before_the_routes_of_people_are_imported() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout

    assert told.splitlines() == [
        "[]",
        "401 ['chargeback.api.machines']",
        "200 ['chargeback.api.costs', 'chargeback.api.machines']",
        "405",
    ]
