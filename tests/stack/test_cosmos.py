"""The Cosmos DB emulator behaves as the service where the product depends on it."""

import asyncio
import json
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.cosmos import exceptions
from azure.cosmos.aio import ContainerProxy

from stack.processes import StackError
from stack.provision import call
from stack.stack import Stack
from tests.support.cosmos_records import in_usage, record

pytestmark = pytest.mark.servers


def inject(stack: Stack, **fault: Any) -> None:
    call(stack.site, "POST", f"{stack.url('cosmos')}/_faults", body=fault)


def test_a_missing_document_is_not_found(clean_stores: Stack) -> None:
    async def read(usage: ContainerProxy) -> None:
        await usage.read_item("nobody", "2025-06-01")

    with pytest.raises(exceptions.CosmosResourceNotFoundError):
        in_usage(clean_stores, read)


def test_a_document_is_found_in_its_own_partition_only(clean_stores: Stack) -> None:
    async def work(usage: ContainerProxy) -> dict[str, Any]:
        await usage.upsert_item(record(1))
        with pytest.raises(exceptions.CosmosResourceNotFoundError):
            await usage.read_item("line-1", "2025-06-02")
        return await usage.read_item("line-1", "2025-06-01")

    found = in_usage(clean_stores, work)

    assert found["quantity"] == 1


def test_a_query_sees_only_the_partition_it_names_and_pages_through_all_of_it(clean_stores: Stack) -> None:
    async def work(usage: ContainerProxy) -> tuple[list[int], int]:
        await asyncio.gather(*(usage.upsert_item(record(n)) for n in range(250)))
        await usage.upsert_item(record(999, day="2025-06-02"))
        pages = usage.query_items("SELECT * FROM c ORDER BY c.quantity", partition_key="2025-06-01").by_page()
        sizes = [len([item async for item in page]) async for page in pages]
        whole = [item async for item in usage.query_items("SELECT VALUE COUNT(1) FROM c", partition_key=None)]
        return sizes, whole[0]

    sizes, total = in_usage(clean_stores, work)

    assert sizes == [100, 100, 50]
    assert total == 251


def test_offset_limit_and_distinct_are_understood(clean_stores: Stack) -> None:
    async def work(usage: ContainerProxy) -> tuple[list[Any], list[Any]]:
        for n in range(6):
            await usage.upsert_item(record(n, team="ab"[n % 2]))
        window = "SELECT VALUE c.quantity FROM c ORDER BY c.quantity OFFSET 2 LIMIT 3"
        distinct = "SELECT DISTINCT VALUE c.team FROM c"
        day = "2025-06-01"
        return (
            [item async for item in usage.query_items(window, partition_key=day)],
            [item async for item in usage.query_items(distinct, partition_key=day)],
        )

    window, distinct = in_usage(clean_stores, work)

    assert window == [2, 3, 4]
    assert sorted(distinct) == ["a", "b"]


def test_a_batch_of_a_hundred_with_an_etag_is_written_as_one(clean_stores: Stack) -> None:
    async def work(usage: ContainerProxy) -> tuple[list[int], int]:
        state = await usage.upsert_item(record(0))
        operations: list[Any] = [("upsert", (record(n),)) for n in range(1, 100)]
        operations.append(("replace", ("line-0", record(0, posted=True)), {"if_match_etag": state["_etag"]}))
        answers = await usage.execute_item_batch(operations, partition_key="2025-06-01")
        count = [item async for item in usage.query_items("SELECT VALUE COUNT(1) FROM c", partition_key="2025-06-01")]
        return [answer["statusCode"] for answer in answers], count[0]

    statuses, count = in_usage(clean_stores, work)

    assert statuses == [201] * 99 + [200]
    assert count == 100


@pytest.mark.parametrize("kind", ["replace", "upsert"])
def test_a_stale_etag_in_a_batch_rolls_everything_back(clean_stores: Stack, kind: str) -> None:
    async def work(usage: ContainerProxy) -> tuple[list[int], dict[str, Any], dict[str, Any], int]:
        before = await usage.upsert_item(record(0))
        arguments: Any = ("line-1", record(1)) if kind == "replace" else (record(1),)
        await usage.upsert_item(record(1))
        operations: list[Any] = [
            ("replace", ("line-0", record(0, changed=True))),
            ("create", (record(2),)),
            ("delete", ("line-0",)),
            (kind, arguments, {"if_match_etag": '"stale"'}),
            ("create", (record(3),)),
        ]
        with pytest.raises(exceptions.CosmosBatchOperationError) as caught:
            await usage.execute_item_batch(operations, partition_key="2025-06-01")
        after = await usage.read_item("line-0", "2025-06-01")
        count = [item async for item in usage.query_items("SELECT VALUE COUNT(1) FROM c", partition_key="2025-06-01")]
        return [answer["statusCode"] for answer in caught.value.operation_responses], before, after, count[0]

    statuses, before, after, count = in_usage(clean_stores, work)

    assert statuses == [424, 424, 424, 412, 424]
    assert after == before
    assert count == 2


@pytest.mark.filterwarnings("ignore:Sending a large body")
def test_more_than_a_hundred_operations_and_more_than_2_mb_are_refused(clean_stores: Stack) -> None:
    async def work(usage: ContainerProxy) -> tuple[int, int]:
        with pytest.raises(exceptions.CosmosHttpResponseError) as many:
            await usage.execute_item_batch([("upsert", (record(n),)) for n in range(101)], partition_key="2025-06-01")
        with pytest.raises(exceptions.CosmosHttpResponseError) as large:
            await usage.upsert_item(record(1, filler="x" * (2 * 1024 * 1024)))
        return many.value.status_code, large.value.status_code

    assert in_usage(clean_stores, work) == (400, 413)


def test_a_batch_may_not_write_into_another_partition(clean_stores: Stack) -> None:
    async def work(usage: ContainerProxy) -> int:
        with pytest.raises(exceptions.CosmosBatchOperationError) as caught:
            await usage.execute_item_batch([("upsert", (record(1, day="2025-07-01"),))], partition_key="2025-06-01")
        return caught.value.status_code

    assert in_usage(clean_stores, work) == 400


def test_a_replace_with_a_stale_etag_fails_and_a_second_create_conflicts(clean_stores: Stack) -> None:
    async def work(usage: ContainerProxy) -> None:
        first = await usage.create_item(record(1))
        await usage.upsert_item(record(1, again=True))
        with pytest.raises(exceptions.CosmosAccessConditionFailedError):
            await usage.replace_item(
                "line-1", record(1), etag=first["_etag"], match_condition=MatchConditions.IfNotModified
            )
        with pytest.raises(exceptions.CosmosResourceExistsError):
            await usage.create_item(record(1))

    in_usage(clean_stores, work)


def test_a_document_with_a_time_to_live_expires(clean_stores: Stack) -> None:
    async def work(usage: ContainerProxy) -> bool:
        await usage.upsert_item(record(1, ttl=1))
        for _ in range(60):
            await asyncio.sleep(0.1)
            try:
                await usage.read_item("line-1", "2025-06-01")
            except exceptions.CosmosResourceNotFoundError:
                return True
        return False

    assert in_usage(clean_stores, work)


def test_throttled_writes_succeed_when_the_client_tries_again(clean_stores: Stack) -> None:
    inject(clean_stores, status=429, retryAfterMs=20, count=3, on="write")

    async def work(usage: ContainerProxy) -> dict[str, Any]:
        return await usage.upsert_item(record(1))

    assert in_usage(clean_stores, work)["id"] == "line-1"
    assert json.loads(call(clean_stores.site, "GET", f"{clean_stores.url('cosmos')}/_faults")) == []


def test_a_connection_that_closes_after_the_write_leaves_the_write_done(clean_stores: Stack) -> None:
    inject(clean_stores, afterCommit=True, on="write")

    async def work(usage: ContainerProxy) -> dict[str, Any]:
        with pytest.raises(exceptions.CosmosResourceExistsError):  # the client's own second try meets its first
            await usage.create_item(record(1))
        return await usage.read_item("line-1", "2025-06-01")

    assert in_usage(clean_stores, work)["quantity"] == 1


def test_a_fault_that_makes_no_sense_is_refused(clean_stores: Stack) -> None:
    with pytest.raises(StackError, match="give status, afterCommit or delayMs"):
        inject(clean_stores, count=1)
