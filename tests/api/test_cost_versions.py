"""Pages and entity tags of figures: the same version, the same figures, whenever they were looked at last."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargeback.api.costs import asked
from chargeback.domain.costs.cost_answer import CostAnswer, CostStanding
from chargeback.domain.periods.lifecycle import PeriodState
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import costs_api
from tests.support.people import as_person, client_of

pytestmark = pytest.mark.anyio

FINANCE = as_person("finance")
PATH = "/api/v1/costs/breakdown"
MARCH = {"startDate": "2026-03-01", "endDate": "2026-03-31", "groupBy": ["meter", "user"]}


class Standing:
    """The reader of a product whose figures are at another version, or were looked at at another moment."""

    def __init__(self, viewed: ViewedProduct) -> None:
        self._reader = viewed.reader
        self.now: dict[str, Any] = {}

    async def standing(self, first: Any, last: Any) -> tuple[CostStanding, Any]:
        found, missing = await self._reader.standing(first, last)
        return replace(found, **self.now), missing

    async def answer(self, *asked: Any) -> CostAnswer:
        found = await self._reader.answer(*asked)
        return replace(found, standing=replace(found.standing, **self.now))


async def test_pages_go_on_while_the_books_are_looked_at_again_without_another_figure(viewed: ViewedProduct) -> None:
    reader = Standing(viewed)
    async with client_of(costs_api(viewed, costs=reader)) as client:
        first = await client.get(PATH, params=MARCH | {"maxpagesize": 2}, headers=FINANCE)
        reader.now["as_of"] = datetime(2026, 3, 20, 7, tzinfo=UTC)
        second = await client.get(first.json()["nextLink"], headers=FINANCE)
        again = await client.get(
            PATH, params=MARCH | {"maxpagesize": 2}, headers=FINANCE | {"If-None-Match": first.headers["etag"]}
        )

    assert (second.status_code, second.json()["asOf"]) == (200, "2026-03-20T07:00:00Z")
    assert again.status_code == 200, "the answer says another moment"


async def test_a_month_that_closes_between_two_pages_ends_the_list(viewed: ViewedProduct) -> None:
    reader = Standing(viewed)
    async with client_of(costs_api(viewed, costs=reader)) as client:
        first = await client.get(PATH, params=MARCH | {"maxpagesize": 2}, headers=FINANCE)
        reader.now = {"version": "of the closed file", "state": PeriodState.CLOSED, "final": True}
        second = await client.get(first.json()["nextLink"], headers=FINANCE)

    assert (second.status_code, second.json()["error"]["code"]) == (410, "CursorOutdated")


async def test_a_span_without_dates_is_another_one_after_midnight(
    viewed: ViewedProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        moment = datetime(2026, 3, 19, 22, 59, tzinfo=UTC)

        @classmethod
        def now(cls, _zone: Any = None) -> datetime:
            return cls.moment

    monkeypatch.setattr(asked, "datetime", Clock)
    parameters = {"groupBy": ["meter", "user"], "maxpagesize": 2}
    async with client_of(costs_api(viewed)) as client:
        first = await client.get(PATH, params=parameters, headers=FINANCE)
        Clock.moment += timedelta(days=1)
        again = await client.get(PATH, params=parameters, headers=FINANCE | {"If-None-Match": first.headers["etag"]})
        second = await client.get(first.json()["nextLink"], headers=FINANCE)

    assert (again.status_code, again.json()["endDate"]) == (200, "2026-03-20")
    assert second.status_code == 410


async def test_the_tag_of_a_comparison_is_that_of_the_figures_in_it(viewed: ViewedProduct) -> None:
    class Older(Standing):
        compare = viewed.reader.compare

    older = Older(viewed)
    older.now["version"] = "older"
    parameters = {"startDate": "2026-03-11", "endDate": "2026-03-20"}
    async with client_of(costs_api(viewed)) as client, client_of(costs_api(viewed, costs=older)) as late:
        now = await client.get("/api/v1/costs/comparison", params=parameters, headers=FINANCE)
        changed = await late.get("/api/v1/costs/comparison", params=parameters, headers=FINANCE)

    assert changed.json() == now.json()
    assert changed.headers["etag"] == now.headers["etag"]
