"""The routes of costs: they say what the files say, to each person what they may see, under every name of a filter."""

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from chargeback.api.costs.names import DimensionName
from chargeback.domain.access.requester import RowScope
from chargeback.domain.costs.cost_query import cost_query
from tests.api.asking import FIGURES, MARCH, ask
from tests.support.cost_views import ViewedProduct, sums_of
from tests.support.costs_api import EVERYBODY, FINANCE, NOBODY, OPERATOR, OWNER, USER, costs_api, printed_march
from tests.support.people import as_person, client_of

pytestmark = pytest.mark.anyio

OTHERS = (
    "costs/dimensions/user", "analytics/overview", "analytics/usage", "analytics/costs", "analytics/performance",
    "cost/models/efficiency", "costs/comparison", "usage/unpriced", "usage/unsettled", "usage/estimated",
)  # fmt: skip


def sums(rows: list[dict[str, Any]], *names: str) -> dict[tuple[str, ...], Any]:
    return {
        ("", *(row[name] for name in names), row["currency"]): (
            None if row["cost"] is None else Decimal(row["cost"]),
            row["requests"],
            row["rows"],
        )
        for row in rows
    }


# The figures


@pytest.mark.parametrize("who", [FINANCE, OWNER, USER])
@pytest.mark.parametrize("names", [("costCentre",), ("user", "model"), ("meter", "usageState", "kind", "application")])
async def test_an_answer_says_what_the_published_file_says(
    costs: httpx.AsyncClient, viewed: ViewedProduct, who: Any, names: tuple[str, ...]
) -> None:
    dimensions = [DimensionName(name).dimension for name in names]
    query = cost_query("2026-03-01", "2026-03-31", {}, dimensions)

    found = await ask(costs, "costs/breakdown", who.name, groupBy=list(names))

    assert sums(found["value"], *names) == sums_of(await printed_march(viewed), query, who.scope)


async def test_cost_centres_can_be_told_apart_by_their_first_components(costs: httpx.AsyncClient) -> None:
    whole = await ask(costs, "costs/breakdown", groupBy="costCentre")
    first = await ask(costs, "costs/breakdown", groupBy="costCentre", levels=1)

    expected: dict[str, Decimal] = {}
    for row in whole["value"]:
        unit = row["costCentre"].split("/")[0]
        expected[unit] = expected.get(unit, Decimal(0)) + Decimal(row["cost"] or 0)
    assert {row["costCentre"]: Decimal(row["cost"] or 0) for row in first["value"]} == expected
    assert len(first["value"]) < len(whole["value"])


async def test_each_row_says_how_far_it_can_be_relied_on(costs: httpx.AsyncClient) -> None:
    for path in FIGURES:
        found = await ask(costs, path)
        assert found["value"]
        for row in (found, *found["value"]):
            assert (row["state"], row["final"], row["asOf"]) == ("open", False, "2026-03-20T06:00:00Z"), path


async def test_what_has_no_price_costs_not_zero_but_nothing_known(costs: httpx.AsyncClient) -> None:
    (row,) = (await ask(costs, "costs/breakdown", groupBy="usageState", usageState="unpriced"))["value"]

    assert (row["cost"], row["exactCost"], row["complete"]) == (None, None, False)
    assert row["unpriced"] > 0


async def test_without_dates_the_month_of_the_books_so_far_is_meant(costs: httpx.AsyncClient) -> None:
    answer = await costs.get("/api/v1/costs/summary", headers=as_person("finance"))

    found = answer.json()
    assert found["startDate"] == found["endDate"][:8] + "01"
    assert abs((datetime.now(UTC).date() - datetime.fromisoformat(found["endDate"]).date()).days) <= 1


async def test_pages_have_every_row_once_and_stop(costs: httpx.AsyncClient) -> None:
    whole = await ask(costs, "costs/breakdown", groupBy=["meter", "user"], orderBy="name")
    answer = await ask(costs, "costs/breakdown", groupBy=["meter", "user"], orderBy="name", maxpagesize=2)
    rows = answer["value"]
    while link := answer.get("nextLink"):
        answer = (await costs.get(link, headers=as_person("finance"))).json()
        assert 1 <= len(answer["value"]) <= 2
        rows += answer["value"]

    assert rows == whole["value"]
    assert len(rows) == whole["total"] == answer["total"] > 4


@pytest.mark.parametrize("path", [*FIGURES, "costs/dimensions/user", "analytics/performance"])
async def test_csv_and_parquet_have_the_rows_of_the_json(costs: httpx.AsyncClient, path: str) -> None:
    found = await ask(costs, path)
    headers = as_person("finance")
    as_csv = await costs.get(f"/api/v1/{path}", params=MARCH, headers=headers | {"Accept": "text/csv"})
    parquet = await costs.get(
        f"/api/v1/{path}", params=MARCH, headers=headers | {"Accept": "application/vnd.apache.parquet"}
    )

    rows = list(csv.DictReader(io.StringIO(as_csv.text, newline="")))
    assert [list(row) for row in rows] == [list(row) for row in found["value"]]
    assert rows == [{name: in_csv(value) for name, value in row.items()} for row in found["value"]]
    assert parquet.content[:4] == b"PAR1"


def in_csv(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str() if value.startswith("="):
            return f"'{value}"
    return str(value)


async def test_an_export_follows_its_parameter_and_not_what_is_accepted(costs: httpx.AsyncClient) -> None:
    headers = as_person("finance") | {"Accept": "application/json"}

    answer = await costs.get("/api/v1/analytics/export", params=MARCH | {"format": "csv"}, headers=headers)

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.startswith("month,date,costCentre,application,model,currency,cost")


# Filters under all of their names


@pytest.mark.parametrize(
    ("names", "value"),
    [
        (("costCentre", "cost_centre", "department"), "product"),
        (("user", "userId", "user_id"), "object-user"),
        (("deploymentType", "deployment_type"), "DataZoneStandard"),
    ],
)
async def test_a_filter_means_the_same_under_each_of_its_names(
    costs: httpx.AsyncClient, names: tuple[str, ...], value: str
) -> None:
    everything = await ask(costs, "costs/summary")
    found = [await ask(costs, "costs/summary", **{name: value}) for name in names]

    assert all(each == found[0] for each in found)
    assert found[0]["value"] != everything["value"]


async def test_the_dates_have_the_names_of_the_source_documents_too(costs: httpx.AsyncClient) -> None:
    other = {"start_date": "2026-03-01", "end_date": "2026-03-31", "user_id": "object-user"}
    answer = await costs.get("/api/v1/costs/summary", params=other, headers=as_person("finance"))

    assert answer.json() == await ask(costs, "costs/summary", user="object-user")


async def test_values_of_a_filter_add_up(costs: httpx.AsyncClient) -> None:
    both = await ask(costs, "costs/breakdown", groupBy="user", userId=["object-user", "object-other"])

    assert {row["user"] for row in both["value"]} == {"object-user", "object-other"}


@pytest.mark.parametrize(
    ("parameters", "target"),
    [
        ({"startDate": "2026-03-01", "start_date": "2026-03-01"}, "startDate"),
        ({"startDate": "0001-01-01"}, "startDate"),
        ({"endDate": "9999-12-31"}, "endDate"),
        ({"startDate": "2026-02-30"}, "startDate"),
        ({"startDate": "20260301"}, "startDate"),
        ({"startDate": "2026-W10-1"}, "startDate"),
        ({"startDate": "\u0662\u0660\u0662\u0666-03-01"}, "startDate"),
        ({"startDate": "2026-03-01T00:00:00"}, "startDate"),
        ({"startDate": "-2026-03-01"}, "startDate"),
        ({"startDate": "2020-01-01", "endDate": "2026-03-31"}, "endDate"),
        ({"startDate": "2026-04-01", "endDate": "2026-03-31"}, "endDate"),
        ({"endDate": "1970-01-01"}, None),
        ({"usageState": "wrong"}, "usageState"),
        ({"kind": ["usage", "wrong"]}, "kind"),
        ({"userId": ["a" * 401]}, "user"),
        ({"userId": [f"user-{number}" for number in range(150)]}, "user"),
        ({"groupBy": "wrong"}, "groupBy.0"),
        ({"groupBy": ["model", "model"]}, "groupBy"),
        ({"groupBy": ["model", "user", "meter", "region", "kind"]}, "groupBy"),
        ({"orderBy": "size"}, "orderBy"),
        ({"costCenter": "product"}, "costCenter"),
        ({"format": "csv"}, "format"),
        ({"startDate": ""}, "startDate"),
        ({"end_date": ""}, "endDate"),
        ({"=": "1"}, "="),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_its_parameter(
    costs: httpx.AsyncClient, parameters: Mapping[str, Any], target: str | None
) -> None:
    answer = await costs.get("/api/v1/costs/breakdown", params=parameters, headers=as_person("finance"))

    assert answer.status_code == (400 if target else 200), answer.text
    if target:
        error = answer.json()["error"]
        assert error["target"] == target
        assert error["code"] in ("InvalidParameter", "RepeatedParameter", "UnknownParameter")


@pytest.mark.parametrize(
    "value",
    [
        "'; DROP TABLE x; --",
        "%' OR '1'='1",
        "\u202e",
        "日本",
        "💶" * 50,
        " ",
        "a/../b",
        "/",
        "product/",
        "PRODUCT",
        "*",
    ],
)
@pytest.mark.parametrize("name", ["costCentre", "userId", "application"])
async def test_a_value_is_never_more_than_a_value(costs: httpx.AsyncClient, name: str, value: str) -> None:
    assert (await ask(costs, "costs/summary", **{name: value}))["value"] == []


# Who sees what


async def test_nobody_else_sees_that_there_are_costs(costs: httpx.AsyncClient) -> None:
    nowhere = await costs.get("/api/v1/nowhere", headers=as_person("finance"))
    for path in (*FIGURES, *OTHERS):
        for who in (OPERATOR, NOBODY):
            answer = await costs.get(f"/api/v1/{path}", params=MARCH, headers=as_person(who.name))
            assert (answer.status_code, answer.content) == (404, nowhere.content), (path, who.name)


async def test_everybody_sees_what_they_used_and_no_more(costs: httpx.AsyncClient, viewed: ViewedProduct) -> None:
    query = cost_query("2026-03-01", "2026-03-31", {}, [])
    printed = await printed_march(viewed)
    for who in EVERYBODY:
        found = await ask(costs, "me/usage", who.name)
        assert sums(found["value"]) == sums_of(printed, query, RowScope(own=who.identity))
    assert sums((await ask(costs, "me/usage", USER.name))["value"])


async def test_a_foreign_cost_centre_and_one_that_does_not_exist_are_answered_alike(costs: httpx.AsyncClient) -> None:
    foreign = await ask(costs, "costs/summary", OWNER.name, costCentre="research")
    missing = await ask(costs, "costs/summary", OWNER.name, costCentre="nothing")

    assert foreign == missing
    assert foreign["value"] == []


async def test_people_can_see_who_they_are(costs: httpx.AsyncClient) -> None:
    owner = (await costs.get("/api/v1/me", headers=as_person(OWNER.name))).json()
    nobody = (await costs.get("/api/v1/me", headers=as_person(NOBODY.name))).json()

    assert (owner["roles"], owner["costCentres"], owner["seesEverything"]) == (["Chargeback.Owner"], ["product"], False)
    assert "costs: read" in owner["permissions"]
    assert nobody["permissions"] == ["own usage: read"]


# Versions


async def test_a_dashboard_that_has_the_figures_gets_304_without_a_figure_being_read(viewed: ViewedProduct) -> None:
    class NoReading:
        def __getattr__(self, name: str) -> Any:
            assert name == "standing", name
            return viewed.reader.standing

    paths = [*FIGURES, "analytics/overview", "analytics/usage", "costs/dimensions/model", "me/usage"]
    headers = as_person("finance")
    async with client_of(costs_api(viewed)) as full, client_of(costs_api(viewed, costs=NoReading())) as lazy:
        for path in paths:
            tag = (await full.get(f"/api/v1/{path}", params=MARCH, headers=headers)).headers["etag"]
            again = await lazy.get(f"/api/v1/{path}", params=MARCH, headers=headers | {"If-None-Match": tag})
            assert (again.status_code, again.content) == (304, b""), path


async def test_the_tag_of_somebody_else_is_of_no_use(costs: httpx.AsyncClient) -> None:
    tag = (await costs.get("/api/v1/costs/summary", params=MARCH, headers=as_person("finance"))).headers["etag"]

    for who in (OWNER, USER):
        answer = await costs.get(
            "/api/v1/costs/summary", params=MARCH, headers=as_person(who.name) | {"If-None-Match": tag}
        )
        assert answer.status_code == 200
