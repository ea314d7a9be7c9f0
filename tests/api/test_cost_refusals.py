"""A question about costs that cannot be answered is refused, and says how to ask for less."""

from typing import Any

import pytest

from chargeback.domain.errors import QueryRefused, QueryTooLarge, StoreUnavailable
from tests.api.asking import FIGURES, MARCH
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import costs_api
from tests.support.people import as_person, client_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreUnavailable("the secret host"), 503, "StoreUnavailable"),
        (QueryTooLarge("takes more than 10 seconds: ask for a shorter span"), 400, "QueryTooLarge"),
        (QueryRefused("too many questions: ask again in a moment"), 503, "TooBusy"),
    ],
)
async def test_a_question_that_is_too_large_or_comes_at_a_bad_time_is_refused(
    viewed: ViewedProduct, error: Exception, status: int, code: str
) -> None:
    class Failing:
        async def standing(self, *_: Any) -> Any:
            raise error

    async with client_of(costs_api(viewed, costs=Failing())) as client:
        for path in (*FIGURES, "analytics/overview"):
            answer = await client.get(f"/api/v1/{path}", params=MARCH, headers=as_person("finance"))
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
            assert ("retry-after" in answer.headers) == (status == 503)
            assert "secret" not in answer.text


async def test_a_file_with_too_many_rows_is_refused_and_says_how_to_ask_for_less(viewed: ViewedProduct) -> None:
    class Long:
        standing = viewed.reader.standing

        async def answer(self, query: Any, scope: Any, paging: Any) -> Any:
            found = await viewed.reader.answer(query, scope, paging)
            return type(found)(found.rows, 50_001, found.standing, found.missing)

    async with client_of(costs_api(viewed, costs=Long())) as client:
        headers = as_person("finance") | {"Accept": "text/csv"}
        whole = await client.get("/api/v1/costs/breakdown", params=MARCH, headers=headers)
        page = await client.get("/api/v1/costs/breakdown", params=MARCH | {"maxpagesize": 5}, headers=headers)

    assert (whole.status_code, whole.json()["error"]["code"]) == (400, "TooManyRows")
    assert "maxpagesize" in whole.json()["error"]["message"]
    assert page.status_code == 200
    assert "next" in page.links
