"""An answer has the format that the client likes best, and every digit in each."""

import io
from decimal import Decimal
from typing import Any

import duckdb
import httpx
import pytest

from tests.api.listed_routes import LIST, error_of

pytestmark = pytest.mark.anyio


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
async def test_the_format_is_the_one_that_is_liked_best(
    listing: httpx.AsyncClient, accept: str | None, found: str
) -> None:
    listing.headers.pop("accept")

    answer = await listing.get(LIST, headers={} if accept is None else {"Accept": accept})

    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == found


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "application/xml;q=x", "nonsense", ";", "a/b;q=-1"]
)
async def test_a_format_that_is_not_offered_is_refused(listing: httpx.AsyncClient, accept: str) -> None:
    answer = await listing.get(LIST, headers={"Accept": accept})

    assert (answer.status_code, error_of(answer)["code"]) == (406, "NotAcceptable")
    assert "text/csv" in error_of(answer)["message"]


async def test_amounts_keep_every_digit_in_every_format(listing: httpx.AsyncClient) -> None:
    rows = (await listing.get(LIST)).json()["value"]
    csv = await listing.get(LIST, headers={"Accept": "text/csv"})
    parquet = await listing.get(LIST, headers={"Accept": "application/vnd.apache.parquet"})

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


async def test_a_list_without_rows_has_its_columns_in_every_format(listing: httpx.AsyncClient) -> None:
    csv = await listing.get(LIST, params={"name": "nobody"}, headers={"Accept": "text/csv"})
    parquet = await listing.get(LIST, params={"name": "nobody"}, headers={"Accept": "application/vnd.apache.parquet"})

    assert csv.text == "name,cost,requests,final\r\n"
    assert io.BytesIO(parquet.content).read(4) == b"PAR1"
    assert parquet_rows(parquet.content) == []


async def test_other_formats_say_in_a_header_where_the_next_page_is(listing: httpx.AsyncClient) -> None:
    first = await listing.get(LIST, params={"maxpagesize": 2}, headers={"Accept": "text/csv"})
    second = await listing.get(first.links["next"]["url"], headers={"Accept": "text/csv"})

    assert second.text.splitlines()[1].startswith("c,1000")
    assert "next" not in second.links
