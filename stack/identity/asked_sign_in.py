"""What Entra refuses of a sign-in before anybody signs in, and in which of two ways.

Whatever is wrong with the application or its redirect address stays on Entra's own page, because nobody knows whom a
redirect would lead to; all else goes back to the application
(learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code and
learn.microsoft.com/entra/identity-platform/reference-error-codes).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from stack.identity.people import API
from stack.identity.tokens import TENANT

Registered = tuple[str, ...]

REDIRECT_URIS: Registered = ("http://127.0.0.1/signed-in", "http://localhost/signed-in")
"""What is registered. On a machine's own addresses the port does not count
(learn.microsoft.com/entra/identity-platform/reply-url#localhost-exceptions)."""

OWN_SCOPE = f"{API}/access_as_user"
LOOPBACK = ("127.0.0.1", "localhost")
CHALLENGE = 43
"""Characters of a SHA-256 in base64 for URLs."""
OPEN_ID = frozenset({"openid", "profile", "email"})


class EntraRefusal(Exception):
    """Entra refuses a request.

    Attributes:
        error: the word of OAuth 2.0.
        number: Entra's own number.
    """

    def __init__(self, error: str, number: int, words: str) -> None:
        super().__init__(words)
        self.error = error
        self.number = number

    @property
    def description(self) -> str:
        """What Entra says beside the word."""
        return f"AADSTS{self.number}: {self}"


class NotRedirected(EntraRefusal):
    """A refusal that is shown on Entra's own page."""


@dataclass(frozen=True, slots=True)
class AskedSignIn:
    """A sign-in that may go on."""

    redirect_uri: str
    state: str
    nonce: str
    challenge: str
    scopes: tuple[str, ...]


def is_registered(uri: str, registered: Registered) -> bool:
    """Whether a redirect address is one of the registration."""
    parts = urlsplit(uri)
    without_port = parts._replace(netloc=parts.hostname or "").geturl()
    is_here = parts.hostname in LOOPBACK and parts.username is None
    return uri in registered or (is_here and without_port in registered)


def asked_sign_in(tenant: str, query: Mapping[str, str], registered: Registered) -> AskedSignIn:
    """What is asked for. Raises `NotRedirected`, and `EntraRefusal` for what goes back to the application."""
    _check_application(tenant, query, registered)
    for name in ("response_type", "scope"):
        if not query.get(name):
            raise EntraRefusal("invalid_request", 900144, _missing(name))
    if query["response_type"] != "code":
        raise EntraRefusal("unsupported_response_type", 700054, "response_type is not enabled for the application.")
    if query.get("response_mode", "query") != "query":
        raise EntraRefusal("invalid_request", 901002, "The response_mode is not supported by this stand-in.")
    if query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != CHALLENGE:
        raise EntraRefusal("invalid_request", 9002325, "Proof Key for Code Exchange with S256 is required here.")
    scopes = tuple(query["scope"].split())
    _check_scopes(scopes)
    if query.get("prompt") == "none":
        raise EntraRefusal("login_required", 50058, "A silent sign-in request was sent but no user is signed in.")
    return AskedSignIn(
        query["redirect_uri"], query.get("state", ""), query.get("nonce", ""), query["code_challenge"], scopes
    )


def _check_application(tenant: str, query: Mapping[str, str], registered: Registered) -> None:
    if tenant != TENANT:
        raise NotRedirected("invalid_request", 90002, f"Tenant '{tenant}' not found.")
    if "client_id" not in query:
        raise NotRedirected("invalid_request", 900144, _missing("client_id"))
    if query["client_id"] != API:
        words = f"Application with identifier '{query['client_id']}' was not found in the directory 'Contoso'."
        raise NotRedirected("unauthorized_client", 700016, words)
    uri = query.get("redirect_uri", "")
    if not is_registered(uri, registered):
        words = f"The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for"
        raise NotRedirected("invalid_request", 50011, f"{words} the application '{API}'.")


def _check_scopes(scopes: tuple[str, ...]) -> None:
    for scope in scopes:
        if scope in OPEN_ID or scope == OWN_SCOPE:
            continue
        if scope.startswith(f"api://{API}/"):
            words = f"Application '{API}' is requesting a token for itself. This scenario is supported only if"
            raise EntraRefusal(
                "invalid_request", 90009, f"{words} resource is specified using the GUID based identifier."
            )
        if scope.startswith(f"{API}/"):
            raise EntraRefusal(
                "invalid_client", 650053, f"The application asked for scope '{scope}' that doesn't exist."
            )
        raise EntraRefusal(
            "invalid_resource", 500011, f"The resource principal named {scope} was not found in the tenant."
        )
    if OWN_SCOPE not in scopes:
        raise EntraRefusal("invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid.")


def _missing(name: str) -> str:
    return f"The request body must contain the following parameter: '{name}'."
