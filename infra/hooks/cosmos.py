"""Reads documents of Cosmos DB under the deployer's identity, by its REST API; nothing here can write."""

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

from azure_rest import Azure

SCOPE = "https://cosmos.azure.com/.default"
DOUBT = "does whoever deploys have 'Cosmos DB Built-in Data Reader', and does Cosmos DB let this machine in?"
"""What to check when a query is refused for longer than a new role needs."""


def query(
    azure: Azure, endpoint: str, database: str, container: str, partition: str, text: str, values: Mapping[str, object]
) -> list[Any]:
    """What a query finds in one partition."""
    answer = azure.send(
        "POST",
        f"{endpoint.rstrip('/')}/dbs/{database}/colls/{container}/docs",
        {"query": text, "parameters": [{"name": f"@{name}", "value": value} for name, value in values.items()]},
        {
            "Content-Type": "application/query+json",
            "x-ms-date": formatdate(usegmt=True),
            "x-ms-version": "2018-12-31",
            "x-ms-documentdb-isquery": "True",
            "x-ms-documentdb-partitionkey": f'["{partition}"]',
        },
        SCOPE,
        lambda token: quote(f"type=aad&ver=1.0&sig={token}", safe=""),
    )
    return list(answer["Documents"])
