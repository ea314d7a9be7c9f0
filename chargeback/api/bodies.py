"""Reads a request's body up to a limit, and as the type that it has to have."""

from typing import TypeVar

import msgspec
from fastapi import HTTPException, Request

from chargeback.api.errors import ApiError
from chargeback.domain.audit_log.reasons import reason_fault

Body = TypeVar("Body")


async def bounded(request: Request, limit: int) -> bytes:
    """The body, of which no more bytes are read than `limit`; 413 for a longer one."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the body is above the limit of {limit} bytes")
    return bytes(body)


def require_printable_reason(reason: str) -> None:
    """400 for a reason that no record can show."""
    if fault := reason_fault(reason):
        raise ApiError(400, "InvalidBody", fault, target="$.reason")


def decoded(kind: type[Body], body: bytes) -> Body:
    """The body as a type; 400 with the place for anything else. Types forbid unknown fields to have them refused."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message, _, place = str(error).partition(" - at `")
        raise ApiError(400, "InvalidBody", message or "this is no JSON", target=place.rstrip("`") or "$") from None
