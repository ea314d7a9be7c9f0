"""What people read over HTTP beside the costs: prices, explanations, forecasts and anomalies."""

from pathlib import Path

import httpx
import pytest

from tests.api.asking import get
from tests.support.costs_api import NOW as IN_MARCH
from tests.support.costs_api import costs_api, viewed_march
from tests.support.people import client_of

pytestmark = pytest.mark.anyio


async def test_prices_come_with_their_sources(api: httpx.AsyncClient) -> None:
    page = await get(api, "/api/v1/prices?maxpagesize=3")
    following = await get(api, page.json()["nextLink"])
    filtered = (await get(api, "/api/v1/prices?model=gpt-5.5&meter=output_tokens", "user")).json()["value"]
    as_csv = await get(api, "/api/v1/prices?model=gpt-5.5", Accept="text/csv")

    assert len(page.json()["value"]) == len(following.json()["value"]) == 3
    assert page.json()["value"][-1] != following.json()["value"][0]
    assert filtered
    assert all(each["source"] and each["perMillion"] and each["currency"] == "USD" for each in filtered)
    assert as_csv.text.startswith("priceId,provider,model")


@pytest.mark.parametrize("parameter", ["prices?at", "alerts?since"])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "2026-11-01T00:00:00"])
async def test_a_moment_that_utc_does_not_have_is_refused(api: httpx.AsyncClient, parameter: str, moment: str) -> None:
    answer = await get(api, f"/api/v1/{parameter}={moment}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidParameter")


async def test_an_amount_is_explained_to_whoever_sees_it(closed: httpx.AsyncClient) -> None:
    asked = "/api/v1/explain?period=2026-03&costCentre="
    found = (await get(closed, f"{asked}product/search", "search-owner")).json()
    share = next(each for each in found["shared"])
    whole = (await get(closed, f"{asked}product/search&charge={share['chargeId']}")).json()["charge"]["sharedCost"]
    own = (await get(closed, f"{asked}product/search&charge={share['chargeId']}", "search-owner")).json()["charge"]
    hidden = await get(closed, f"{asked}research", "search-owner")
    missing = await get(closed, f"{asked}nowhere", "search-owner")
    foreign = (await get(closed, f"{asked}research")).json()["shared"][0]["chargeId"]
    through = await get(closed, f"{asked}product/search&charge={foreign}", "search-owner")

    assert found["costCentre"] == "product/search"
    assert len(whole["parts"]) > 1
    assert {each["costCentre"] for each in own["sharedCost"]["parts"]} == {"product/search"}
    assert (hidden.status_code, hidden.text) == (404, missing.text)
    assert (through.status_code, through.text) == (404, missing.text)


async def test_whoever_sees_no_cost_centre_has_the_own_calls_explained(tmp_path: Path) -> None:
    """The user and somebody else made one call each that product/search pays."""
    viewed = await viewed_march(tmp_path)
    await viewed.product.publish_drafts(IN_MARCH)
    async with client_of(costs_api(viewed)) as march:
        asked = "/api/v1/explain?period=2026-03&costCentre=product/search"
        whole, own = (await get(march, asked)).json(), (await get(march, asked, "user")).json()
        ids = {each["chargeId"] for group in whole["usage"] for each in group["largest"]}
        own_ids = {each["chargeId"] for group in own["usage"] for each in group["largest"]}
        one = (await get(march, f"{asked}&charge={min(own_ids)}", "user")).json()["charge"]
        foreign = [await get(march, f"{asked}&charge={each}", "user") for each in (min(ids - own_ids), "0" * 32)]
        hidden = [await get(march, f"{asked.replace('product/search', each)}", "user") for each in ("research", "none")]
        for_others = [await get(march, asked, who) for who in ("nobody", "operator")]

    assert own["kinds"]["usage"]["rows"] * 2 == whole["kinds"]["usage"]["rows"]
    assert (own["shared"], len(whole["shared"])) == ([], 1)
    assert own_ids < ids
    assert one["chargeId"] == min(own_ids)
    assert one["disagreements"] == []
    assert sum(each["events"]["count"] for each in one["records"]) == 1
    assert {(each.status_code, each.text) for each in (*foreign, *hidden, *for_others)} == {(404, foreign[0].text)}


async def test_the_month_is_forecast_by_centre(api: httpx.AsyncClient) -> None:
    everything = (await get(api, "/api/v1/forecast")).json()
    owned = await get(api, "/api/v1/forecast", "owner")
    foreign = await get(api, "/api/v1/forecast?costCentre=research", "owner")
    unusual = await get(api, "/api/v1/anomalies", "owner")
    alone = (await get(api, "/api/v1/forecast?below=false")).json()

    assert everything["final"] is False
    assert {each["costCentre"] for each in owned.json()["forecasts"]} == {"product"}
    assert foreign.status_code == 404
    assert alone["forecasts"] == [each for each in everything["forecasts"] if each["costCentre"] == ""]
    assert unusual.json()["value"] == []
    assert (await get(api, "/api/v1/anomalies?minimum=x")).status_code == 400
