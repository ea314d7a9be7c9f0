"""Reads documents of Cosmos DB under the deployer's identity, by its REST API; nothing here can write."""

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

from azure_rest import Azure

SCOPE = "https://cosmos.azure.com/.default"


def query(
    azure: Azure, endpoint: str, database: str, container: str, partition: str, text: str, values: Mapping[str, object]
) -> list[Any]:
    """What a query finds in one partition."""
    token = azure.bearer(SCOPE)["Authorization"].removeprefix("Bearer ")
    answer = azure.send(
        "POST",
        f"{endpoint.rstrip('/')}/dbs/{database}/colls/{container}/docs",
        {"query": text, "parameters": [{"name": f"@{name}", "value": value} for name, value in values.items()]},
        {
            "Authorization": quote(f"type=aad&ver=1.0&sig={token}", safe=""),
            "Content-Type": "application/query+json",
            "x-ms-date": formatdate(usegmt=True),
            "x-ms-version": "2018-12-31",
            "x-ms-documentdb-isquery": "True",
            "x-ms-documentdb-partitionkey": f'["{partition}"]',
        },
    )
    return list(answer["Documents"])
