"""Answers a request: JSON with its entity tag, or rows in the format that is asked for, in pages."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import Request, Response

from chargeback.api.conventions.entity_tags import VARY, answer_tag, unchanged
from chargeback.api.conventions.formats import AnswerTable, MediaType, as_csv, as_objects, as_parquet, media_type_of


def json_answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer as JSON that nobody keeps."""
    return Response(
        msgspec.json.encode(content), status, {"Cache-Control": "no-store", **(headers or {})}, MediaType.JSON
    )


def tagged_answer(request: Request, content: object, version: str | None = None) -> Response:
    """An answer as JSON with the entity tag of a version, or of all that it says; 304 to whoever has it.

    406 where JSON is not accepted.
    """
    media_type_of(request, (MediaType.JSON,))
    encoded = msgspec.json.encode(content)
    tag = answer_tag(request, encoded.decode() if version is None else version)
    return unchanged(request, tag) or Response(encoded, 200, {"ETag": tag, **VARY}, MediaType.JSON)


def version_but_for_moment(content: msgspec.Struct) -> str:
    """What an answer says, without its `as_of`: the same figures are the same answer at any moment."""
    return msgspec.json.encode(msgspec.structs.replace(content, as_of=_NEVER)).decode()


_NEVER = datetime.min.replace(tzinfo=UTC)


def already_known(request: Request, version: str, media_type: MediaType) -> Response | None:
    """304 to whoever has the rows of a version in a format; None: read and answer them."""
    return unchanged(request, answer_tag(request, version, media_type))


async def rows_answer(
    request: Request,
    table: AnswerTable,
    version: str,
    media_type: MediaType | None = None,
    *,
    beside: Mapping[str, Any] | None = None,
    next_link: str = "",
) -> Response:
    """Rows in the format that is asked for, with the entity tag of a version; 304 to whoever has them.

    JSON is `{"value": [row, …], "nextLink": …}` with the fields of `beside`; the other formats are the rows alone, and
    the link is a header: `Link: <…>; rel="next"`.
    """
    media_type = media_type or media_type_of(request)
    tag = answer_tag(request, version, media_type)
    if same := unchanged(request, tag):
        return same
    headers = {"ETag": tag, **VARY}
    if next_link and media_type is not MediaType.JSON:
        headers["Link"] = f'<{next_link}>; rel="next"'
    content = {**(beside or {}), **({"nextLink": next_link} if next_link else {})}
    body = await asyncio.to_thread(_encoded, table, media_type, content)
    return Response(body, 200, headers, _CONTENT_TYPES.get(media_type, media_type))


_CONTENT_TYPES = {MediaType.CSV: "text/csv; charset=utf-8; header=present"}


def _encoded(table: AnswerTable, media_type: MediaType, beside: Mapping[str, Any]) -> bytes:
    """Beside the event loop: an answer may have thousands of rows."""
    match media_type:
        case MediaType.CSV:
            return as_csv(table)
        case MediaType.PARQUET:
            return as_parquet(table)
    return msgspec.json.encode({**beside, "value": as_objects(table)})
