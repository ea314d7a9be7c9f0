"""What every route for people does: who asks, parameters, and refusals in one shape."""

import httpx
import msgspec
import pytest

from chargeback.api.bodies import decoded
from chargeback.api.errors import ApiError
from tests.api.listed_routes import LIST, error_of

pytestmark = pytest.mark.anyio


# Who asks


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer nobody", "Basic ann", "ann"])
async def test_nobody_is_answered_without_a_valid_token(listing: httpx.AsyncClient, header: str | None) -> None:
    del listing.headers["authorization"]

    answer = await listing.get(
        LIST, params={"unknown": "1"}, headers={} if header is None else {"authorization": header}
    )

    assert answer.status_code == 401
    assert error_of(answer)["code"] == "Unauthenticated"
    assert answer.headers["www-authenticate"].startswith("Bearer")


# Refusals


async def test_refusals_have_one_shape(listing: httpx.AsyncClient) -> None:
    answers = {how: await listing.get("/api/v1/broken", params={"how": how}) for how in ("store", "bug", "http", "odd")}
    errors = {how: error_of(answer) for how, answer in answers.items()}

    assert {how: answer.status_code for how, answer in answers.items()} == {
        "store": 503, "bug": 500, "http": 413, "odd": 400
    }  # fmt: skip
    assert answers["store"].headers["retry-after"] == "10"
    assert errors["odd"]["details"] == [{"code": "Odd", "message": "very odd", "target": "how"}]
    assert not any("secret" in answer.text for answer in answers.values())


async def test_an_unknown_path_and_a_missing_parameter_are_answered_alike_in_form(listing: httpx.AsyncClient) -> None:
    nowhere, missing = await listing.get("/api/v1/nothing"), await listing.get("/api/v1/broken")
    method = await listing.post("/api/v1/broken")

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
    listing: httpx.AsyncClient, query: str, code: str, target: str
) -> None:
    answer = await listing.get(f"{LIST}?{query}")

    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["target"]) == (code, target)


async def test_parameters_that_are_too_long_are_not_read(listing: httpx.AsyncClient) -> None:
    assert (await listing.get(f"{LIST}?name={'a' * 12_000}")).status_code == 414


# What surrounds a request


async def test_head_is_answered_like_get_without_a_body(listing: httpx.AsyncClient) -> None:
    get, head = await listing.get(LIST), await listing.head(LIST)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == get.headers["etag"]
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_every_answer_has_an_id_that_no_client_chooses(listing: httpx.AsyncClient) -> None:
    mine = {"x-ms-request-id": "mine", "x-request-id": "mine"}
    answers = [
        await listing.get(path, headers=mine) for path in (LIST, "/nothing", "/api/v1/broken?how=bug", "/api/v1/from")
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
    listing: httpx.AsyncClient, forwarded: str | None, ip: str
) -> None:
    headers = {"User-Agent": "a" * 300} | ({} if forwarded is None else {"X-Forwarded-For": forwarded})

    answer = await listing.get("/api/v1/from", headers=headers)

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
