"""Each route lets in exactly whom the one table of permissions lets in; a route without a line here fails."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from chargeback.api.app import http_api
from chargeback.api.openapi import api_document
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.permissions import Permission, Refusal, refusal
from chargeback.domain.access.requester import RowScope
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import costs_api
from tests.support.people import PeopleByName, as_person, client_of, person

pytestmark = pytest.mark.anyio

COSTS = Permission.READ_COSTS
NEEDS: dict[str, Permission | None] = {
    "getMe": None,
    "getMyUsage": Permission.READ_OWN_USAGE,
    **dict.fromkeys(
        (
            "getCostSummary", "getCostSeries", "getCostBreakdown", "compareCosts", "listUnpricedUsage",
            "listUnsettledUsage", "listEstimatedUsage", "listApplications", "describeApplications",
            "listDimensionValues", "getUsageSummary", "getChargebackReport", "exportAnalytics", "getCostTrends",
            "listTopSpenders", "getOverview", "getUsageTables", "getCostTables", "getPerformance",
            "getModelEfficiency",
        ),
        COSTS,
    ),
    **dict.fromkeys(("listAuditEntries", "getAuditEntry"), Permission.READ_AUDIT_LOG),
    **dict.fromkeys(
        (
            "listBudgets", "getBudget", "getBudgetStatus", "listBudgetChanges", "listBudgetOverrides",
            "listBudgetRules", "getBudgetRule", "getBudgetStatuses", "listBudgetViolations", "predictBudget",
            "listPeriods", "getPeriod", "listObstacles", "getReconciliation", "listCorrections", "getForecast",
            "listAnomalies", "explainAmount", "listAlerts", "getAlert",
            "predictBudgets", "explainBudget", "listBudgetReplays",
        ),
        COSTS,
    ),
    **dict.fromkeys(
        (
            "createBudget", "changeBudget", "deleteBudget", "overrideBudget", "createBudgetRule", "changeBudgetRule",
            "replayBudget",
        ),
        Permission.CHANGE_BUDGETS,
    ),
    **dict.fromkeys(
        (
            "approvePeriod", "withdrawApproval", "closePeriod", "correctPeriod", "trueUpPeriod", "removeTrueUp",
            "publishDraft", "reconcilePeriod",
        ),
        Permission.CHANGE_PERIODS,
    ),
    **dict.fromkeys(("listFiles", "downloadFile"), Permission.DOWNLOAD_FILES),
    "listPrices": Permission.READ_PRICES,
    **dict.fromkeys(("listSetAside", "listQuarantine", "getQuarantinedBatch"), Permission.READ_SET_ASIDE),
    "listQuarantinedUsage": Permission.READ_SET_ASIDE,
    **dict.fromkeys(("retrySetAside", "replayQuarantine"), Permission.REPAIR),
    **dict.fromkeys(("listOperations", "getOperation"), None),
}  # fmt: skip
"""Operation → what whoever calls it has to be allowed; None: any person of the tenant."""

OTHER_DOORS = {"isLive", "isReady", "getHealth", "sendEvents", "allowEvents", "findOwners", "getDecisions"}
"""Operations that are for no person, or for everybody: probes, emitters, gateways and the documentation."""

PATHS = {
    "dimension": "user",
    "number": "7",
    "budget": "product",
    "rule": "product",
    "period": "2026-03",
    "name": "manifest.json",
    "operation": "0" * 32,
    "alert": "no-such-alert",
    "batch": "no-such-batch",
}
"""What stands in a path."""
SPAN = {"startDate": "2026-03-01", "endDate": "2026-03-31"}
BODIES: dict[str, Any] = {}
"""Operation → the body that it is called with; an empty one else."""

PEOPLE = [person("nobody"), *(person(role.name, role, scope=RowScope(everything=True)) for role in AppRole)]
NOT_THERE = "/api/v1/no-such-thing"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    stand_in: Any = None
    for path, methods in api_document(http_api(stand_in))["paths"].items():
        yield from ((method, path, each) for method, each in methods.items())


DOCUMENTED = {each["operationId"]: (method, path, each) for method, path, each in operations()}
OURS = [name for name, (_, _, each) in DOCUMENTED.items() if each["security"]]


@pytest.fixture(scope="module")
async def api(viewed: ViewedProduct) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(costs_api(viewed, people=PeopleByName(*PEOPLE))) as client:
        yield client


async def call(api: httpx.AsyncClient, operation: str, **headers: str) -> httpx.Response:
    method, path, described = DOCUMENTED[operation]
    known = {each["name"] for each in described.get("parameters", ())}
    asked = {name: value for name, value in SPAN.items() if name in known}
    address = path.format(**PATHS)
    if method == "get":
        return await api.get(address, params=asked, headers=headers)
    return await api.request(method, address, json=BODIES.get(operation, {}), headers=headers)


def test_every_route_has_a_line() -> None:
    assert set(OURS) == set(NEEDS)
    assert {name for name in DOCUMENTED if name not in OURS} == OTHER_DOORS


@pytest.mark.parametrize("operation", OURS)
async def test_without_a_token_no_route_says_whether_it_is_there(api: httpx.AsyncClient, operation: str) -> None:
    answer = await call(api, operation)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("operation", OURS)
async def test_each_route_lets_in_exactly_whom_the_table_lets_in(api: httpx.AsyncClient, operation: str) -> None:
    permission = NEEDS[operation]
    for who in PEOPLE:
        answer = await call(api, operation, **as_person(who.name))
        refused = refusal(who, permission) if permission else None

        match refused:
            case Refusal.HIDDEN:
                assert _said(answer) == _said(await api.get(NOT_THERE, headers=as_person(who.name))), who.name
            case Refusal.FORBIDDEN:
                assert answer.status_code == 403, who.name
            case None:
                assert answer.status_code not in (401, 403), (who.name, answer.text)
                assert answer.status_code != 404 or "{" in DOCUMENTED[operation][1], (who.name, answer.text)


def _said(answer: httpx.Response) -> tuple[int, Any]:
    """What an answer says, but for the id of the request."""
    return answer.status_code, json.loads(answer.text)
