"""The month that a page is about: the one named, else the one under way; no other word counts as one."""

from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month
from chargeback.web.api_client import ApiRefused
from chargeback.web.months import MonthChoice, chosen_month
from chargeback.web.visits import Pages, Visit

pytestmark = pytest.mark.anyio

TODAY = BookDate("2026-03-20")


async def chosen(**query: str) -> MonthChoice:
    async def current() -> Any:
        return SimpleNamespace(calendar=SimpleNamespace(date_of=lambda _: TODAY))

    site = SimpleNamespace(container=SimpleNamespace(catalogues=SimpleNamespace(current=current)))
    scope = {"type": "http", "path": "/overview", "query_string": urlencode(query).encode(), "headers": []}
    return await chosen_month(cast(Pages, site), cast(Visit, SimpleNamespace(request=Request(scope))))


async def test_without_a_month_it_is_the_one_under_way_until_today() -> None:
    choice = await chosen()

    assert (choice.month, choice.first, choice.last) == ("2026-03", "2026-03-01", "2026-03-20")
    assert choice.is_under_way
    assert (choice.before, choice.after) == ("2026-02", None)


async def test_an_earlier_month_is_whole_and_has_one_after_it() -> None:
    choice = await chosen(month="2025-12", costCentre="product", user="")

    assert (choice.first, choice.last, choice.after) == ("2025-12-01", "2025-12-31", "2026-01")
    assert choice.others == {"costCentre": "product"}


async def test_the_month_shown_is_among_those_offered_however_old_it_is() -> None:
    offered = (await chosen(month="2019-07")).offered

    assert offered[0] == "2026-03"
    assert offered[-2:] == ["2024-03", "2019-07"]


@pytest.mark.parametrize("said", ["2026-13", "march", "2026-04", "9999-01", "<b>", "2026-3"])
async def test_what_is_no_month_or_has_not_begun_is_refused_with_a_reason(said: str) -> None:
    with pytest.raises(ApiRefused) as refused:
        await chosen(month=said)

    assert refused.value.status == 400
    assert refused.value.error.target == "month"
    assert said in refused.value.error.message


def test_a_month_is_asked_for_as_far_as_it_has_come() -> None:
    choice = MonthChoice(Month("2026-03"), TODAY, "/overview", {})

    assert choice.span == {"startDate": "2026-03-01", "endDate": "2026-03-20"}
