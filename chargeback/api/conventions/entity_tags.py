"""Says whether something has changed since somebody read it: 304 for readers, 412 and 428 for those who change it."""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec
from fastapi import Request, Response

from chargeback.api.errors import ApiError
from chargeback.domain.access.requester import Requester

VARY = {"Vary": "Accept, Authorization, Cookie", "Cache-Control": "private, no-cache"}
"""An answer is for one caller, known by a token or by a session of the pages, and one format; it is asked for again."""


def answer_tag(request: Request, version: str, media_type: str = "application/json") -> str:
    """The entity tag of an answer: by the version of what it is made from, the question, and which rows may be seen."""
    who: Requester = request.state.requester
    scope = who.scope
    own = scope.own.actor if scope.own else ""
    seen = [str(scope.everything), own, *sorted(scope.cost_centres)]
    roles = sorted(who.roles)
    query = request.scope["query_string"].decode("latin-1")
    return tag_of([version, media_type, str(request.url.replace(query="")), query, *roles, *seen])


def tag_of(parts: Iterable[str]) -> str:
    """A strong entity tag that is the same for the same parts."""
    return f'"{hashlib.sha256(msgspec.json.encode(list(parts))).hexdigest()[:32]}"'


def unchanged(request: Request, tag: str, headers: Mapping[str, str] = VARY) -> Response | None:
    """304 if whoever asks has this already; None: answer."""
    if not _names(request, "if-none-match", tag):
        return None
    return Response(status_code=304, headers={"ETag": tag, **headers})


def require_match(request: Request, tag: str) -> None:
    """Let somebody change what they have read: 428 without If-Match, 412 if it was changed since."""
    if not request.headers.get("if-match", "").strip():
        message = "say what you have read: If-Match with the ETag of the answer to GET"
        raise ApiError(428, "PreconditionRequired", message, target="If-Match")
    if not _names(request, "if-match", tag):
        message = "it was changed since you read it: read it again"
        raise ApiError(412, "PreconditionFailed", message, target="If-Match", headers={"ETag": tag})


def _names(request: Request, header: str, tag: str) -> bool:
    named = [each.strip() for line in request.headers.getlist(header) for each in line.split(",")]
    if header == "if-none-match":  # compared weakly, RFC 9110 section 13.1.2
        named = [each.removeprefix("W/") for each in named]
    return "*" in named or tag in named
