"""What people do over HTTP to months, and to what was set aside or quarantined."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from chargeback.bootstrap import Container
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.time.months import Month
from chargeback.services.operations.operation import OperationKind
from chargeback.services.periods.documents import PeriodDocuments
from tests.api.asking import act, get
from tests.support.audit_log import KIM
from tests.support.people import client_of
from tests.support.whole_api import FINANCE, memory_container, whole_api

pytestmark = pytest.mark.anyio

MARCH, APRIL = "/api/v1/periods/2026-03", "/api/v1/periods/2026-04"


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
