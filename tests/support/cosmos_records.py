"""Records in the local Cosmos DB, and work on the container that holds them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from azure.cosmos.aio import ContainerProxy, CosmosClient
from azure.identity.aio import DefaultAzureCredential

from stack.stack import Stack


def in_usage(stack: Stack, work: Callable[[ContainerProxy], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with (
            DefaultAzureCredential() as credential,
            CosmosClient(stack.url("cosmos"), credential) as client,
        ):
            return await work(client.get_database_client("chargeback").get_container_client("usage"))

    return asyncio.run(run())


def record(number: int, day: str = "2025-06-01", **more: Any) -> dict[str, Any]:
    return {"id": f"line-{number}", "day": day, "quantity": number, **more}
