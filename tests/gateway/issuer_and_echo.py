"""What stands around the gateway in its tests: an identity that is an OIDC issuer, and a server that echoes."""

import asyncio
import contextlib
import json
import time
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

TENANT = "11111111-2222-3333-4444-555555555555"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def token(audience: str = "https://cognitiveservices.azure.com", **claims: Any) -> str:
    """A signed token; `claims` replace the standard ones."""
    now = int(time.time())
    standard = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "tid": TENANT,
        "exp": now + 3600,
    }
    return jwt.encode({**standard, "appid": "app-1", "oid": "user-1", **claims}, KEY, "RS256", {"kid": "test"})


def identity() -> web.Application:
    """A managed-identity endpoint that is its own OIDC issuer."""

    async def managed(request: web.Request) -> web.Response:
        minted = token(request.query["resource"], appid="gateway")
        return web.json_response({"access_token": minted, "expires_on": str(int(time.time()) + 3600)})

    async def configuration(request: web.Request) -> web.Response:
        return web.json_response({"jwks_uri": f"http://{request.host}/keys"})

    async def keys(_request: web.Request) -> web.Response:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
        return web.json_response({"keys": [{**key, "kid": "test", "alg": "RS256"}]})

    app = web.Application()
    app.router.add_get("/msi/token", managed)
    app.router.add_get("/{tenant}/configuration", configuration)
    app.router.add_get("/keys", keys)
    return app


def faulty() -> web.Application:
    """A server that is slow or breaks off as its query says: head (seconds to the headers), pieces (of the body),
    pause (seconds before each), size (of each), cut (break off at the end), wait (Retry-After), status."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        asked = request.query
        await asyncio.sleep(float(asked.get("head", 0)))
        headers = {"Retry-After": asked["wait"]} if "wait" in asked else {}
        out = web.StreamResponse(status=int(asked.get("status", 200)), headers=headers)
        await out.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(int(asked.get("pieces", 1))):
                await asyncio.sleep(float(asked.get("pause", 0)))
                await out.write(b"x" * int(asked.get("size", 1)))
        if "cut" in asked and request.transport:
            request.transport.abort()
        return out

    app = web.Application(client_max_size=1 << 28)
    app.router.add_route("*", "/{path:.*}", answer)
    return app


def echo(seen: list[dict[str, Any]]) -> web.Application:
    """A server that keeps every request and answers with what it got."""

    async def answer(request: web.Request) -> web.Response:
        entry = {
            "method": request.method,
            "path": request.path_qs,
            "headers": dict(request.headers),
            "body": (await request.read()).decode(errors="replace"),
        }
        seen.append(entry)
        return web.json_response(entry, status=int(request.query.get("status", "200")))

    app = web.Application(client_max_size=1 << 28)
    app.router.add_route("*", "/{path:.*}", answer)
    return app
