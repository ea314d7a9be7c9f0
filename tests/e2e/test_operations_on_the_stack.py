"""Long work that people ask for over HTTP, done by the timer of the functions on real stores, and after a kill."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import httpx
import pytest

from chargeback.api.app import http_api
from chargeback.bootstrap import Container
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.months import Month, dates_of
from chargeback.services.operations.run_operations import OPERATION_LEASE
from chargeback.settings import read_settings
from stack.identity.people import PEOPLE
from stack.stack import Stack
from tests.support.broken_reports import Broken, Ended
from tests.support.builders import tokens, usage_event
from tests.support.cost_exports import exported, gzipped, run_files
from tests.support.people import client_of

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

NOW = datetime.now(UTC)
PAST = previous_period(previous_period(Month(f"{NOW:%Y-%m}")))
"""The month before the last one: on the first days of a month the invoice of the last one is not complete yet."""
MONTH = f"/api/v1/periods/{PAST}"
FINANCE = f"{PEOPLE['finance'].name} [{PEOPLE['finance'].object_id}]"


@pytest.fixture(scope="module")
def host(stack: Stack) -> Iterator[httpx.Client]:
    """The app as the functions host runs it; its timers run when they are told to."""
    with (
        Stack(services=["functions"], beside=stack) as servers,
        httpx.Client(base_url=servers.url("functions"), timeout=60, trust_env=False) as client,
    ):
        yield client


@pytest.fixture
async def month(clean_stores: Stack, container: Container) -> Container:
    """Five calls of that month, and an invoice that has more."""
    usage = tokens(1_000_000, 0)
    events = [usage_event(id=str(day), time=f"{PAST}-{day:02}T10:00:00Z", usage=usage) for day in range(3, 8)]
    await container.ingest.ingest(events, NOW)
    for name, data in invoice().items():
        await container.blobs.get_blob_client("cost-exports", name).upload_blob(data, overwrite=True)
    return container


def invoice() -> Mapping[str, bytes]:
    """A run of the export that was made long after the month: its days are final."""
    dates = dates_of(PAST)
    row = exported(ChargePeriodStart=f"{PAST}-03T00:00:00Z", BilledCost="7.5", PricingQuantity="3")
    return run_files(
        {"part_0_0001.csv.gz": gzipped([row])},
        month="-".join(each.replace("-", "") for each in (dates[0], dates[-1])),
        run="aaaa",
        submitted=f"{NOW:%Y-%m-%dT%H:%M:%S}Z",
        end=f"{dates[-1]}T00:00:00Z",
    )


def as_finance(stack: Stack, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.token_of('finance')}"} | headers


class Desk:
    """Somebody of finance who does something to the month, and waits until it is done."""

    def __init__(self, host: httpx.Client, stack: Stack) -> None:
        self.host, self.stack = host, stack

    def get(self, path: str) -> httpx.Response:
        return self.host.get(path, headers=as_finance(self.stack))

    def ask(self, what: str, **body: Any) -> str:
        """The address of the operation that was begun."""
        headers = as_finance(self.stack, **{"If-Match": self.get(MONTH).headers["etag"], "Idempotency-Key": what})
        asked = [self.host.post(f"{MONTH}/{what}", json=body, headers=headers) for _ in range(2)]
        assert [each.status_code for each in asked] == [202, 202], asked[0].text
        assert asked[0].content == asked[1].content
        where: str = asked[0].headers["operation-location"]
        assert self.get(where).json()["status"] == "NotStarted"
        return where

    def do(self, what: str, **body: Any) -> dict[str, Any]:
        """What came of it, once the timer ran."""
        where = self.ask(what, **body)
        ran = self.host.post("/admin/functions/run_operations?wait=true", json={})
        ended: dict[str, Any] = self.get(where).json()
        assert (ran.status_code, ended["status"], ended["by"]) == (200, "Succeeded", FINANCE), ended
        return ended["result"]  # type: ignore[no-any-return]


async def test_a_month_is_closed_trued_up_and_corrected_by_whoever_asks(
    month: Container, host: httpx.Client, stack: Stack
) -> None:
    desk = Desk(host, stack)
    closed = desk.do("close")
    read, files = desk.get(MONTH).json(), desk.get(f"{MONTH}/files").json()
    downloads = {each["name"]: desk.get(f"{MONTH}/files/{each['name']}").content for each in files["value"]}
    corrected = desk.do("correct", reason="looked at again")
    trued_up = desk.do("true-up", override=True, reason="the invoice is right")
    taken_back = desk.do("remove-true-up")

    assert (read["state"], read["final"], read["manifest"]) == ("closed", True, closed["manifest"])
    assert sha256(downloads["manifest.json"]).hexdigest() == closed["manifest"]
    assert {each["name"]: each["sha256"] for each in files["value"]} == {
        name: sha256(content).hexdigest() for name, content in downloads.items()
    }
    assert FINANCE in {each["by"] for each in read["history"]}
    assert (corrected["days"], corrected["cost"]) == ("0", "0")  # nothing is priced otherwise since
    assert (trued_up["period"], Decimal(trued_up["amount"]) != 0) == (PAST, True)
    assert taken_back == {"period": PAST, "wasThere": "true"}


async def test_a_closing_whose_run_was_killed_is_done_by_a_later_run(month: Container, stack: Stack) -> None:
    killed = Container(read_settings())
    vars(killed)["closer"] = replace(killed.closer, closed=Broken(killed.closer.closed, 2))
    async with client_of(http_api(month)) as api:
        etag = (await api.get(MONTH, headers=as_finance(stack))).headers["etag"]
        asked = await api.post(f"{MONTH}/close", json={}, headers=as_finance(stack, **{"If-Match": etag}))
        where = asked.headers["operation-location"]

        async def status() -> str:
            found: str = (await api.get(where, headers=as_finance(stack))).json()["status"]
            return found

        with pytest.raises(Ended):
            await killed.operation_runner.run_waiting()
        await killed.close()
        left, too_early = await status(), await month.operation_runner.run_waiting()
        later = replace(month.operation_runner, clock=lambda: datetime.now(UTC) + OPERATION_LEASE)
        (ended,) = await later.run_waiting()
        files = (await api.get(f"{MONTH}/files", headers=as_finance(stack))).json()
        known, _ = await month.periods.get(PAST)

        assert (left, too_early, await status()) == ("Running", [], "Succeeded")
    assert (known.manifest, known.is_filed) == (ended.result["manifest"], True)
    assert [each.what for each in known.history].count("closed") == 1
    assert files["final"] is True
    assert await month.closer.verified(PAST)
