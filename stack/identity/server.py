"""Serves the managed-identity token endpoint (App Service protocol), which is also an OIDC issuer.

In Azure each app has an endpoint of its own. Here the secret header says whose identity is asked for: the secret alone
is the functions', `<secret>.<principal>` that of another principal of roles.bicep, such as the gateway. `+<person>` at
its end is who is signed in at a terminal: for the API of costs, they get that person's token, as in a Cloud Shell.

Run as `python -m stack.identity.server --port N --key FILE` with IDENTITY_HEADER in the environment.
"""

import argparse
import os
import time
from pathlib import Path

from aiohttp import web

from stack.identity.asked_sign_in import REDIRECT_URIS, Registered
from stack.identity.people import AUDIENCES, PEOPLE, token_of
from stack.identity.sign_in import TenantSignIn
from stack.identity.tokens import (
    EXCHANGE,
    FUNCTIONS,
    ISSUER,
    LIFETIME,
    TENANT,
    IdentityHeader,
    Signer,
    issuer_v2,
    load_signer,
    principal_id,
)

SIGNER = web.AppKey("signer", Signer)
SECRET = web.AppKey("secret", str)
TENANT_SIGN_IN = web.AppKey("sign_in", TenantSignIn)
LIFETIMES: web.AppKey[dict[str, int]] = web.AppKey("lifetimes", dict)


async def managed_identity(request: web.Request) -> web.Response:
    """Answer `GET /msi/token?resource=…` as App Service does, if the secret header is right."""
    given = IdentityHeader.of(request.headers.get("X-IDENTITY-HEADER", ""))
    if given.secret != request.app[SECRET]:
        return _refuse(401, "invalid_header", "X-IDENTITY-HEADER is missing or wrong")
    resource = request.query.get("resource")
    if not resource or "api-version" not in request.query:
        return _refuse(400, "invalid_request", "resource and api-version are required")
    client = request.query.get("client_id") or given.principal or FUNCTIONS
    ends = int(time.time()) + request.app[LIFETIMES].get(resource.rstrip("/"), LIFETIME)
    if resource in AUDIENCES and given.person:
        if given.person not in PEOPLE:
            return _refuse(400, "invalid_request", f"nobody is called {given.person!r}: {', '.join(PEOPLE)}")
        token = token_of(given.person, request.app[SIGNER], _here(request), exp=ends)
    elif resource == EXCHANGE:  # a token of version 2, as the registration's credential wants it
        named = {"iss": issuer_v2(_here(request)), "sub": principal_id(client), "ver": "2.0"}
        token = request.app[SIGNER].mint(resource, appid=client, exp=ends, **named)
    else:
        token = request.app[SIGNER].mint(resource, appid=client, exp=ends, **_kind(resource))
    return web.json_response(
        {
            "access_token": token,
            "client_id": client,
            "expires_on": str(ends),
            "resource": resource,
            "token_type": "Bearer",
        }
    )


async def token_endpoint(request: web.Request) -> web.Response:
    """Answer a grant of OAuth 2.0: an authorization code, or the credentials of a client.

    For credentials any secret will do; the client id becomes `appid`.
    """
    form = await request.post()
    if form.get("grant_type") == "authorization_code":
        fields = {name: str(value) for name, value in form.items()}
        return request.app[TENANT_SIGN_IN].redeem(fields, request.headers, _here(request))
    client, scope = str(form.get("client_id", "")), str(form.get("scope", ""))
    if form.get("grant_type") != "client_credentials" or not client or not scope.endswith("/.default"):
        return _refuse(400, "invalid_request", "grant_type, client_id and scope (…/.default) are required")
    audience = scope.removesuffix("/.default")
    token = request.app[SIGNER].mint(audience, appid=client, azp=client, **_kind(audience))
    return web.json_response({"token_type": "Bearer", "expires_in": LIFETIME, "access_token": token})


async def mint(request: web.Request) -> web.Response:
    """Mint a token with any claims, `POST /mint {"aud": …, "oid": …}`; for tests and demos only."""
    claims = await request.json()
    if not isinstance(claims, dict) or not claims.get("aud"):
        return _refuse(400, "invalid_request", "claims must hold `aud`")
    return web.json_response({"access_token": request.app[SIGNER].mint(claims["aud"], **claims)})


async def set_lifetime(request: web.Request) -> web.Response:
    """Let the managed identity's tokens for a resource end sooner: `POST /_lifetime {"resource": …, "seconds": …}`."""
    wanted = await request.json()
    request.app[LIFETIMES][str(wanted["resource"]).rstrip("/")] = int(wanted["seconds"])
    return web.json_response(wanted)


async def openid_configuration(request: web.Request) -> web.Response:
    """Describe the issuer, its key set and its token endpoint."""
    here = _here(request)
    return web.json_response(
        {
            "issuer": issuer_v2(here) if "/v2.0/" in request.path else ISSUER,
            "jwks_uri": f"{here}/keys",
            "token_endpoint": f"{here}/{TENANT}/oauth2/v2.0/token",
            "authorization_endpoint": f"{here}/{TENANT}/oauth2/v2.0/authorize",
            "end_session_endpoint": f"{here}/{TENANT}/oauth2/v2.0/logout",
            "response_types_supported": ["code", "id_token", "token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
    )


async def keys(request: web.Request) -> web.Response:
    """Return the public keys."""
    return web.json_response(request.app[SIGNER].key_set())


def _here(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"


def _kind(audience: str) -> dict[str, str]:
    """The registration of the API asks for the claim that tells an application's own token from a person's."""
    return {"idtyp": "app"} if audience in AUDIENCES else {}


def _refuse(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": code, "error_description": message}, status=status)


def make_app(signer: Signer, secret: str, registered: Registered = REDIRECT_URIS) -> web.Application:
    """Return the identity server; `registered` are the redirect addresses of the application."""
    app = web.Application()
    app[SIGNER], app[SECRET], app[LIFETIMES] = signer, secret, {}
    sign_in = app[TENANT_SIGN_IN] = TenantSignIn(signer, registered)
    app.add_routes(
        [
            web.get("/msi/token", managed_identity),
            web.post("/{tenant}/oauth2/v2.0/token", token_endpoint),
            web.route("*", "/{tenant}/oauth2/v2.0/authorize", sign_in.authorize),
            web.get("/{tenant}/oauth2/v2.0/logout", sign_in.sign_out),
            web.post("/mint", mint),
            web.post("/_lifetime", set_lifetime),
            web.get("/.well-known/openid-configuration", openid_configuration),
            web.get("/{tenant}/.well-known/openid-configuration", openid_configuration),
            web.get("/{tenant}/v2.0/.well-known/openid-configuration", openid_configuration),
            web.get("/keys", keys),
        ]
    )
    return app


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", type=Path, required=True)
    arguments = parser.parse_args()
    app = make_app(load_signer(arguments.key), os.environ["IDENTITY_HEADER"])
    web.run_app(app, host="127.0.0.1", port=arguments.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
