"""Every change through the API and every read of the data of others is in the audit log, whichever route it is."""

from typing import Any

import pytest
from fastapi import Request

from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.recording.control import RecordedControl
from chargeback.api.app import http_api
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.conventions.recorded import ACTS, NOT_OF_OTHERS, READING
from chargeback.api.errors import ApiError
from chargeback.bootstrap import Container
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import RowScope
from chargeback.domain.audit_log.entry import AuditEntry, KeptEntry
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.audit_log.audit_log import AuditLog
from chargeback.settings import read_what_is_set
from tests.support.audit_log import entries_in, ticking
from tests.support.people import as_person, client_of, person, small_api

pytestmark = pytest.mark.anyio

ANN = person("ann", AppRole.FINANCE, scope=RowScope(everything=True))
BOB = person("bob", AppRole.OWNER, scope=RowScope(cost_centres=frozenset({"/sales"})))
USER = person("user")


def operations() -> dict[str, tuple[str, dict[str, Any]]]:
    """Each operation with its method; those for people ask for a token of theirs."""
    paths = http_api(Container(read_what_is_set())).openapi()["paths"]
    return {
        each["operationId"]: (method.upper(), each) for methods in paths.values() for method, each in methods.items()
    }


def for_people() -> dict[str, str]:
    return {name: method for name, (method, each) in operations().items() if {"entra": []} in each.get("security", [])}


def test_every_operation_that_changes_something_has_its_act() -> None:
    changing = {name for name, method in for_people().items() if method not in READING}

    assert changing <= set(ACTS)


def test_every_exception_is_an_operation() -> None:
    assert len(for_people()) > 10
    assert set(for_people()) >= NOT_OF_OTHERS


FOR_PROGRAMS = {"isLive", "isReady", "getHealth", "getDecisions", "findOwners", "sendEvents", "allowEvents"}


def test_every_other_operation_is_for_programs() -> None:
    others = set(operations()) - set(for_people())

    assert others == FOR_PROGRAMS


class Api:
    """A route that reads, and one that changes."""

    def __init__(self, entries: MemoryAuditEntries | None = None) -> None:
        self.entries = entries or MemoryAuditEntries()
        control = RecordedControl(MemoryControl())
        routes = people_routes("costs")

        @routes.get("/costs/summary", operation_id="getCostSummary")
        async def read(refuse: bool = False) -> dict[str, str]:  # noqa: FBT001 a parameter of a query
            if refuse:
                raise ApiError(404, "NotFound", "there is no such thing")
            return {"cost": "1.00"}

        @routes.get("/me/usage", operation_id="getMyUsage")
        async def own() -> dict[str, str]:
            return {"cost": "1.00"}

        @routes.put("/budgets/{budget}", operation_id="changeBudget")
        async def change(request: Request, budget: str, refuse: bool = False) -> dict[str, str]:  # noqa: FBT001
            if refuse:
                raise ApiError(403, "Forbidden", "you may not")
            await control.swap("budget", budget, {"amount": "5"}, None)
            return {}

        self.client = client_of(small_api(routes, ANN, BOB, USER, audit_log=AuditLog(self.entries, ticking())))

    async def ask(self, name: str, method: str, path: str) -> int:
        headers = {**as_person(name), "User-Agent": "browser", "X-Forwarded-For": "198.51.100.1, 203.0.113.7:1234"}
        return (await self.client.request(method, f"/api/v1{path}", headers=headers)).status_code

    async def entries_after(self, *asked: Any) -> list[AuditEntry]:
        for each in asked:
            await self.ask(*each)
        return await entries_in(self.entries)


async def test_a_read_of_others_is_written_with_who_whose_and_what_was_asked() -> None:
    (entry,) = await Api().entries_after(("bob", "GET", "/costs/summary"))

    (read,) = entry.reads
    assert (read.act, read.target, read.asked) == ("getCostSummary", "cost-centre:/sales", "/api/v1/costs/summary")
    assert (read.actor.id, read.actor.name) == (BOB.identity.actor, "bob")
    assert (read.actor.source.address, read.actor.source.agent) == ("203.0.113.7", "browser")
    assert len(read.actor.source.request_id) == 36


async def test_the_own_data_and_what_is_refused_is_no_read_of_others() -> None:
    found = await Api().entries_after(
        ("user", "GET", "/costs/summary"), ("ann", "GET", "/me/usage"), ("ann", "GET", "/costs/summary?refuse=true")
    )

    assert found == []


async def test_a_change_is_written_before_it_and_after_it_and_a_refused_one_is_none() -> None:
    found = await Api().entries_after(("ann", "PUT", "/budgets/team-a"), ("ann", "PUT", "/budgets/b?refuse=true"))

    assert [(each.phase.value, each.act, each.target) for each in found] == [
        (phase, "budget.change", "budget:team-a") for phase in ("begun", "changing", "concluded")
    ]


async def test_nothing_of_others_is_told_while_the_log_is_away() -> None:
    class Away(MemoryAuditEntries):
        async def create(self, entry: KeptEntry) -> bool:
            raise StoreUnavailable("away")

    api = Api(Away())

    assert await api.ask("ann", "GET", "/costs/summary") == 503
    assert await api.ask("ann", "PUT", "/budgets/team-a") == 503
    assert await api.ask("user", "GET", "/costs/summary") == 200
