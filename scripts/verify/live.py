"""Reads a live deployment for the points: resources, their metrics, the log, the stores' blobs and the gateway."""

import functools
import os
import re
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

sys.path.insert(0, str(Path(__file__).parents[2] / "infra/hooks"))

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed, read_gateway
from smoke_test import gateway_url, subscription_key

__all__ = ["AzureRefused", "Live", "Misconfigured", "needed"]

LOG = "https://api.loganalytics.io"
LOG_SCOPE = "https://api.loganalytics.io/.default"
STORAGE_SCOPE = "https://storage.azure.com/.default"
VAULT_SCOPE = "https://vault.azure.net/.default"
QUERIES = Path(__file__).parent / "queries"
OURS = 'ApiId == "azure-openai"'
"""What the queries say of the API, as those of infra/queries do; a deployment may have another one, or several."""
VERSIONS = {
    "Microsoft.ApiManagement/service": "2024-05-01",
    "Microsoft.Cache/redisEnterprise": "2025-07-01",
    "Microsoft.CognitiveServices/accounts": "2025-06-01",
    "Microsoft.DocumentDB/databaseAccounts": "2025-10-15",
    "Microsoft.EventGrid/topics": "2025-02-15",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.KeyVault/vaults": "2024-11-01",
    "Microsoft.Network/trafficManagerProfiles": "2022-04-01",
    "Microsoft.Storage/storageAccounts": "2025-06-01",
    "Microsoft.Web/sites": "2025-03-01",
}


@dataclass
class Live:
    """One deployment; `calls` says whether the gateway may be called, which costs some cents."""

    azure: Azure
    calls: bool = False
    log: str = LOG
    days: int = 30
    _listed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The resource group of the pipeline."""
        return f"/subscriptions/{needed('AZURE_SUBSCRIPTION_ID')}/resourceGroups/{needed('AZURE_RESOURCE_GROUP')}"

    @functools.cached_property
    def profile(self) -> str:
        """The profile that was deployed."""
        tags: dict[str, str] = self.azure.manage("GET", self.group, "2024-11-01").get("tags", {})
        return tags.get("profile", "")

    @property
    def apis(self) -> str:
        """The ids of the APIs whose calls are ours, as a query lists them: as infra/main.bicep has them for alerts."""
        shared = os.environ.get("GATEWAY_APIS", "")
        return shared.replace(",", '", "') or str(read_gateway()["api"]["id"])

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """The resources of a type in the group, with their properties."""
        if kind not in self._listed:
            self._listed[kind] = self.azure.every(f"{self.group}/providers/{kind}", VERSIONS[kind])
        return self._listed[kind]

    @property
    def books(self) -> dict[str, Any]:
        """The storage account of the books."""
        return next(item for item in self.resources("Microsoft.Storage/storageAccounts") if "books" in item["name"])

    def at(self, resource_id: str, version: str) -> dict[str, Any]:
        """A resource or a part of one; empty where there is none."""
        found: dict[str, Any] | None = self.azure.find(resource_id, version)
        return found or {}

    def metric(self, resource_id: str, name: str) -> float:
        """The sum of a metric over the last day."""
        asked = urlencode({"metricnames": name, "aggregation": "Total", "timespan": "P1D", "interval": "PT1H"})
        path = f"{resource_id}/providers/Microsoft.Insights/metrics?{asked}"
        found = self.azure.manage("GET", path, "2023-10-01")
        series = [part for value in found["value"] for part in value.get("timeseries", ())]
        return float(sum(point.get("total") or 0 for part in series for point in part["data"]))

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What a query of the folder finds in the last days."""
        url = f"{self.log}/v1/workspaces/{needed('LOG_ANALYTICS_WORKSPACE_ID')}/query"
        text = (QUERIES / f"{query}.kql").read_text("utf-8")
        body = {"query": text.replace(OURS, f'ApiId in ("{self.apis}")'), "timespan": f"P{self.days}D"}
        table = self.azure.send("POST", url, body, scope=LOG_SCOPE)["tables"][0]
        names = [column["name"] for column in table["columns"]]
        return [dict(zip(names, row, strict=True)) for row in table["rows"]]

    def row(self, query: str) -> dict[str, Any]:
        """The one row of a query that sums up."""
        return self.rows(query)[0]

    def blobs(self, container: str) -> list[str]:
        """Names of blobs, the first five thousand. Raises `AzureRefused`."""
        url = f"{needed('CHARGEBACK_STORAGE_ACCOUNT_URL').rstrip('/')}/{container}?restype=container&comp=list"
        listed = self.azure.send("GET", url, None, {"x-ms-version": "2023-11-03"}, STORAGE_SCOPE)
        return re.findall(r"<Name>([^<]+)</Name>", str(listed))

    def reached(self, url: str, scope: str = "") -> tuple[int, str]:
        """Status and code that an address answers to who has no name, or a token of the scope; 0 where nobody does."""
        try:
            self.azure.send("GET", url, scope=scope)
        except AzureRefused as error:
            return error.status, error.code
        return 200, ""

    def stream(self, clock: Callable[[], float] = time.monotonic) -> tuple[float, float]:
        """Seconds until the first words of a streamed call, and until the last."""
        own = f"{self.group}/providers/Microsoft.ApiManagement/service/{needed('GATEWAY_NAME')}"
        service = os.environ.get("GATEWAY_IDS", "").partition(",")[0] or own
        key = subscription_key(self.azure, service, needed("SMOKE_SUBSCRIPTION"))
        path = os.environ.get("GATEWAY_API_PATH") or "openai"
        url = f"{gateway_url()}/{path}/deployments/{quote(needed('SMOKE_DEPLOYMENT'))}/chat/completions"
        body = b'{"stream": true, "messages": [{"role": "user", "content": "Count from 1 to 300, in words."}]}'
        headers = {"api-key": key, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}?api-version=2024-10-21", body, headers)
        began, first = clock(), 0.0
        with urllib.request.urlopen(request, timeout=240) as answer:
            for line in answer:
                if b'"content":"' in line.replace(b" ", b"") and not first:
                    first = clock() - began
        return first, clock() - began
