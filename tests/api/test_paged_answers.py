"""Pages follow each other for whoever asked first, and an entity tag says whether the figures changed."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.api.conventions.cursors import Cursor, seal, unseal
from chargeback.api.conventions.entity_tags import tag_of
from chargeback.services.access.cursor_key import CursorKey
from tests.api.listed_routes import LIST, error_of, version
from tests.support.people import as_person

pytestmark = pytest.mark.anyio


# Pages


async def test_pages_follow_each_other_and_keep_the_filters(listing: httpx.AsyncClient) -> None:
    wanted = [("name", "c"), ("name", "=cmd"), ("maxpagesize", "1")]

    first = await listing.get(LIST, params=wanted)
    second = await listing.get(first.json()["nextLink"])

    assert [first.json()["value"][0]["name"], second.json()["value"][0]["name"]] == ["=cmd", "c"]
    assert first.json()["nextLink"].startswith("https://api.test/api/v1/list?cursor=")
    assert "nextLink" not in second.json()


async def test_a_link_does_not_follow_what_a_client_writes_into_forwarding_headers(listing: httpx.AsyncClient) -> None:
    lies = {"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "ftp", "Forwarded": "host=evil.test"}

    answer = await listing.get(LIST, params={"maxpagesize": 1}, headers=lies)

    assert "evil" not in answer.text
    assert answer.json()["nextLink"].startswith("https://api.test/")


@pytest.mark.parametrize("host", ["evil.test/x?", "user@evil.test", "a b", "evil.test#", "[::1]x", "a:b"])
async def test_a_link_never_begins_with_more_than_a_host(listing: httpx.AsyncClient, host: str) -> None:
    answer = await listing.get(LIST, params={"maxpagesize": 1}, headers={"Host": host})

    assert answer.status_code == 400
    assert "evil" not in answer.text


async def test_a_cursor_is_of_no_use_to_somebody_else_or_on_another_list(listing: httpx.AsyncClient) -> None:
    link = (await listing.get(LIST, params={"maxpagesize": 1})).json()["nextLink"]

    other = await listing.get(link, headers=as_person("bob"))
    elsewhere = await listing.get(link.replace("/list", "/one"))
    with_more = await listing.get(f"{link}&name=c")

    assert [each.status_code for each in (other, elsewhere, with_more)] == [400, 400, 400]
    assert error_of(other)["code"] == "InvalidCursor"
    assert "nextLink" not in other.text


async def test_a_changed_cursor_says_no_more_than_one_of_somebody_else(listing: httpx.AsyncClient) -> None:
    link = (await listing.get(LIST, params={"maxpagesize": 1})).json()["nextLink"]
    other = await listing.get(link, headers=as_person("bob"))
    start, _, cursor = link.partition("cursor=")

    texts = [
        cursor[:-1],
        cursor + "A",
        "A" + cursor[1:],
        cursor[:60] + ("A" if cursor[60] != "A" else "B") + cursor[61:],
    ]
    for text in [*texts, "", "ü", "%2e", "A" * 9_000, cursor + "%3D"]:
        answer = await listing.get(f"{start}cursor={text}")
        assert (answer.status_code, answer.json()) == (400, other.json())


async def test_a_list_does_not_go_on_with_other_figures(listing: httpx.AsyncClient) -> None:
    link = (await listing.get(LIST, params={"maxpagesize": 1})).json()["nextLink"]
    version[0] = "v2"

    answer = await listing.get(link)

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


async def test_who_has_the_answer_gets_304_until_the_figures_change(listing: httpx.AsyncClient) -> None:
    first = await listing.get(LIST)
    has = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    same = await listing.get(LIST, headers=has)
    version[0] = "v2"
    changed = await listing.get(LIST, headers=has)

    assert (first.status_code, same.status_code, changed.status_code) == (200, 304, 200)
    assert same.content == b""
    for answer in (first, same):
        assert answer.headers["vary"] == "Accept, Authorization, Cookie"
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["etag"] == first.headers["etag"]


async def test_a_tag_is_for_one_caller_one_question_and_one_format(listing: httpx.AsyncClient) -> None:
    tags = [
        (await listing.get(path, headers=headers)).headers["etag"]
        for path in (LIST, f"{LIST}?name=c", "/api/v1/one", "/api/v1/one?day=a")
        for headers in (as_person("ann"), as_person("bob"), {"Accept": "text/csv"})
        if "one" not in path or "Accept" not in headers
    ]

    assert len(set(tags)) == len(tags)


async def test_a_change_needs_the_tag_of_what_was_read(listing: httpx.AsyncClient) -> None:
    tag = tag_of(["v1"])

    answers = [
        await listing.put("/api/v1/one", headers=headers)
        for headers in ({}, {"If-Match": '"old"'}, {"If-Match": f"W/{tag}"}, {"If-Match": tag}, {"If-Match": "*"})
    ]

    assert [each.status_code for each in answers] == [428, 412, 412, 204, 204]
