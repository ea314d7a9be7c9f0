"""Gives lists in pages: `value`, and `nextLink` where there is more.

The link is absolute, by the address that the request came to as the platform tells it. Forwarding headers are not read
here: a client can write them. Behind API Management, its policy `redirect-content-urls` gives links its own address.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Query, Request

from chargeback.api.conventions.cursors import Cursor, seal, unseal
from chargeback.api.errors import ApiError

_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")

LARGEST_PAGE = 5_000
USUAL_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which part of a list is asked for.

    Attributes:
        size: rows at most.
        position: empty for the first page, else what the page before gave to `next_link`.
        version: that of the figures on the first page; empty for the first page.
        is_sized: whether the size was asked for, or is the usual one.
    """

    size: int = USUAL_PAGE
    position: str = ""
    version: str = ""
    is_sized: bool = False

    @property
    def offset(self) -> int:
        """The position of lists that count rows."""
        return int(self.position or "0")

    def of_version(self, version: str) -> None:
        """410 if the figures are no more those of the first page, with which the rest would not add up."""
        if self.version and self.version != version:
            message = "the figures have changed since the first page: ask for the first page again"
            raise ApiError(410, "CursorOutdated", message, target="cursor")


async def continue_list(request: Request, known: Mapping[str, bool]) -> Request:
    """The request with the parameters of the first page, if it has a cursor that was made for this caller.

    400 for any other cursor, in the same words whether it was changed or is somebody else's.
    """
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    texts = [value for name, value in pairs if name == "cursor"]
    if "cursor" not in known or not texts:
        return request
    if len(pairs) > 1:
        message = "a cursor has all other parameters in it: follow nextLink as it is"
        raise ApiError(400, "InvalidCursor", message, target="cursor")
    cursor = unseal(texts[0], await request.app.state.container.cursor_key.read())
    if cursor is None or (cursor.path, cursor.caller) != (request.url.path, _caller(request)):
        raise ApiError(400, "InvalidCursor", "this is no cursor of this list for you", target="cursor")
    scope = {**request.scope, "query_string": cursor.query.encode("ascii")}
    request = Request(scope, request.receive)
    request.state.cursor = cursor
    return request


async def page_asked(
    request: Request,
    maxpagesize: Annotated[
        int | None, Query(ge=1, le=LARGEST_PAGE, description=f"Rows of a page at most; {USUAL_PAGE} without it.")
    ] = None,
    cursor: Annotated[  # noqa: ARG001 - `continue_list` has read it; here it is described
        str | None, Query(description="Where to go on: a part of `nextLink`, to be used as it is.")
    ] = None,
) -> PageAsked:
    """Which part of a list is asked for."""
    made: Cursor | None = getattr(request.state, "cursor", None)
    position, version = (made.position, made.version) if made else ("", "")
    return PageAsked(maxpagesize or USUAL_PAGE, position, version, maxpagesize is not None)


Paged = Annotated[PageAsked, Depends(page_asked)]
"""The parameter of a route that gives its list in pages."""


async def next_link(request: Request, position: str | int, version: str = "") -> str:
    """The address of the page after this one."""
    query = urlencode(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    cursor = Cursor(request.url.path, query, _caller(request), version, str(position))
    text = seal(cursor, await request.app.state.container.cursor_key.read())
    return f"{base_url(request)}{request.url.path}?cursor={text}"


def base_url(request: Request) -> str:
    """What absolute links begin with, without a slash at the end; 400 for a host that is more than name and port."""
    if not _HOST.fullmatch(request.url.netloc):
        raise ApiError(400, "InvalidHost", "the request names no host that a link can begin with", target="Host")
    return f"{request.url.scheme}://{request.url.netloc}"


def _caller(request: Request) -> str:
    return str(request.state.requester.identity.actor)
