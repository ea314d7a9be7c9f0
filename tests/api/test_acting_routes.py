"""What people do over HTTP to months, rules and repairs, and what they read beside the costs."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from chargeback.bootstrap import Container
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.reports.layout import accrual_path, journal_path, plan_path
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month
from chargeback.services.operations.operation import OperationKind
from chargeback.services.periods.documents import PeriodDocuments
from tests.support.audit_log import KIM
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import NOW as IN_MARCH
from tests.support.costs_api import costs_api, viewed_march
from tests.support.evidenced_months import EXPORT, both_months
from tests.support.people import PeopleByName, as_person, client_of
from tests.support.whole_api import EVERYBODY, FINANCE, memory_container, owner_of, whole_api

pytestmark = pytest.mark.anyio

MARCH, APRIL = "/api/v1/periods/2026-03", "/api/v1/periods/2026-04"
SEARCH_OWNER = owner_of("search-owner", "product/search")
RESEARCHER = owner_of("researcher", "research")
RULE = {
    "name": "search-production",
    "application": "search",
    "monthly_limit_usd": "2000.00",
    "auto_switch_enabled": True,
    "primary_model": "gpt-5.5",
    "fallback_model": "gpt-5.4-mini",
    "block_at_limit": True,
}


@pytest.fixture(scope="module")
async def closed(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[httpx.AsyncClient]:
    """March and April are closed; tests only read them."""
    product = await both_months(Path(tmp_path_factory.mktemp("closed")))
    april = Month("2026-04")
    for store, path in (
        (product.closed, journal_path(april)),
        (product.reports, plan_path(april)),
        (product.reports, plan_path(Month("2026-05"))),
        (product.reports, accrual_path(april, BookDate("2026-04-20"))),
    ):
        async with store.create(path, "text/csv") as file:
            await file.write(path.encode())
    people = PeopleByName(*EVERYBODY, SEARCH_OWNER, RESEARCHER)
    async with client_of(costs_api(ViewedProduct(product), people=people)) as client:
        yield client


async def get(api: httpx.AsyncClient, path: str, who: str = "finance", **headers: str) -> httpx.Response:
    return await api.get(path, headers=as_person(who) | headers)


# Months and their files


async def test_months_say_how_far_they_are_and_who_did_what(closed: httpx.AsyncClient) -> None:
    march = (await get(closed, MARCH)).json()
    for_owner = (await get(closed, MARCH, "owner")).json()
    listed = (await get(closed, "/api/v1/periods")).json()["value"]

    assert (march["state"], march["final"], march["approvedBy"]) == ("closed", True, "Kim Ito")
    assert {"approved", "closed", "rated anew"} <= {each["what"] for each in march["history"]}
    assert (for_owner["state"], for_owner["history"], for_owner["approvedBy"]) == ("closed", [], "")
    assert [each["period"] for each in listed][:2] == ["2026-03", "2026-04"]


async def test_a_file_is_its_bytes_and_its_digest_is_its_etag(closed: httpx.AsyncClient) -> None:
    files = (await get(closed, f"{MARCH}/files")).json()

    assert files["final"] is True
    assert "chargeback-2026-03.csv" in {each["name"] for each in files["value"]}
    for each in files["value"]:
        whole = await get(closed, f"{MARCH}/files/{each['name']}")
        digest = hashlib.sha256(whole.content).hexdigest()
        assert each["sha256"] in (digest, ""), each["name"]
        assert whole.headers["etag"] == f'"{digest}"'
        assert len(whole.content) == each["bytes"] == int(whole.headers["content-length"])
        again = await get(closed, f"{MARCH}/files/{each['name']}", **{"If-None-Match": f'"{digest}"'})
        assert (again.status_code, again.content) == (304, b"")


async def test_finance_and_auditors_have_what_no_manifest_names_too(closed: httpx.AsyncClient) -> None:
    beside = {
        "postings-2026-04.csv": "true",
        "plans/plan-2026-04.csv": "false",
        "accruals/postings-2026-04-accrual-2026-04-20.csv": "false",
        "reconciliation/reconciliation-2026-04.csv": "false",
        "reconciliation/reconciliation-2026-04.json": "false",
        f"reconciliation/export-{EXPORT}-2026-04.parquet": "false",
    }
    for who in ("finance", "auditor"):
        files = (await get(closed, f"{APRIL}/files", who)).json()["value"]
        assert {each["name"] for each in files if not each["sha256"]} == {*beside}
        for name, is_final in beside.items():
            whole = await get(closed, f"{APRIL}/files/{name}", who)
            assert (whole.status_code, whole.headers["x-chargeback-final"]) == (200, is_final), name
            assert (await get(closed, f"{MARCH}/files/{name}", who)).status_code == 404


async def test_parts_of_a_file_make_the_whole(closed: httpx.AsyncClient) -> None:
    path = f"{MARCH}/files/chargeback-2026-03.csv"
    whole = (await get(closed, path)).content

    async def part(span: str, **headers: str) -> httpx.Response:
        return await get(closed, path, Range=f"bytes={span}", **headers)

    first, rest, last = await part("0-99"), await part("100-"), await part("-10")
    assert [each.status_code for each in (first, rest, last)] == [206, 206, 206]
    assert first.content + rest.content == whole
    assert last.content == whole[-10:]
    assert first.headers["content-range"] == f"bytes 0-99/{len(whole)}"
    assert (await part(f"0-{10**15}")).content == whole
    for ignored in ("5-2", "x-y", "0-1,3-4", "-", ""):
        answer = await part(ignored)
        assert (answer.status_code, answer.content) == (200, whole), ignored
    for beyond in (f"{len(whole)}-", f"{10**15}-", "-0"):
        answer = await part(beyond)
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(whole)}"), beyond
    assert (await part("0-9", **{"If-Range": '"other"'})).status_code == 200


async def test_an_owner_has_the_statements_of_the_own_centres_alone(closed: httpx.AsyncClient) -> None:
    whole = {each["name"] for each in (await get(closed, f"{MARCH}/files")).json()["value"]}
    statements = {each for each in whole if each.startswith("statements/")}
    for who, below in (("owner", "product"), ("search-owner", "product/search"), ("researcher", "research")):
        answer = await get(closed, f"{MARCH}/files", who)
        seen = {each["name"] for each in answer.json().get("value", [])}
        assert seen == {each for each in statements if f"{each}/".startswith(f"statements/{below}/")}, who
        for name in whole - seen:
            hidden = await get(closed, f"{MARCH}/files/{name}", who)
            missing = await get(closed, f"{MARCH}/files/nothing", who)
            assert (hidden.status_code, hidden.text) == (404, missing.text), (who, name)
    for who in ("user", "operator", "nobody"):
        assert (await get(closed, f"{MARCH}/files", who)).status_code == 404


@pytest.mark.parametrize(
    "trick",
    [
        "../2026-03/manifest.json", "..%2f2026-04%2fmanifest.json", "%2e%2e/2026-04/manifest.json", "/etc/passwd",
        "statements%2Fproduct%2F..%2F..%2Fmanifest.json",
        "manifest.json%00", "MANIFEST.JSON", "statements/", "", "x" * 3000, "manifest.json/",
        "statements//product/statement-2026-03.csv", "chargeback-2026-03.csv%0d%0aSet-Cookie:a=b",
    ],
)  # fmt: skip
async def test_no_name_leads_anywhere_else(closed: httpx.AsyncClient, trick: str) -> None:
    for who in ("finance", "owner"):
        answer = await get(closed, f"{MARCH}/files/{trick}", who)
        assert answer.status_code == 404, (who, answer.text[:200])


@pytest.mark.parametrize("period", ["2026-13", "2026-3", "../2026-03", "0000-01", "9999-12", "%00", "2026-03%2F"])
async def test_what_is_no_month_is_not_there(closed: httpx.AsyncClient, period: str) -> None:
    assert (await get(closed, f"/api/v1/periods/{period}")).status_code == 404


# Doing something to months


async def act(api: httpx.AsyncClient, path: str, who: str = "finance", **given: Any) -> httpx.Response:
    headers = as_person(who) | {name.replace("_", "-"): value for name, value in given.pop("headers", {}).items()}
    return await api.post(path, json=given, headers=headers)


async def test_whoever_does_something_to_a_month_has_read_it(closed: httpx.AsyncClient) -> None:
    unread = await act(closed, f"{APRIL}/correct", reason="dearer")
    stale = await act(closed, f"{APRIL}/correct", reason="dearer", headers={"If_Match": '"0"'})

    assert [unread.status_code, stale.status_code] == [428, 412]


async def test_a_closed_month_is_closed_once(closed: httpx.AsyncClient) -> None:
    etag = (await get(closed, MARCH)).headers["etag"]

    answer = await act(closed, f"{MARCH}/close", headers={"If_Match": etag})

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "PeriodClosed")


async def test_a_correction_and_an_override_say_why(closed: httpx.AsyncClient) -> None:
    etag = (await get(closed, MARCH)).headers["etag"]

    for path, given in (("correct", {}), ("close", {"override": True}), ("close", {"reason": "a\nb"})):
        answer = await act(closed, f"{MARCH}/{path}", headers={"If_Match": etag}, **given)
        assert (answer.status_code, answer.json()["error"]["target"]) == (400, "$.reason")


@pytest.fixture(scope="module")
def built() -> tuple[Container, FastAPI]:
    container = memory_container()
    return container, whole_api(container)


@pytest.fixture
async def api(built: tuple[Container, FastAPI]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(built[1]) as client:
        yield client


async def test_long_work_is_told_until_a_timer_has_done_it(
    api: httpx.AsyncClient, built: tuple[Container, FastAPI]
) -> None:
    month = "/api/v1/periods/2026-01"
    headers = {"If_Match": (await get(api, month)).headers["etag"], "Repeatability_Request_ID": "close-1"}
    asked = await act(api, f"{month}/close", headers=headers)
    again = await act(api, f"{month}/close", headers=headers)
    where = asked.headers["operation-location"]
    before = (await get(api, where)).json()
    await built[0].operation_runner.run_waiting()
    after = (await get(api, where)).json()
    for_others = [(await get(api, where, who)).status_code for who in ("owner", "operator", "user", "auditor")]

    assert (asked.status_code, again.content) == (202, asked.content)
    assert again.headers["operation-location"] == where
    assert before["status"] == "NotStarted"
    assert (after["status"], after["by"]) == ("Failed", FINANCE.by)
    assert after["error"]["code"] == "ClosingRefused"
    assert for_others == [404, 404, 404, 200]


async def test_a_closing_that_ended_before_its_files_were_in_place_may_be_asked_for_again() -> None:
    container, path = memory_container(), "/api/v1/periods/2025-12"
    async with container.audit_log.change(KIM, Act.CLOSE_PERIOD, "period:2025-12"):
        await PeriodDocuments(container.control).swap(BillingPeriod(Month("2025-12"), PeriodState.CLOSED), None)

    async with client_of(whole_api(container)) as api:
        etag = (await get(api, path)).headers["etag"]
        answer = await act(api, f"{path}/close", headers={"If_Match": etag})

    assert answer.status_code == 202


async def test_repairs_are_for_operators(api: httpx.AsyncClient, built: tuple[Container, FastAPI]) -> None:
    codes = {
        who: [
            (await get(api, "/api/v1/set-aside", who)).status_code,
            (await get(api, "/api/v1/usage/quarantined", who)).status_code,
            (await act(api, "/api/v1/set-aside/retry", who)).status_code,
            (await act(api, "/api/v1/quarantine/replay", who)).status_code,
        ]
        for who in ("operator", "admin", "auditor", "finance", "owner", "user", "nobody")
    }
    done = await built[0].operation_runner.run_waiting()

    assert codes["operator"] == codes["admin"] == [200, 200, 202, 202]
    assert codes["auditor"] == [200, 200, 403, 403]
    assert all(codes[who] == [404] * 4 for who in ("finance", "owner", "user", "nobody"))
    assert {each.order.kind for each in done} == {OperationKind.RETRY, OperationKind.REPLAY}
    assert {(each.state.value, each.error) for each in done} == {("Succeeded", None)}


async def test_two_instances_that_get_one_post_begin_one_operation() -> None:
    one = memory_container()
    shared = {name: vars(one)[name] for name in ("control", "audit_entries", "people")}
    two = memory_container(**shared)
    headers = {"Idempotency_Key": "again"}

    async with client_of(whole_api(one)) as first, client_of(whole_api(two)) as second:
        found = await asyncio.gather(
            *(act(each, "/api/v1/set-aside/retry", "operator", headers=headers) for each in (first, second) * 3)
        )
        ended = await asyncio.gather(one.operation_runner.run_waiting(), two.operation_runner.run_waiting())

    assert {each.status_code for each in found} <= {202, 409}
    assert len([each for some in ended for each in some]) == 1


# Rules


async def test_a_rule_is_a_monthly_budget(api: httpx.AsyncClient) -> None:
    made = await act(api, "/api/v1/budget/rules", **RULE)
    path = made.headers["location"]
    read = await get(api, path)
    headers = as_person("finance") | {"If-Match": read.headers["etag"]}
    changed = await api.put(path, json=RULE | {"monthly_limit_usd": 2500.5}, headers=headers)
    budget = (await get(api, "/api/v1/budgets/search-production")).json()["definition"]
    listed = (await get(api, "/api/v1/budget/rules")).json()["value"]

    assert (made.status_code, made.json()["fallback_model"]) == (201, "gpt-5.4-mini")
    assert (read.json()["alert_threshold"], read.json()["swap_threshold"]) == ("0.8", "0.9")
    assert read.json()["current_spend_usd"] == "0"
    assert changed.json()["monthly_limit_usd"] == "2500.5"
    assert [(each["percent"], each["do"]) for each in budget["steps"]] == [(80, "notify"), (90, "swap"), (100, "block")]
    assert {"product", RULE["name"]} <= {each["id"] for each in listed}
    assert "search-each-day" not in {each["id"] for each in listed}


@pytest.mark.parametrize(
    ("other", "target"),
    [
        ({"monthly_limit_usd": 0}, "monthly_limit_usd"),
        ({"monthly_limit_usd": "1000001"}, "monthly_limit_usd"),
        ({"monthly_limit_usd": "NaN"}, "monthly_limit_usd"),
        ({"monthly_limit_usd": 1e300}, "monthly_limit_usd"),
        ({"fallback_model": None}, "fallback_model"),
        ({"auto_switch_enabled": False}, "auto_switch_enabled"),
        ({"alert_threshold": 80}, "alert_threshold"),
        ({"swap_threshold": "0"}, "swap_threshold"),
    ],
)
async def test_a_rule_that_no_budget_can_be_is_refused(
    api: httpx.AsyncClient, other: dict[str, Any], target: str
) -> None:
    answer = await act(api, "/api/v1/budget/rules", **RULE | {"name": "x"} | other)

    assert (answer.status_code, answer.json()["error"]["target"]) == (400, target)


async def test_budgets_say_how_they_stand_and_where_they_go(api: httpx.AsyncClient) -> None:
    status = (await get(api, "/api/v1/budget/status")).json()["value"]
    violations = (await get(api, "/api/v1/budget/violations")).json()["value"]
    predicted = (await get(api, "/api/v1/budget/predict/research")).json()
    one = (await get(api, "/api/v1/budgets/research/status")).json()

    assert {"research", "product"} <= {each["id"] for each in status}
    assert {(each["state"], each["final"]) for each in status} == {("healthy", False)}
    assert violations == []
    assert (predicted["current_spend"], predicted["budget_limit"]) == ("0", "5000")
    assert one["remaining"] == "5000"
    for who in ("owner", "user"):
        assert (await get(api, "/api/v1/budget/predict/research", who)).status_code == 404


async def test_an_override_raises_the_limit_once(api: httpx.AsyncClient) -> None:
    path, until = "/api/v1/budgets/product:support/overrides", "2999-01-01T00:00:00Z"
    too_long = await act(api, path, amount="500", until=until, reason="launch")
    soon = (await get(api, "/api/v1/budget/status")).json()["asOf"][:4]
    until = f"{soon}-12-31T23:00:00Z"
    headers = {"Idempotency_Key": "raise"}
    made = await act(api, path, "owner", amount="500", until=until, reason="launch", headers=headers)
    again = await act(api, path, "owner", amount="500", until=until, reason="launch", headers=headers)
    top = await act(api, "/api/v1/budgets/product/overrides", "owner", amount="500", until=until, reason="launch")
    foreign = await act(api, "/api/v1/budgets/research/overrides", "owner", amount="5", until=until, reason="launch")
    status = (await get(api, "/api/v1/budgets/product:support/status")).json()
    listed = (await get(api, path)).json()["value"]

    assert too_long.status_code == 400
    assert (made.status_code, again.content) == (201, made.content)
    assert [top.status_code, foreign.status_code] == [403, 404]
    assert (status["overrides"], status["limit"]) == ("500", "8500")
    assert len(listed) == 1


# What people read beside the costs


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

    assert everything["final"] is False
    assert {each["costCentre"] for each in owned.json()["forecasts"]} == {"product"}
    assert foreign.status_code == 404
    assert unusual.json()["value"] == []
    assert (await get(api, "/api/v1/anomalies?minimum=x")).status_code == 400
