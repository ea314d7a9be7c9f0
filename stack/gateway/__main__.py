"""Runs the gateway beside the stack whose files are in DIR: `python -m stack.gateway --state DIR`."""

import argparse
import asyncio
import json
import logging
import ssl
import sys
from pathlib import Path
from typing import Any

from stack.example import tree_to_build
from stack.gateway.assembly import MonoMissing
from stack.gateway.errors import PolicyFault
from stack.gateway.log_arrivals import Arrivals
from stack.gateway.readings import READINGS
from stack.gateway.serve import Running, load_regions, serve
from stack.identity.tokens import FUNCTIONS, TENANT, IdentityHeader


def main() -> int:
    """Serve until told to stop; 2 when the policies would be refused."""
    arguments = _arguments()
    logging.basicConfig(format="%(levelname)s %(message)s")
    try:
        asyncio.run(_run(arguments))
    except PolicyFault as fault:
        print(fault, file=sys.stderr)
        return 2
    except MonoMissing as missing:
        print(f"gateway: {missing}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 0
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policies", type=Path, default=Path("apim-policies"))
    parser.add_argument("--config", type=Path, default=tree_to_build() / "config")
    parser.add_argument("--state", type=Path, default=Path(".local"))
    parser.add_argument("--port", type=int, default=0, help="of the first region; the next regions follow")
    parser.add_argument("--region", action="append", help="serve only this region (may be repeated)")
    parser.add_argument("--logs-port", type=int, default=0, help="of the Log Analytics query service")
    parser.add_argument("--log-delay", type=float, default=1.0, help="seconds until a log row can be queried")
    parser.add_argument("--tenant", default=TENANT, help="the tenant whose Entra tokens are accepted")
    parser.add_argument("--value", action="append", default=[], metavar="NAME=VALUE", help="set a named value")
    parser.add_argument("--sku", default="Premium", help="the tier, which decides how large a body can be read")
    parser.add_argument("--reading", default="plain", choices=READINGS, help="answers to what is not documented")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    regions = arguments.region or load_regions(arguments.config)
    ports = {region: arguments.port + place if arguments.port else 0 for place, region in enumerate(regions)}
    async with serve(
        arguments.policies,
        arguments.config,
        arguments.state,
        ports=ports,
        logs_port=arguments.logs_port,
        logs_tls=stack_certificate(arguments.state),
        log=Arrivals(delay=arguments.log_delay),
        sku=arguments.sku,
        readings=READINGS[arguments.reading],
        **surroundings(arguments.state, arguments.tenant, arguments.value),
    ) as running:
        _announce(arguments.state, running)
        await asyncio.Event().wait()


def stack_certificate(state: Path) -> ssl.SSLContext | None:
    """The stack's certificate, for the query service: its clients refuse to send tokens without TLS."""
    certificate, key = state / "certs" / "server.pem", state / "certs" / "server-key.pem"
    if not certificate.exists():
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    return tls


def surroundings(state: Path, tenant: str, settings: list[str]) -> dict[str, Any]:
    """What the gateway needs to know of the stack and the accounts whose files are in `state`."""
    stack = _read(state / "stack.json").get("env", {})
    values = {"tenant_id": tenant, "functions_client_id": FUNCTIONS}
    if topic := stack.get("EVENT_GRID_TOPIC_ENDPOINT"):
        values["usage_topic_endpoint"] = f"{topic}?api-version=2018-01-01"
    if functions := stack.get("FUNCTIONS_URL"):
        values["owners_endpoint"] = f"{functions}/api/v1/owners"
        values["decisions_endpoint"] = f"{functions}/api/v1/budgets/decisions"
    if client := stack.get("OWNERS_CLIENT_ID"):
        values["owners_client_id"] = client
    for setting in settings:
        name, _, value = setting.partition("=")
        values[name.replace("-", "_")] = value
    authority = stack.get("OIDC_AUTHORITY")
    described = f"{authority}/{{tenant}}/v2.0/.well-known/openid-configuration" if authority else None
    return {
        "values": values,
        "hosts": _read(state / "openai.json"),
        "identity_endpoint": stack.get("IDENTITY_ENDPOINT"),
        "identity_header": f"{IdentityHeader.of(stack.get('IDENTITY_HEADER', 'local-dev')).secret}.gateway",
        "openid_configuration": described,
        "authorities": stack.get("SSL_CERT_FILE"),
    }


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def _announce(state: Path, running: Running) -> None:
    document = {"regions": running.urls, "logs": running.logs}
    (state / "gateway.json").write_text(json.dumps(document, indent=2), "utf-8")
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    sys.exit(main())
