"""A budget that somebody makes, changes or raises over HTTP decides about the next calls at the gateway."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from chargeback.adapters.memory.gateways import MemoryGateways
from chargeback.bootstrap import Container
from chargeback.services.budgets.push_decisions import DecisionPusher
from tests.support.builders import tokens, usage_event
from tests.support.people import as_person, client_of
from tests.support.whole_api import memory_container, whole_api

pytestmark = pytest.mark.anyio

LAUNCH: dict[str, Any] = {
    "id": "product/search/launch",
    "costCentre": "product/search",
    "amount": 1,
    "steps": [{"percent": 100, "do": "block"}],
}
PATH = "/api/v1/budgets/product:search:launch"


class Gateway:
    """A region of the gateway over a container of its own, and what it was told about the search team's budget."""

    def __init__(self) -> None:
        self.container: Container = memory_container()
        self.now = datetime.now(UTC)
        self._region = MemoryGateways("sweden")
        self._pusher = DecisionPusher(self.container.decisions, self._region, lambda: self.now)

    async def told(self) -> str:
        """What the next round tells it, some seconds later; "" where no product's string has a decision."""
        self.now = max(self.now, datetime.now(UTC)) + timedelta(seconds=2)
        pushed = await self._pusher.push()
        assert (pushed.fault, pushed.decided.unknown) == ("", 0)
        return "".join(text for text in self._region.known.values() if "launch" in text)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """The search team spent more than a dollar this month."""
    gateway, now = Gateway(), datetime.now(UTC)
    calls = [usage_event(time=f"{now - timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}", usage=tokens(1_000_000, 500_000))]
    await gateway.container.ingest.ingest(calls, now)
    yield gateway
    for each in vars(gateway.container).get("_nudges", ()):
        await each.stop()


async def changed(api: httpx.AsyncClient, method: str, path: str, **body: Any) -> httpx.Response:
    headers = as_person("finance")
    if method in ("PUT", "DELETE"):
        headers |= {"If-Match": (await api.get(path, headers=headers)).headers["etag"]}
    answer = await api.request(method, path, json=body or None, headers=headers)
    assert answer.status_code in (200, 201, 204), answer.text
    return answer


async def test_a_budget_that_is_made_refuses_calls_until_it_is_raised_or_deleted(gateway: Gateway) -> None:
    async with client_of(whole_api(gateway.container)) as api:
        before = await gateway.told()
        await changed(api, "POST", "/api/v1/budgets", **LAUNCH)
        made = await gateway.told()
        await changed(api, "PUT", PATH, **LAUNCH | {"amount": 10_000})
        raised = await gateway.told()
        await changed(api, "PUT", PATH, **LAUNCH)
        lowered = await gateway.told()
        until = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
        await changed(api, "POST", f"{PATH}/overrides", amount="9999", until=until, reason="launch")
        overridden = await gateway.told()
        await changed(api, "POST", f"{PATH}/overrides", amount="0", until=until, reason="over")
        ended = await gateway.told()
        await changed(api, "DELETE", PATH)
        deleted = await gateway.told()

    assert before == ""
    for refused in (made, lowered, ended):
        assert "refuse" in refused
    assert (raised, overridden, deleted) == ("", "", "")
