"""What the API says of applications: who owns what they cost, what they may and did call, and which budgets hold."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chargeback.adapters.config.call_limits import load_call_limits
from chargeback.domain.access.owners import CentreOwners, Ownership
from chargeback.domain.terms.terms import Terms
from stack.example import EXAMPLE_CONFIG
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import costs_api
from tests.support.people import as_person, client_of

pytestmark = pytest.mark.anyio

SPAN = {"startDate": "2026-03-01", "endDate": "2026-03-31"}
ABOUT = "/api/v1/applications/descriptions"
OWNERSHIP = Ownership(
    (
        CentreOwners("product", groups=frozenset({"group-product"})),
        CentreOwners("product/search", people=frozenset({"ann@contoso.example"})),
        CentreOwners("research", people=frozenset({"somebody-else"})),
    )
)


class _Owned:
    """The catalogues of a product whose cost centres have owners."""

    def __init__(self, over: Any) -> None:
        self._over = over

    def __getattr__(self, name: str) -> Any:
        return getattr(self._over, name)

    async def terms(self) -> Terms:
        terms: Terms = await self._over.terms()
        terms.ownership = OWNERSHIP
        return terms


@pytest.fixture
async def client(viewed: ViewedProduct) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(costs_api(viewed, catalogues=_Owned(viewed.product.catalogues))) as made:
        yield made


async def described(client: httpx.AsyncClient, who: str, **asked: Any) -> dict[str, Any]:
    answer = await client.get(ABOUT, params=SPAN | asked, headers=as_person(who))
    assert answer.status_code == 200, answer.text
    return {each["application"]: each for each in answer.json()["value"]}


async def test_each_application_has_its_models_its_last_call_and_who_pays(client: httpx.AsyncClient) -> None:
    found = await described(client, "finance")

    assert {name: (each["lastDate"], each["models"], each["costCentres"]) for name, each in found.items()} == {
        "search": ("2026-03-11", ["gpt-4o-2024-11-20"], ["product/search"]),
        "nomads": ("2026-03-16", ["gpt-4o-2024-11-20", "gpt-unknown"], ["product", "research"]),
        "stranger": ("2026-03-15", ["gpt-4o-2024-11-20"], ["unallocated"]),
    }


async def test_the_owners_are_those_of_the_cost_centres_and_of_what_is_above_them(client: httpx.AsyncClient) -> None:
    found = await described(client, "finance")

    assert found["search"]["owners"] == [
        {"costCentre": "product", "groups": ["group-product"], "people": []},
        {"costCentre": "product/search", "groups": [], "people": ["ann@contoso.example"]},
    ]
    assert found["stranger"]["owners"] == []


async def test_a_subscription_has_the_limits_of_its_product(client: httpx.AsyncClient) -> None:
    found = await described(client, "finance")

    assert found["search"]["limits"] == {
        "product": "standard", "productName": "Standard", "tokensPerMinute": 200_000, "requestsPerMinute": 600,
    }  # fmt: skip
    assert found["stranger"]["limits"] is None


def test_a_folder_without_a_gateway_has_no_limits(tmp_path: Path) -> None:
    assert load_call_limits(tmp_path) == {}
    assert load_call_limits(EXAMPLE_CONFIG)["legal"].product == "europe-resident"


async def test_somebody_sees_own_rows_alone_and_no_owners_of_what_they_do_not_see(client: httpx.AsyncClient) -> None:
    of_user, of_owner = await described(client, "user"), await described(client, "owner")

    assert [(name, each["lastDate"], each["owners"]) for name, each in of_user.items()] == [
        ("search", "2026-03-10", [])
    ]
    assert {*of_owner} == {"search", "nomads"}
    assert of_owner["search"]["owners"][0]["groups"] == ["group-product"]


async def test_they_come_in_pages_under_the_filters_of_the_costs(client: httpx.AsyncClient) -> None:
    first = await client.get(ABOUT, params=SPAN | {"maxpagesize": 2}, headers=as_person("finance"))
    rest = await client.get(first.json()["nextLink"], headers=as_person("finance"))

    assert [each["application"] for each in (*first.json()["value"], *rest.json()["value"])] == [
        "nomads", "search", "stranger",
    ]  # fmt: skip
    assert "nextLink" not in rest.json()
    assert {*await described(client, "finance", model="gpt-unknown")} == {"nomads"}
