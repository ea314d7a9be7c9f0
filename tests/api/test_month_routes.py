"""What finance and auditors read of a month: what keeps it open, its corrections and its invoice; others nothing."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from chargeback.bootstrap import Container
from chargeback.domain.reports.layout import reconciliation_path
from chargeback.services.reconciling.reconciliation_summary import summary_of
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import costs_api, over_again
from tests.support.evidenced_months import APRIL, MARCH, manifest_of
from tests.support.people import PeopleByName, as_person, client_of
from tests.support.reconciled_months import reconciled
from tests.support.whole_api import EVERYBODY, memory_container, whole_api

pytestmark = pytest.mark.anyio

OTHERS = ("owner", "user", "operator", "nobody")


@pytest.fixture(scope="module")
def months_built(closed_months: ViewedProduct) -> FastAPI:
    return costs_api(closed_months, people=PeopleByName(*EVERYBODY))


@pytest.fixture
async def api(closed_months: ViewedProduct, months_built: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(over_again(months_built, closed_months, people=PeopleByName(*EVERYBODY))) as client:
        yield client


async def get(api: httpx.AsyncClient, path: str, who: str = "finance", status: int = 200) -> Any:
    answer = await api.get(f"/api/v1/periods/{path}", headers=as_person(who))
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_month_says_when_it_closes_and_how_it_stands_to_its_invoice(api: httpx.AsyncClient) -> None:
    april = await get(api, APRIL)

    assert april["due"] == "2026-05-03T22:00:00Z"  # 72 hours after its end in Berlin
    assert (april["needsApproval"], april["approval"]["by"]) == (True, "Kim Ito")
    assert april["invoice"] in ("agrees", "differs")
    assert (await get(api, MARCH))["invoice"] == "not compared"
    for who in ("owner", "user"):
        seen = await get(api, APRIL, who)
        assert (seen["invoice"], seen["approval"], seen["approvedBy"]) == (april["invoice"], None, "")


async def test_corrections_name_the_month_the_amount_and_who_caused_them(
    api: httpx.AsyncClient, closed_months: ViewedProduct
) -> None:
    found = (await get(api, f"{APRIL}/corrections"))["value"]

    made = manifest_of(closed_months.product, APRIL).corrections
    assert [(each["period"], each["cost"], each["rows"]) for each in found] == [
        (each.period, each.cost, each.rows) for each in made
    ]
    causes = {(each["what"], each["by"]): each["reason"] for each in found[0]["causes"]}
    assert causes["corrected", "Cora Im"] == "the contract says 4"
    assert ("trued up", "Dora Diaz") in causes
    assert (await get(api, f"{MARCH}/corrections"))["value"] == []
    assert (await get(api, "2026-05/corrections"))["value"] == []


async def test_the_last_comparison_is_told_with_its_true_up(
    api: httpx.AsyncClient, closed_months: ViewedProduct
) -> None:
    found = await get(api, f"{APRIL}/reconciliation")

    assert (found["run"], found["invoiced"], found["complete"]) == ("run-1", "20.02", True)
    assert found["rest"] == "7.68"  # 20.02 invoiced, nothing booked, 12.34 trued up
    assert [(each["by"], each["amount"]) for each in found["trueUp"]["history"]] == [("Dora Diaz", "12.34")]
    assert found["details"] is None  # the report that lies there is no report
    await get(api, f"{MARCH}/reconciliation", status=404)


async def test_the_report_of_the_same_run_is_told_in_detail(closed_months: ViewedProduct) -> None:
    report = summary_of(reconciled("12", "10"))
    path = reconciliation_path("2026-04", "json")
    files = closed_months.product.reports.files
    before = files[path]
    try:
        for run, is_told in (("run-1", True), ("run-2", False)):
            invoice = msgspec.structs.replace(report.invoice, run=run)
            files[path] = msgspec.json.encode(msgspec.structs.replace(report, invoice=invoice))
            async with client_of(costs_api(closed_months, people=PeopleByName(*EVERYBODY))) as api:
                found = await get(api, f"{APRIL}/reconciliation")
            assert (found["details"] is not None) == is_told
            if is_told:
                assert found["details"]["resources"]["oai-eastus2"]["variance"] == "2"
    finally:
        files[path] = before


@pytest.mark.parametrize("path", [f"{APRIL}/obstacles", f"{APRIL}/corrections", f"{APRIL}/reconciliation"])
async def test_only_whoever_sees_all_costs_reads_these(api: httpx.AsyncClient, path: str) -> None:
    for who in ("finance", "admin", "auditor"):
        await get(api, path, who)
    for who in OTHERS:
        hidden, missing = await get(api, path, who, 404), await get(api, "2026-04/nothing", who, 404)
        assert hidden == missing


async def test_a_closed_month_has_no_obstacle_and_the_next_one_has(api: httpx.AsyncClient) -> None:
    assert (await get(api, f"{APRIL}/obstacles"))["value"] == []
    [first, *_] = (await get(api, "2031-01/obstacles"))["value"]
    assert (first["kind"], first["firm"]) == ("notOver", True)


async def test_a_draft_is_written_and_an_invoice_compared_when_finance_asks() -> None:
    container = memory_container()
    async with client_of(whole_api(container)) as api:
        done = [await _ask(api, container, path) for path in ("publish", "reconcile")]

    assert [each["status"] for each in done] == ["Succeeded", "Succeeded"]
    assert done[0]["result"]["state"] == "open"
    assert (done[1]["result"]["invoiced"], done[1]["result"]["booked"]) == ("0", "0")
    assert any("manifest.json" in path for path in vars(container)["reports"].files)


async def _ask(api: httpx.AsyncClient, container: Container, path: str) -> Any:
    month = "/api/v1/periods/2026-11"
    tag = (await api.get(month, headers=as_person("finance"))).headers["etag"]
    asked = await api.post(f"{month}/{path}", json={}, headers=as_person("finance") | {"If-Match": tag})
    assert asked.status_code == 202, asked.text
    await container.operation_runner.run_waiting()
    return (await api.get(asked.headers["operation-location"], headers=as_person("finance"))).json()


async def test_the_draft_of_a_closed_month_is_not_written_again(api: httpx.AsyncClient) -> None:
    tag = (await api.get(f"/api/v1/periods/{MARCH}", headers=as_person("finance"))).headers["etag"]

    answer = await api.post(
        f"/api/v1/periods/{MARCH}/publish", json={}, headers=as_person("finance") | {"If-Match": tag}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "PeriodClosed")
