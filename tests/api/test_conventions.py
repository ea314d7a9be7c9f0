"""What every route for people does: who asks, parameters, pages, entity tags, formats, and refusals in one shape."""

import io
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated, Any

import duckdb
import httpx
import msgspec
import pytest
from fastapi import HTTPException, Query, Request, Response
from hypothesis import given
from hypothesis import strategies as st

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.api.bodies import decoded
from chargeback.api.conventions.answering import rows_answer, tagged_answer
from chargeback.api.conventions.cursors import Cursor, seal, unseal
from chargeback.api.conventions.entity_tags import require_match, tag_of
from chargeback.api.conventions.formats import AnswerTable, CellType
from chargeback.api.conventions.pages import Paged, next_link
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, ErrorDetail
from chargeback.api.people import Asking
from chargeback.api.request_source import request_source
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.access.cursor_key import CursorKey
from tests.support.people import as_person, client_of, person, small_api

pytestmark = pytest.mark.anyio

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


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    version[0] = "v1"
    async with client_of(small_api(routes, person("ann"), person("bob"))) as client:
        client.headers.update(as_person("ann"))
        yield client


def error_of(answer: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    assert answer.headers["x-ms-error-code"] == error["code"]
    assert error["message"]
    return error


# Who asks


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer nobody", "Basic ann", "ann"])
async def test_nobody_is_answered_without_a_valid_token(api: httpx.AsyncClient, header: str | None) -> None:
    del api.headers["authorization"]

    answer = await api.get(LIST, params={"unknown": "1"}, headers={} if header is None else {"authorization": header})

    assert answer.status_code == 401
    assert error_of(answer)["code"] == "Unauthenticated"
    assert answer.headers["www-authenticate"].startswith("Bearer")


# Refusals


async def test_refusals_have_one_shape(api: httpx.AsyncClient) -> None:
    answers = {how: await api.get("/api/v1/broken", params={"how": how}) for how in ("store", "bug", "http", "odd")}
    errors = {how: error_of(answer) for how, answer in answers.items()}

    assert {how: answer.status_code for how, answer in answers.items()} == {
        "store": 503, "bug": 500, "http": 413, "odd": 400
    }  # fmt: skip
    assert answers["store"].headers["retry-after"] == "10"
    assert errors["odd"]["details"] == [{"code": "Odd", "message": "very odd", "target": "how"}]
    assert not any("secret" in answer.text for answer in answers.values())


async def test_an_unknown_path_and_a_missing_parameter_are_answered_alike_in_form(api: httpx.AsyncClient) -> None:
    nowhere, missing = await api.get("/api/v1/nothing"), await api.get("/api/v1/broken")
    method = await api.post("/api/v1/broken")

    assert (nowhere.status_code, missing.status_code, method.status_code) == (404, 400, 405)
    assert [error_of(each)["code"] for each in (nowhere, missing, method)] == [
        "NotFound", "InvalidParameter", "MethodNotAllowed"
    ]  # fmt: skip
    assert error_of(missing)["target"] == "how"
    assert method.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("query", "code", "target"),
    [
        ("nmae=a", "UnknownParameter", "nmae"),
        ("Name=a", "UnknownParameter", "Name"),
        ("%00=a", "UnknownParameter", "?"),
        ("name=a%00", "InvalidParameter", "name"),
        ("name=%ff", "InvalidParameter", "name"),
        ("name=%ed%a0%80", "InvalidParameter", "name"),
        ("name=" + "a" * 513, "InvalidParameter", "name"),
        ("maxpagesize=1&maxpagesize=2", "RepeatedParameter", "maxpagesize"),
        ("maxpagesize=0", "InvalidParameter", "maxpagesize"),
        ("maxpagesize=1e9", "InvalidParameter", "maxpagesize"),
        ("maxpagesize=99999999999999999999999999", "InvalidParameter", "maxpagesize"),
        ("&".join(["name=a"] * 201), "TooManyValues", "query"),
    ],
)
async def test_a_parameter_that_cannot_be_followed_is_refused_by_name(
    api: httpx.AsyncClient, query: str, code: str, target: str
) -> None:
    answer = await api.get(f"{LIST}?{query}")

    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["target"]) == (code, target)


async def test_parameters_that_are_too_long_are_not_read(api: httpx.AsyncClient) -> None:
    assert (await api.get(f"{LIST}?name={'a' * 12_000}")).status_code == 414


# Pages


async def test_pages_follow_each_other_and_keep_the_filters(api: httpx.AsyncClient) -> None:
    wanted = [("name", "c"), ("name", "=cmd"), ("maxpagesize", "1")]

    first = await api.get(LIST, params=wanted)
    second = await api.get(first.json()["nextLink"])

    assert [first.json()["value"][0]["name"], second.json()["value"][0]["name"]] == ["=cmd", "c"]
    assert first.json()["nextLink"].startswith("https://api.test/api/v1/list?cursor=")
    assert "nextLink" not in second.json()


async def test_a_link_does_not_follow_what_a_client_writes_into_forwarding_headers(api: httpx.AsyncClient) -> None:
    lies = {"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "ftp", "Forwarded": "host=evil.test"}

    answer = await api.get(LIST, params={"maxpagesize": 1}, headers=lies)

    assert "evil" not in answer.text
    assert answer.json()["nextLink"].startswith("https://api.test/")


@pytest.mark.parametrize("host", ["evil.test/x?", "user@evil.test", "a b", "evil.test#", "[::1]x", "a:b"])
async def test_a_link_never_begins_with_more_than_a_host(api: httpx.AsyncClient, host: str) -> None:
    answer = await api.get(LIST, params={"maxpagesize": 1}, headers={"Host": host})

    assert answer.status_code == 400
    assert "evil" not in answer.text


async def test_a_cursor_is_of_no_use_to_somebody_else_or_on_another_list(api: httpx.AsyncClient) -> None:
    link = (await api.get(LIST, params={"maxpagesize": 1})).json()["nextLink"]

    other = await api.get(link, headers=as_person("bob"))
    elsewhere = await api.get(link.replace("/list", "/one"))
    with_more = await api.get(f"{link}&name=c")

    assert [each.status_code for each in (other, elsewhere, with_more)] == [400, 400, 400]
    assert error_of(other)["code"] == "InvalidCursor"
    assert "nextLink" not in other.text


async def test_a_changed_cursor_says_no_more_than_one_of_somebody_else(api: httpx.AsyncClient) -> None:
    link = (await api.get(LIST, params={"maxpagesize": 1})).json()["nextLink"]
    other = await api.get(link, headers=as_person("bob"))
    start, _, cursor = link.partition("cursor=")

    texts = [
        cursor[:-1],
        cursor + "A",
        "A" + cursor[1:],
        cursor[:60] + ("A" if cursor[60] != "A" else "B") + cursor[61:],
    ]
    for text in [*texts, "", "ü", "%2e", "A" * 9_000, cursor + "%3D"]:
        answer = await api.get(f"{start}cursor={text}")
        assert (answer.status_code, answer.json()) == (400, other.json())


async def test_a_list_does_not_go_on_with_other_figures(api: httpx.AsyncClient) -> None:
    link = (await api.get(LIST, params={"maxpagesize": 1})).json()["nextLink"]
    version[0] = "v2"

    answer = await api.get(link)

    assert (answer.status_code, error_of(answer)["code"]) == (410, "CursorOutdated")


@given(st.text(), st.text(), st.text())
def test_a_cursor_comes_back_as_it_was_with_its_key_alone(query: str, caller: str, position: str) -> None:
    cursor = Cursor("/path", query.encode("utf-8", "replace").decode(), caller.encode("utf-8", "replace").decode(),
                    "v", position.encode("utf-8", "replace").decode())  # fmt: skip

    assert unseal(seal(cursor, b"k" * 32), b"k" * 32) == cursor
    assert unseal(seal(cursor, b"k" * 32), b"j" * 32) is None


async def test_instances_share_the_key_even_if_both_make_it_at_once() -> None:
    control = MemoryControl()
    first, second = CursorKey(control), CursorKey(control)

    assert await first.read() == await second.read()
    assert len(await first.read()) == 32


# Entity tags


async def test_who_has_the_answer_gets_304_until_the_figures_change(api: httpx.AsyncClient) -> None:
    first = await api.get(LIST)
    has = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    same = await api.get(LIST, headers=has)
    version[0] = "v2"
    changed = await api.get(LIST, headers=has)

    assert (first.status_code, same.status_code, changed.status_code) == (200, 304, 200)
    assert same.content == b""
    for answer in (first, same):
        assert answer.headers["vary"] == "Accept, Authorization"
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["etag"] == first.headers["etag"]


async def test_a_tag_is_for_one_caller_one_question_and_one_format(api: httpx.AsyncClient) -> None:
    tags = [
        (await api.get(path, headers=headers)).headers["etag"]
        for path in (LIST, f"{LIST}?name=c", "/api/v1/one", "/api/v1/one?day=a")
        for headers in (as_person("ann"), as_person("bob"), {"Accept": "text/csv"})
        if "one" not in path or "Accept" not in headers
    ]

    assert len(set(tags)) == len(tags)


async def test_a_change_needs_the_tag_of_what_was_read(api: httpx.AsyncClient) -> None:
    tag = tag_of(["v1"])

    answers = [
        await api.put("/api/v1/one", headers=headers)
        for headers in ({}, {"If-Match": '"old"'}, {"If-Match": f"W/{tag}"}, {"If-Match": tag}, {"If-Match": "*"})
    ]

    assert [each.status_code for each in answers] == [428, 412, 412, 204, 204]


# Formats


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*;q=0.5, text/csv;q=0.6", "text/csv"),
        ("text/*", "text/csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("application/json;q=0, */*", "text/csv"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("APPLICATION/JSON; charset=utf-8", "application/json"),
    ],
)
async def test_the_format_is_the_one_that_is_liked_best(api: httpx.AsyncClient, accept: str | None, found: str) -> None:
    api.headers.pop("accept")

    answer = await api.get(LIST, headers={} if accept is None else {"Accept": accept})

    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == found


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "application/xml;q=x", "nonsense", ";", "a/b;q=-1"]
)
async def test_a_format_that_is_not_offered_is_refused(api: httpx.AsyncClient, accept: str) -> None:
    answer = await api.get(LIST, headers={"Accept": accept})

    assert (answer.status_code, error_of(answer)["code"]) == (406, "NotAcceptable")
    assert "text/csv" in error_of(answer)["message"]


async def test_amounts_keep_every_digit_in_every_format(api: httpx.AsyncClient) -> None:
    rows = (await api.get(LIST)).json()["value"]
    csv = await api.get(LIST, headers={"Accept": "text/csv"})
    parquet = await api.get(LIST, headers={"Accept": "application/vnd.apache.parquet"})

    assert [row["cost"] for row in rows] == ["0.1000000000000000001", None, "1000"]
    assert [row["requests"] for row in rows] == [1, 2, 2**53 + 1]
    assert csv.content.decode().splitlines() == [
        "name,cost,requests,final",
        "'=cmd,0.1000000000000000001,1,true",
        '"naïve, “quoted”",,2,false',
        f"c,1000,{2**53 + 1},false",
    ]
    assert parquet_rows(parquet.content) == [
        ("=cmd", Decimal("0.100000000000000000"), 1, True),
        ("naïve, “quoted”", None, 2, False),
        ("c", Decimal(1000), 2**53 + 1, False),
    ]


def parquet_rows(content: bytes) -> list[tuple[Any, ...]]:
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(content)
        file.flush()
        return duckdb.sql(f"FROM '{file.name}'").fetchall()


async def test_a_list_without_rows_has_its_columns_in_every_format(api: httpx.AsyncClient) -> None:
    csv = await api.get(LIST, params={"name": "nobody"}, headers={"Accept": "text/csv"})
    parquet = await api.get(LIST, params={"name": "nobody"}, headers={"Accept": "application/vnd.apache.parquet"})

    assert csv.text == "name,cost,requests,final\r\n"
    assert io.BytesIO(parquet.content).read(4) == b"PAR1"
    assert parquet_rows(parquet.content) == []


async def test_other_formats_say_in_a_header_where_the_next_page_is(api: httpx.AsyncClient) -> None:
    first = await api.get(LIST, params={"maxpagesize": 2}, headers={"Accept": "text/csv"})
    second = await api.get(first.links["next"]["url"], headers={"Accept": "text/csv"})

    assert second.text.splitlines()[1].startswith("c,1000")
    assert "next" not in second.links


# What surrounds a request


async def test_head_is_answered_like_get_without_a_body(api: httpx.AsyncClient) -> None:
    get, head = await api.get(LIST), await api.head(LIST)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == get.headers["etag"]
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_every_answer_has_an_id_that_no_client_chooses(api: httpx.AsyncClient) -> None:
    mine = {"x-ms-request-id": "mine", "x-request-id": "mine"}
    answers = [
        await api.get(path, headers=mine) for path in (LIST, "/nothing", "/api/v1/broken?how=bug", "/api/v1/from")
    ]
    ids = [answer.headers["x-ms-request-id"] for answer in answers]

    assert len(set(ids)) == 4
    assert "mine" not in ids
    assert answers[-1].json()[2] == ids[-1]


@pytest.mark.parametrize(
    ("forwarded", "ip"),
    [
        ("192.0.2.1:50123", "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1:50123", "192.0.2.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1, nonsense", ""),
        ("", ""),
        (None, ""),
    ],
)
async def test_the_address_is_the_one_that_the_front_end_saw(
    api: httpx.AsyncClient, forwarded: str | None, ip: str
) -> None:
    headers = {"User-Agent": "a" * 300} | ({} if forwarded is None else {"X-Forwarded-For": forwarded})

    answer = await api.get("/api/v1/from", headers=headers)

    assert answer.json()[:2] == [ip, "a" * 200]


# Bodies


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    sizes: list[int] = []


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (b"", "$"),
        (b"no json", "$"),
        (b'"\xff"', "$"),
        (b"[" * 100_000, "$"),
        (b'{"name": 1}', "$.name"),
        (b'{"name": "a", "sizes": [1, "2"]}', "$.sizes[1]"),
        (b'{"name": "a", "more": 1}', "$"),
    ],
)
def test_a_body_of_another_type_is_refused_with_the_place(body: bytes, target: str) -> None:
    with pytest.raises(ApiError) as refused:
        decoded(_Wanted, body)

    assert (refused.value.status, refused.value.text.code, refused.value.text.target) == (400, "InvalidBody", target)
    assert refused.value.text.message
