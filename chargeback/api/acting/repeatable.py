"""Carries a POST out once, however often it is sent with the same key."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import Request, Response

from chargeback.api.errors import ApiError
from chargeback.domain.access.requester import Requester
from chargeback.services.requests.repeatable import LONGEST_KEY, KeptAnswer, UnderWay, request_name

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

_KEYS = ("repeatability-request-id", "idempotency-key")
_KEY = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}")
_KEPT_HEADERS = ("content-type", "etag", "location", "operation-location", "cache-control")
_SECONDS = "5"

_PARAMETERS = [
    {
        "name": "Repeatability-Request-ID",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": LONGEST_KEY},
        "description": "A new id for each request, such as a UUID: the same request sent again gets the same answer, "
        "and nothing is done twice. `Idempotency-Key` means the same.",
    }
]


def posting(extra: Mapping[str, object]) -> dict[str, object]:
    """The `openapi_extra` of a POST that may be repeated."""
    return {**extra, "parameters": _PARAMETERS}


async def once(
    container: "Container",
    request: Request,
    who: Requester,
    body: bytes,
    work: Callable[[datetime, str], Awaitable[Response]],
) -> Response:
    """What `work` answers at a time and under an id that are the same whenever this request comes again.

    Without a key each request is another one.
    """
    key = _key(request)
    now = datetime.now(UTC)
    if not key:
        return await work(now, "")
    requests, name = container.repeatable_requests, request_name(who.identity.actor, key)
    asked = hashlib.sha256(b"\n".join([request.method.encode(), str(request.url).encode(), body])).hexdigest()
    try:
        record = await requests.begin(name, asked, now)
    except UnderWay as error:
        raise ApiError(409, "RequestUnderWay", str(error), headers={"Retry-After": _SECONDS}) from None
    if record.answer is not None:
        kept = record.answer
        return Response(kept.body, kept.status, {**kept.headers, "Repeatability-Result": "accepted"})
    try:
        answer = await work(record.at, name)
    except Exception:
        await requests.end(name, None)
        raise
    headers = {each: answer.headers[each] for each in _KEPT_HEADERS if each in answer.headers}
    await requests.end(name, KeptAnswer(answer.status_code, headers, bytes(answer.body).decode()))
    answer.headers["Repeatability-Result"] = "accepted"
    return answer


def _key(request: Request) -> str:
    given = {each for name in _KEYS for each in request.headers.getlist(name)}
    if len(given) > 1:
        raise ApiError(400, "InvalidHeader", "give one key, in one of both headers", target=_KEYS[0])
    key = next(iter(given), "")
    if given and not _KEY.fullmatch(key):
        message = f"a key has 1 to {LONGEST_KEY} printable ASCII characters without spaces"
        raise ApiError(400, "InvalidHeader", message, target=_KEYS[0])
    return key
