"""The Cosmos DB emulator charges request units, throttles by them, and lets an identity do what its roles allow."""

import asyncio
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from azure.cosmos.aio import ContainerProxy

from stack.provision import call
from stack.stack import Stack
from tests.support.cosmos_records import in_usage, record

pytestmark = pytest.mark.servers


def charges(stack: Stack, **limit: int) -> dict[str, Any]:
    method = "POST" if limit else "GET"
    return dict(json.loads(call(stack.site, method, f"{stack.url('cosmos')}/_charges", body=limit or None)))


@pytest.mark.parametrize(("kilobytes", "read", "write"), [(1, 1.0, 4.95), (16, 1.67, 9.52), (512, 40.95, 184.57)])
def test_reads_and_writes_cost_what_the_service_charges_for_their_size(
    clean_stores: Stack, kilobytes: int, read: float, write: float
) -> None:
    async def work(usage: ContainerProxy) -> list[float]:
        found = []
        document = record(1, filler="x" * (kilobytes * 1024 - 300))
        for calling in (usage.upsert_item(document), usage.read_item("line-1", "2025-06-01")):
            await calling
            found.append(float(usage.client_connection.last_response_headers["x-ms-request-charge"]))
        return found

    written, was_read = in_usage(clean_stores, work)

    assert written == pytest.approx(write, rel=0.05)
    assert was_read == pytest.approx(read, rel=0.05)
    assert charges(clean_stores)["write"] == pytest.approx(written, abs=0.01)


def test_a_query_costs_more_the_more_it_returns(clean_stores: Stack) -> None:
    async def work(usage: ContainerProxy) -> list[float]:
        await asyncio.gather(*(usage.upsert_item(record(n, filler="x" * 900)) for n in range(100)))
        found = []
        for query in ("SELECT * FROM c WHERE c.quantity = 1", "SELECT * FROM c"):
            before = charges(clean_stores)["query"]
            rows = [row async for row in usage.query_items(query, partition_key="2025-06-01", max_item_count=1000)]
            found.append((charges(clean_stores)["query"] - before) / len(rows))
        return found

    one, hundred = in_usage(clean_stores, work)

    assert one == pytest.approx(2.8)
    assert 0.05 < hundred < 0.5  # a row of many is cheaper than a read


def test_a_count_costs_more_the_more_it_counts(clean_stores: Stack) -> None:
    async def work(usage: ContainerProxy) -> float:
        await asyncio.gather(*(usage.upsert_item(record(n)) for n in range(200)))
        before = charges(clean_stores)["query"]
        found = usage.query_items("SELECT VALUE COUNT(1) FROM c", partition_key="2025-06-01")
        assert [count async for count in found] == [200]
        return float(charges(clean_stores)["query"] - before)

    assert in_usage(clean_stores, work) == pytest.approx(200 * 0.044)


def test_a_container_that_is_used_up_throttles_and_the_client_waits_it_out(clean_stores: Stack) -> None:
    charges(clean_stores, requestUnits=600)

    async def work(usage: ContainerProxy) -> int:
        await asyncio.gather(*(usage.upsert_item(record(n)) for n in range(250)))
        return len([row async for row in usage.query_items("SELECT c.id FROM c", partition_key="2025-06-01")])

    count = in_usage(clean_stores, work)

    said = charges(clean_stores)
    assert count == 250
    assert said["throttled"] > 0
    assert said["write"] == pytest.approx(250 * 4.95, rel=0.01)


def authorization(stack: Stack, principal: str) -> str:
    query = urlencode({"resource": "https://cosmos.azure.com", "api-version": "2019-08-01"})
    header = {"X-IDENTITY-HEADER": f"{stack.site.identity_header}.{principal}"}
    token = json.loads(call(stack.site, "GET", f"{stack.url('identity')}/msi/token?{query}", header))["access_token"]
    return quote(f"type=aad&ver=1.0&sig={token}", safe="")


USAGE = "/dbs/chargeback/colls/usage"
QUERY = {"x-ms-documentdb-isquery": "True"}
BATCH = {"x-ms-cosmos-is-batch-request": "True"}
READING = [("GET", USAGE, {}, None), ("POST", f"{USAGE}/docs", QUERY, {"query": "SELECT * FROM c"})]
WRITING = [
    ("POST", f"{USAGE}/docs", {}, record(1)),
    ("POST", f"{USAGE}/docs", {"x-ms-documentdb-is-upsert": "True"}, record(1)),
    ("DELETE", f"{USAGE}/docs/line-1", {}, None),
    ("POST", f"{USAGE}/docs", BATCH, [{"operationType": "Upsert", "resourceBody": record(1)}]),
]
MAKING = [("POST", "/dbs", {}, {"id": "another"}), ("DELETE", USAGE, {}, None)]


@pytest.mark.parametrize(
    ("principal", "may", "may_not"),
    [
        ("functions", [*READING, *WRITING], MAKING),
        ("deployer", READING, [*WRITING, *MAKING]),
        ("gateway", [], [*READING, *WRITING, *MAKING]),
    ],
)
def test_an_identity_may_do_what_its_roles_allow(
    clean_stores: Stack, principal: str, may: list[Any], may_not: list[Any]
) -> None:
    sent = {
        "Authorization": authorization(clean_stores, principal),
        "x-ms-documentdb-partitionkey": '["2025-06-01"]',
    }

    for accept, requests in (((200, 201, 204, 409), may), ((403,), may_not)):
        for method, path, headers, body in requests:
            call(clean_stores.site, method, clean_stores.url("cosmos") + path, sent | headers, body, accept)


def test_the_app_adds_to_the_audit_log_and_can_change_nothing_there(clean_stores: Stack) -> None:
    path = "/dbs/chargeback/colls/audit-log/docs"
    sent = {
        "Authorization": authorization(clean_stores, "functions"),
        "x-ms-documentdb-partitionkey": '["00000000"]',
    }
    item = {"id": "000000000001", "part": "00000000", "text": "{}", "hash": ""}
    batch = {"x-ms-cosmos-is-batch-request": "True", "x-ms-cosmos-batch-atomic": "True"}

    def answers(accept: int, method: str, path: str, body: Any = None, **headers: str) -> bytes:
        asked = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(clean_stores.site, method, clean_stores.url("cosmos") + path, sent | asked, body, (accept,))

    answers(201, "POST", path, item)
    answers(409, "POST", path, item)
    answers(200, "GET", f"{path}/{item['id']}")
    answers(403, "PUT", f"{path}/{item['id']}", item)
    answers(403, "DELETE", f"{path}/{item['id']}")
    answers(403, "POST", path, item, x_ms_documentdb_is_upsert="True")
    operations = [{"operationType": "Delete", "id": item["id"]}]
    assert b"items/delete" in answers(403, "POST", path, operations, **batch)


def test_nobody_without_a_token_of_ours_reads(clean_stores: Stack) -> None:
    forged = quote("type=aad&ver=1.0&sig=a.b.c", safe="")
    for headers in ({}, {"Authorization": forged}):
        call(clean_stores.site, "GET", clean_stores.url("cosmos") + USAGE, headers, accept=(401,))
