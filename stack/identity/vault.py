"""Serves a stand-in for Key Vault: it gives secrets to identities whose roles allow it.

Run as `python -m stack.identity.vault --port N --cert FILE --key FILE --signing-key FILE [--secret NAME=VALUE …]`.
A request without a token is told where to get one; the client then looks whether the vault's host belongs to the
resource that the token is for, as kv.vault.azure.net belongs to vault.azure.net: here 127.0.0.1 to 0.0.1
(learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses). Secrets are in memory.
"""

import argparse
import ssl
import time
import uuid
from pathlib import Path

import jwt
from aiohttp import web

from stack.identity.permissions import may
from stack.identity.tokens import TENANT, Signer, load_signer

DATA_ACTIONS = "Microsoft.KeyVault/vaults/secrets"


class Vault:
    """One vault."""

    def __init__(self, signer: Signer, port: int, secrets: dict[str, str]) -> None:
        self._signer = signer
        self._port = port
        self._secrets = secrets
        self._set = {name: _new_version() for name in secrets}

    async def get(self, request: web.Request) -> web.Response:
        """Answer the newest version of a secret."""
        self._authorize(request, f"{DATA_ACTIONS}/getSecret/action")
        value = self._secrets.get(request.match_info["name"])
        if value is None:
            raise _error(web.HTTPNotFound, "SecretNotFound", "A secret with this name was not found in this key vault.")
        return self._bundle(request.match_info["name"], value)

    async def put(self, request: web.Request) -> web.Response:
        """Set a secret."""
        self._authorize(request, f"{DATA_ACTIONS}/setSecret/action")
        value = self._secrets[request.match_info["name"]] = str((await request.json())["value"])
        self._set[request.match_info["name"]] = _new_version()
        return self._bundle(request.match_info["name"], value)

    def _authorize(self, request: web.Request, action: str) -> None:
        resource = f"https://0.0.1:{self._port}"
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            who = str(self._signer.verify(token, [resource])["appid"])
        except jwt.InvalidTokenError:
            where = f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="{resource}"'
            raise _error(web.HTTPUnauthorized, "Unauthorized", "AKV10000", {"WWW-Authenticate": where}) from None
        if not may(who, "vault", action):
            raise _error(web.HTTPForbidden, "Forbidden", f"Caller {who!r} is not authorized to perform {action!r}.")

    def _bundle(self, name: str, value: str) -> web.Response:
        version, now = self._set[name]
        identity = f"https://127.0.0.1:{self._port}/secrets/{name}/{version}"
        attributes = {"enabled": True, "created": now, "updated": now, "recoveryLevel": "Recoverable+Purgeable"}
        return web.json_response({"value": value, "id": identity, "attributes": attributes})


def _new_version() -> tuple[str, int]:
    return uuid.uuid4().hex, int(time.time())


def _error(kind: type[web.HTTPError], code: str, message: str, headers: dict[str, str] | None = None) -> web.HTTPError:
    body = {"error": {"code": code, "message": message}}
    return kind(text=web.json_response(body).text, content_type="application/json", headers=headers)


def make_app(vault: Vault) -> web.Application:
    """Return the vault's server."""
    app = web.Application()
    app.add_routes([web.get("/secrets/{name}{version:/?.*}", vault.get), web.put("/secrets/{name}{end:/?}", vault.put)])
    return app


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    for name in ("--cert", "--key", "--signing-key"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--secret", action="append", default=[])
    arguments = parser.parse_args()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(arguments.cert, arguments.key)
    secrets = dict(each.split("=", 1) for each in arguments.secret)
    app = make_app(Vault(load_signer(arguments.signing_key), arguments.port, secrets))
    web.run_app(app, host="127.0.0.1", port=arguments.port, ssl_context=tls, print=None, access_log=None)


if __name__ == "__main__":
    main()
