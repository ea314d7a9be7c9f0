"""A server in front of Azurite that knows the roles of an identity and the policy of closed periods; Azurite does not.

Run as `python -m stack.stores.blob_roles --port N --cert FILE --key FILE` with AZURITE_URL in the environment.
A refusal is worded as the service's: 403 AuthorizationPermissionMismatch. Which operation needs what stands in the
REST reference under "Permissions" (https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api).
As in production, a file of `closed` can be created and never changed: 409 BlobImmutableDueToPolicy, also for a block
that is only staged (https://learn.microsoft.com/azure/storage/blobs/immutable-storage-overview).
"""

import argparse
import os
import ssl
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import jwt
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from stack.identity.permissions import may, may_manage

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"

MISMATCH = ("AuthorizationPermissionMismatch", "This request is not authorized to perform this operation.")
UNDER_POLICY = ("BlobImmutableDueToPolicy", "This operation is not permitted as the blob is immutable due to a policy.")
"""Codes with what the service says beside them."""

IMMUTABLE = "closed"
"""The container whose policy is emulated; blocks are still appended to the ledger, so its policy shows only to those
who may overwrite, and the app may not."""

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
_UPSTREAM = web.AppKey("upstream", URL)
_SESSION = web.AppKey("session", aiohttp.ClientSession)


def needed(request: web.Request) -> tuple[str, ...]:
    """The permissions, of which one is enough for a request; deleting a container needs one of the management plane."""
    query, blob = request.query, request.match_info["blob"]
    if not blob:
        if query.get("comp") == "list":
            return (f"{BLOBS}/read",)
        action = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(request.method, "write")
        return (f"{CONTAINERS}/{action}",)
    if request.method in ("GET", "HEAD"):
        return (f"{BLOBS}/read",)
    if request.method == "DELETE":
        return (f"{BLOBS}/delete",)
    creates = "comp" not in query and request.headers.get("If-None-Match") == "*"
    appends = query.get("comp") == "appendblock"
    return (f"{BLOBS}/write", f"{BLOBS}/add/action") if creates or appends else (f"{BLOBS}/write",)


def allowed(who: str, container: str, permissions: tuple[str, ...]) -> bool:
    """Whether the roles of an identity on a container give one of the permissions."""
    on = f"storage/{container}"
    return any(may(who, on, wanted) or may_manage(who, on, wanted) for wanted in permissions)


async def handle(request: web.Request) -> web.StreamResponse:
    """Pass a request on, or refuse it."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Bearer":
        try:
            who = str(jwt.decode(token, options={"verify_signature": False}).get("appid", ""))
        except jwt.InvalidTokenError:
            who = ""  # Azurite verifies the token, and refuses this one
        if who and not allowed(who, request.match_info["container"], needed(request)):
            return _refuse(403, *MISMATCH)
    if await _would_change_a_closed_file(request):
        return _refuse(409, *UNDER_POLICY)
    return await _pass_on(request)


async def _would_change_a_closed_file(request: web.Request) -> bool:
    if request.match_info["container"] != IMMUTABLE or request.method not in ("PUT", "DELETE"):
        return False
    names = ("Authorization", "x-ms-date", "x-ms-version")
    headers = {name: request.headers[name] for name in names if name in request.headers}
    url = URL(str(request.app[_UPSTREAM]).rstrip("/") + request.rel_url.raw_path, encoded=True)
    async with request.app[_SESSION].head(url, headers=headers) as found:
        return found.status == 200  # a blob that has only blocks is not there yet


async def _pass_on(request: web.Request) -> web.StreamResponse:
    url = URL(str(request.app[_UPSTREAM]).rstrip("/") + request.raw_path, encoded=True)
    headers = _without(request.headers, _HOP | {"host"})
    body = await request.read() if request.body_exists else None
    async with request.app[_SESSION].request(
        request.method, url, headers=headers, data=body, allow_redirects=False, auto_decompress=False
    ) as answer:
        kept = _without(answer.headers, _HOP)
        if request.method == "HEAD":
            kept["Content-Length"] = answer.headers.get("Content-Length", "0")
            return web.Response(status=answer.status, headers=kept)
        return web.Response(status=answer.status, headers=kept, body=await answer.read())


def _without(headers: Mapping[str, str], names: set[str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in names)


def _refuse(status: int, code: str, text: str) -> web.Response:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{text}</Message></Error>'
    headers = {"x-ms-error-code": code, "Content-Type": "application/xml"}
    return web.Response(status=status, body=body.encode(), headers=headers)


def make_app(upstream: str, tls: ssl.SSLContext) -> web.Application:
    """Return the server before the Azurite at `upstream`."""
    app = web.Application(client_max_size=1 << 28)
    app[_UPSTREAM] = URL(upstream).origin()

    async def session(app: web.Application):  # type: ignore[no-untyped-def]
        connector = aiohttp.TCPConnector(ssl=tls, limit=0)
        async with aiohttp.ClientSession(connector=connector) as app[_SESSION]:
            yield

    app.cleanup_ctx.append(session)
    app.router.add_route("*", "/{account}/{container}{slash:/?}{blob:.*}", handle)
    return app


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    for name in ("--cert", "--key"):
        parser.add_argument(name, type=Path, required=True)
    arguments = parser.parse_args()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(arguments.cert, arguments.key)
    app = make_app(os.environ["AZURITE_URL"], ssl.create_default_context())
    web.run_app(app, host="127.0.0.1", port=arguments.port, ssl_context=server, print=None, access_log=None)


if __name__ == "__main__":
    main()
