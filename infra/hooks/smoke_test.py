"""Sends one call through the deployed gateway and waits for its line in Cosmos DB: the whole way, end to end."""

import os
import sys
import time
import uuid
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import quote

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed

API_VERSION = "2024-10-21"
COSMOS_SCOPE = "https://cosmos.azure.com/.default"
LINE_WITHIN = 25 * 60.0
"""Seconds until a line must be posted: a posting run every 15 minutes, a cold start and a late event."""


def subscription_key(azure: Azure, service_id: str, subscription: str) -> str:
    """The primary key of the subscription that is charged; it is never printed."""
    path = f"{service_id}/subscriptions/{subscription}/listSecrets"
    return str(azure.manage("POST", path, "2024-05-01")["primaryKey"])


def call_gateway(azure: Azure, gateway: str, deployment: str, key: str, mark: str) -> int:
    """One small chat call that carries `mark` as its billing code; the total of its tokens."""
    url = f"{gateway}/openai/deployments/{quote(deployment)}/chat/completions?api-version={API_VERSION}"
    body = {"messages": [{"role": "user", "content": "Answer with the word ready."}], "max_tokens": 5}
    answer = azure.send("POST", url, body, {"api-key": key, "x-billing-code": mark})
    return int(answer["usage"]["total_tokens"])


def post_now(azure: Azure, app_id: str, host: str) -> bool:
    """Start a posting run instead of waiting for its timer; False where the app does not let us in (private)."""
    try:
        key = azure.manage("POST", f"{app_id}/host/default/listKeys", "2024-04-01")["masterKey"]
        azure.send("POST", f"https://{host}/admin/functions/post_usage", {"input": ""}, {"x-functions-key": key})
    except AzureRefused as error:
        print(f"smoke test: posting cannot be started from here ({error.status}); waiting for its timer.")
        return False
    return True


def posted_lines(azure: Azure, endpoint: str, database: str, day: str, mark: str) -> int:
    """How many usage records of the day carry the mark."""
    token = azure.bearer(COSMOS_SCOPE)["Authorization"].removeprefix("Bearer ")
    answer = azure.send(
        "POST",
        f"{endpoint.rstrip('/')}/dbs/{database}/colls/usage/docs",
        {
            "query": "SELECT VALUE c.id FROM c WHERE c.kind = 'usage' AND c.line.billing_code = @mark",
            "parameters": [{"name": "@mark", "value": mark}],
        },
        {
            "Authorization": quote(f"type=aad&ver=1.0&sig={token}", safe=""),
            "Content-Type": "application/query+json",
            "x-ms-date": formatdate(usegmt=True),
            "x-ms-version": "2018-12-31",
            "x-ms-documentdb-isquery": "True",
            "x-ms-documentdb-partitionkey": f'["{day}"]',
        },
    )
    return len(answer["Documents"])


def run(azure: Azure, seconds: float = LINE_WITHIN, every: float = 15) -> str:
    """Call, then wait for the line. Raises `AzureRefused` naming the step that failed."""
    mark = f"smoke-{uuid.uuid4().hex[:12]}"
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    app_id, host = needed("FUNCTION_APP_ID"), needed("FUNCTION_APP_HOST")
    group_id = app_id.partition("/providers/")[0]
    key = subscription_key(
        azure,
        f"{group_id}/providers/Microsoft.ApiManagement/service/{needed('GATEWAY_NAME')}",
        needed("SMOKE_SUBSCRIPTION"),
    )
    started = time.monotonic()
    tokens = call_gateway(azure, needed("GATEWAY_URL"), needed("SMOKE_DEPLOYMENT"), key, mark)
    endpoint, database = needed("COSMOS_ENDPOINT"), needed("COSMOS_DATABASE")

    def found() -> bool:
        post_now(azure, app_id, host)
        return posted_lines(azure, endpoint, database, day, mark) > 0

    azure.wait(
        f"the line of call {mark} in Cosmos DB (see 'The smoke test fails' in docs/operations.md)",
        found,
        seconds,
        every,
    )
    return f"{tokens} tokens called and posted within {time.monotonic() - started:.0f} s, marked {mark}"


def main(azure: Azure) -> int:
    """Run unless SKIP_SMOKE_TEST is set; 1 with the reason if it fails."""
    if os.environ.get("SKIP_SMOKE_TEST"):
        print("smoke test: skipped, as SKIP_SMOKE_TEST is set.")
        return 0
    try:
        print(f"smoke test: {run(azure)}.")
    except (Misconfigured, AzureRefused) as error:
        print(f"smoke test: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
