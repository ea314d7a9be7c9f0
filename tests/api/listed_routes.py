"""Routes of a test with the conventions of every route for people: a list, one thing, and refusals of each kind."""

from decimal import Decimal
from typing import Annotated, Any

import httpx
from fastapi import HTTPException, Query, Request, Response

from chargeback.api.conventions.answering import rows_answer, tagged_answer
from chargeback.api.conventions.entity_tags import require_match, tag_of
from chargeback.api.conventions.formats import AnswerTable, CellType
from chargeback.api.conventions.pages import Paged, next_link
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, ErrorDetail
from chargeback.api.people import Asking
from chargeback.api.request_source import request_source
from chargeback.domain.errors import StoreUnavailable

LIST = "/api/v1/list"
COLUMNS = {"name": CellType.TEXT, "cost": CellType.AMOUNT, "requests": CellType.COUNT, "final": CellType.FLAG}
ROWS = [
    ("=cmd", Decimal("0.1000000000000000001"), 1, True),
    ("naïve, “quoted”", None, 2, False),
    ("c", Decimal("1E+3"), 2**53 + 1, False),
]
version = ["v1"]

routes = people_routes("tests")


@routes.get("/list")
async def listed(
    request: Request, who: Asking, page: Paged, name: Annotated[list[str] | None, Query()] = None
) -> Response:
    page.of_version(version[0])
    found = [row for row in ROWS if not name or row[0] in name]
    some = found[page.offset : page.offset + page.size]
    end = page.offset + page.size
    link = await next_link(request, end, version[0]) if end < len(found) else ""
    table = AnswerTable(COLUMNS, some)
    return await rows_answer(request, table, version[0], beside={"asOf": "now", "who": who.name}, next_link=link)


@routes.get("/one")
async def one(request: Request, who: Asking, day: str = "") -> Response:
    return tagged_answer(request, {"who": who.name, "day": day}, version[0])


@routes.put("/one")
async def change(request: Request, who: Asking) -> Response:
    require_match(request, tag_of([version[0]]))
    return Response(status_code=204)


@routes.get("/broken")
async def broken(request: Request, who: Asking, how: str) -> Response:
    match how:
        case "store":
            raise StoreUnavailable("cosmos of the secret host is away")
        case "bug":
            raise RuntimeError("a secret of the inside")
        case "http":
            raise HTTPException(413, "too long")
    raise ApiError(400, "Odd", "odd", target="how", details=[ErrorDetail("Odd", "very odd", "how")])


@routes.get("/from")
async def whence(request: Request, who: Asking) -> Response:
    source = request_source(request)
    return tagged_answer(request, [source.address, source.agent, source.request_id], "v")


def error_of(answer: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    assert answer.headers["x-ms-error-code"] == error["code"]
    assert error["message"]
    return error
