"""Has the audit log know every change through the API, and every read of the data of others, whatever the route."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import Request, Response

from chargeback.api.request_source import actor_of
from chargeback.domain.access.requester import Requester
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.audit_log.reads import others_in
from chargeback.services.audit_log.audit_log import acting

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

READING = ("GET", "HEAD")

PART_OF_READ = "chargeback.part_of_read"
"""Where the pages say that they read more of what another question asks for, which is recorded: in the scope, which no
client can write to."""

NOT_OF_OTHERS = frozenset(
    {
        "getMe",
        "getMyUsage",
        "getOperation",
        "getPeriod",
        "getQuarantinedBatch",
        "listOperations",
        "listPeriods",
        "listPrices",
        "listQuarantine",
        "listQuarantinedUsage",
        "listSetAside",
    }
)
"""Operations that tell about the caller alone, or about what is no cost of anybody: each other one reads of others."""

ACTS: Mapping[str, Act] = {
    "createBudget": Act.CREATE_BUDGET,
    "changeBudget": Act.CHANGE_BUDGET,
    "deleteBudget": Act.REMOVE_BUDGET,
    "createBudgetRule": Act.CREATE_BUDGET,
    "changeBudgetRule": Act.CHANGE_BUDGET,
    "overrideBudget": Act.OVERRIDE_BUDGET,
    "replayBudget": Act.REPLAY_BUDGET,
    "approvePeriod": Act.APPROVE_PERIOD,
    "withdrawApproval": Act.WITHDRAW_APPROVAL,
    "closePeriod": Act.CLOSE_PERIOD,
    "correctPeriod": Act.CORRECT_PERIOD,
    "trueUpPeriod": Act.TRUE_UP_PERIOD,
    "removeTrueUp": Act.TRUE_UP_PERIOD,
    "publishDraft": Act.RUN_JOB,
    "reconcilePeriod": Act.RUN_JOB,
    "replayQuarantine": Act.REPLAY_EVENTS,
    "retrySetAside": Act.RETRY_SET_ASIDE,
}
"""What each operation that changes something is; a test asks for every one."""

_TARGETS = ("budget", "rule", "period", "day")


@asynccontextmanager
async def recorded_act(request: Request, who: Requester, operation: str) -> AsyncIterator[None]:
    """Whatever the route changes is recorded; nothing is written for a read, or where nothing is changed."""
    if request.method in READING:
        yield
        return
    container: Container = request.app.state.container
    actor, act = actor_of(request, who), ACTS.get(operation, operation)
    async with acting(lambda: container.audit_log, actor, act, _target(request)):
        yield


async def record_read(request: Request, who: Requester, operation: str, response: Response) -> None:
    """Write who reads what of others; returns before the answer leaves. What is refused is not read."""
    of = others_in(who.scope)
    if request.method not in READING or response.status_code >= 400 or operation in NOT_OF_OTHERS or not of:
        return
    if request.scope.get(PART_OF_READ):
        return
    container: Container = request.app.state.container
    asked = f"{request.url.path}?{request.url.query}".rstrip("?")
    await container.audit_log.read(actor_of(request, who), operation, of, asked)


def _target(request: Request) -> str:
    named = [f"{name}:{request.path_params[name]}" for name in _TARGETS if name in request.path_params]
    return named[0] if named else request.url.path.removeprefix("/api/v1/")
