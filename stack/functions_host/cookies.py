"""Writes cookies as Azure does: the library takes them apart, and the host puts them together again in its own way.

A value is percent-encoded, attributes are in small letters, and an attribute that a cookie does not have but the worker
knows of is there without a value, such as `domain=`
(Azure/azure-functions-host, GrpcMessageExtensionUtilities.cs, and Microsoft.Net.Http.Headers.SetCookieHeaderValue).
"""

from collections.abc import Iterable, Iterator
from http.cookies import Morsel, SimpleCookie
from urllib.parse import quote


def cookie_lines(cookies: Iterable[SimpleCookie] | None) -> Iterator[str]:
    """Return the value of each header Set-Cookie."""
    for cookie in cookies or ():
        for morsel in cookie.values():
            yield "; ".join(_parts(morsel))


def _parts(morsel: "Morsel[str]") -> Iterator[str]:
    yield f"{morsel.key}={quote(morsel.value, safe='')}"
    if morsel["expires"]:
        yield f"expires={morsel['expires']}"
    if morsel["max-age"] != "":
        yield f"max-age={int(float(morsel['max-age']))}"
    yield f"domain={morsel['domain']}"
    yield f"path={morsel['path']}"
    if morsel["secure"]:
        yield "secure"
    if morsel["samesite"]:
        yield f"samesite={morsel['samesite'].lower()}"
    if morsel["httponly"]:
        yield "httponly"
