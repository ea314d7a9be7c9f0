"""Entra's page for signing in: it offers one person for each role, and gives an application a code for their tokens.

A code lives for ten minutes and is redeemed once, by the application that knows its code verifier and names itself with
a token of the identity that it trusts
(learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow and
learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity).
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
import jwt
from aiohttp import web

from stack.identity.asked_sign_in import (
    REDIRECT_URIS,
    AskedSignIn,
    EntraRefusal,
    NotRedirected,
    Registered,
    asked_sign_in,
    is_registered,
)
from stack.identity.people import API, LIFETIME, PEOPLE, StackPerson, token_of
from stack.identity.tokens import EXCHANGE, FUNCTIONS, TENANT, Signer, issuer_v2, principal_id

CODE_SECONDS = 600
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class _Code:
    asked: AskedSignIn
    person: str
    ends: float


class TenantSignIn:
    """The way in of one tenant with one application."""

    def __init__(
        self, signer: Signer, registered: Registered = REDIRECT_URIS, clock: Callable[[], float] = time.time
    ) -> None:
        """`registered`: the redirect addresses of the application."""
        self._signer = signer
        self._registered = registered
        self._clock = clock
        self._codes: dict[str, _Code] = {}
        self._used: set[str] = set()

    async def authorize(self, request: web.Request) -> web.Response:
        """Show who may sign in; when somebody is chosen, send the browser back with a code."""
        try:
            asked = asked_sign_in(request.match_info["tenant"], request.query, self._registered)
        except NotRedirected as refusal:
            return _page("refused", 400, refusal=refusal)
        except EntraRefusal as refusal:
            return _back(request.query["redirect_uri"], request.query.get("state", ""), _said(refusal))
        if request.method != "POST":
            return _page("choose", 200, people=PEOPLE, role=_role)
        chosen = str((await request.post()).get("as", ""))
        if chosen not in PEOPLE:
            cancelled = EntraRefusal("access_denied", 65004, "User declined to consent to access the app.")
            return _back(asked.redirect_uri, asked.state, _said(cancelled))
        code = f"1.{secrets.token_urlsafe(96)}"
        self._codes[code] = _Code(asked, chosen, self._clock() + CODE_SECONDS)
        return _back(asked.redirect_uri, asked.state, {"code": code, "session_state": secrets.token_hex(16)})

    async def sign_out(self, request: web.Request) -> web.Response:
        """Say that somebody is signed out, and lead on only to a registered address."""
        wanted = request.query.get("post_logout_redirect_uri", "")
        if is_registered(wanted, self._registered):
            raise web.HTTPFound(wanted)
        return _page("signed-out", 200)

    def redeem(self, form: Mapping[str, str], headers: Mapping[str, str], authority: str) -> web.Response:
        """Give tokens for a code."""
        try:
            if "Origin" in headers:
                words = "Tokens issued for the 'Web' client-type may not be redeemed via cross-origin requests."
                raise EntraRefusal("invalid_request", 9002326, words)
            self._check_client(form, authority)
            return web.json_response(
                self._tokens(self._redeemed(form), authority), headers={"Cache-Control": "no-store"}
            )
        except EntraRefusal as refusal:
            return web.json_response(_said(refusal), status=401 if refusal.error == "invalid_client" else 400)

    def _check_client(self, form: Mapping[str, str], authority: str) -> None:
        if form.get("client_id") != API:
            raise EntraRefusal(
                "unauthorized_client", 700016, "The application was not found in the directory 'Contoso'."
            )
        if form.get("client_assertion_type") != JWT_BEARER or not form.get("client_assertion"):
            words = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise EntraRefusal("invalid_client", 7000218, words)
        try:
            said = self._signer.verify(form["client_assertion"], [EXCHANGE], issuer_v2(authority))
        except jwt.InvalidAudienceError:
            raise EntraRefusal(
                "invalid_client", 700212, "No matching federated identity record for the audience."
            ) from None
        except jwt.InvalidIssuerError:
            raise EntraRefusal(
                "invalid_client", 700211, "No matching federated identity record for the issuer."
            ) from None
        except jwt.InvalidTokenError as error:
            raise EntraRefusal(
                "invalid_client", 700027, f"Client assertion failed signature validation: {error}"
            ) from None
        if said.get("sub") != principal_id(FUNCTIONS):
            raise EntraRefusal("invalid_client", 700213, "No matching federated identity record for the subject.")

    def _redeemed(self, form: Mapping[str, str]) -> _Code:
        given = form.get("code", "")
        if given in self._used:
            raise EntraRefusal("invalid_grant", 54005, "OAuth2 Authorization code was already redeemed.")
        code = self._codes.get(given)
        if code is None:
            raise EntraRefusal("invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.")
        if self._clock() >= code.ends:
            raise EntraRefusal("invalid_grant", 70008, "The provided authorization code is expired.")
        if form.get("redirect_uri") != code.asked.redirect_uri:
            raise EntraRefusal("invalid_client", 500112, "The reply address does not match that of the code.")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != code.asked.challenge:
            raise EntraRefusal("invalid_grant", 50148, "The code_verifier does not match the code_challenge.")
        self._used.add(given)
        return self._codes.pop(given)

    def _tokens(self, code: _Code, authority: str) -> dict[str, Any]:
        person = PEOPLE[code.person]
        answer = {
            "token_type": "Bearer",
            "scope": " ".join(code.asked.scopes),
            "expires_in": LIFETIME,
            "ext_expires_in": LIFETIME,
            "access_token": token_of(code.person, self._signer, authority, azp=API, azpacr="2"),
        }
        if "openid" in code.asked.scopes:
            answer["id_token"] = self._signer.sign(_identity(person, code.asked, authority))
        return answer


def _identity(person: StackPerson, asked: AskedSignIn, authority: str) -> dict[str, Any]:
    now = int(time.time())
    return {
        "aud": API,
        "iss": issuer_v2(authority),
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "tid": TENANT,
        "oid": person.object_id,
        "sub": hashlib.sha256(person.object_id.encode()).hexdigest()[:43],
        "name": person.name,
        "preferred_username": person.login,
        "ver": "2.0",
        **({"nonce": asked.nonce} if asked.nonce else {}),
    }


def _said(refusal: EntraRefusal) -> dict[str, str]:
    return {"error": refusal.error, "error_description": refusal.description}


def _back(redirect_uri: str, state: str, answer: Mapping[str, str]) -> web.Response:
    said = {**answer, **({"state": state} if state else {})}
    return web.Response(status=302, headers={**_HEADERS, "Location": f"{redirect_uri}?{urlencode(said)}"})


def _role(person: StackPerson) -> str:
    return ", ".join(role.value.rpartition(".")[2] for role in person.roles) or "no role"


def _page(name: str, status: int, **values: Any) -> web.Response:
    text = _environment().get_template("sign_in.html.j2").render(page=name, **values)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=_HEADERS)


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
