"""Sends calls through the deployed gateway until a line of one of them is in Cosmos DB: a test from end to end.

A new role assignment may not hold yet. Until it does, a call is refused, or its event is lost, because the gateway does
not wait for Event Grid's answer. So refusals are repeated for ten minutes, and calls until the first line comes.
"""

import os
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import cosmos
from azure_rest import ROLES_HOLD_WITHIN, Azure, AzureRefused
from deployment import Misconfigured, needed
from functions_host import start

API_VERSION = "2024-10-21"
LINE_WITHIN = 25 * 60.0
"""Seconds until a line must be posted: a posting run every 15 minutes, a cold start and a late event."""
AGAIN_AFTER = 120.0
"""Seconds between two calls."""
SEE = "(see 'The smoke test fails' in docs/operations.md)"


@dataclass(frozen=True)
class Patience:
    """How long the test waits, in seconds: for the line, for roles, between calls, between queries."""

    line: float = LINE_WITHIN
    roles: float = ROLES_HOLD_WITHIN
    calls: float = AGAIN_AFTER
    looks: float = 15.0


def subscription_key(azure: Azure, service_id: str, subscription: str) -> str:
    """The primary key of the subscription that is charged; it is never printed."""
    path = f"{service_id}/subscriptions/{subscription}/listSecrets"
    return str(azure.manage("POST", path, "2024-05-01")["primaryKey"])


def gateway_url() -> str:
    """Where the gateway is called: SMOKE_GATEWAY_URL where the name that callers use is not in DNS yet."""
    return os.environ.get("SMOKE_GATEWAY_URL") or needed("GATEWAY_URL")


def call_gateway(azure: Azure, gateway: str, deployment: str, key: str, mark: str) -> int:
    """One small chat call that carries `mark` as its billing code; the total of its tokens."""
    path = os.environ.get("GATEWAY_API_PATH") or "openai"
    url = f"{gateway}/{path}/deployments/{quote(deployment)}/chat/completions?api-version={API_VERSION}"
    # Reasoning models refuse max_tokens, and think before they answer: they need room for both.
    body = {"messages": [{"role": "user", "content": "Answer with the word ready."}], "max_completion_tokens": 500}
    answer = azure.send("POST", url, body, {"api-key": key, "x-billing-code": mark})
    return int(answer["usage"]["total_tokens"])


def call_until_roles_hold(azure: Azure, call: Callable[[], int], patience: Patience) -> int:
    """The tokens of the first call that is answered. Raises `AzureRefused` saying who refused.

    Where every account refuses the gateway, it answers 502 backend_refused_gateway.
    """
    doubt = (
        f"does the gateway have 'Cognitive Services OpenAI User' on the account, and the key its subscription? {SEE}"
    )
    return azure.once_roles_hold(call, doubt, patience.roles, patience.looks)


def posted_lines(
    azure: Azure, endpoint: str, database: str, day: str, marks: Sequence[str], patience: Patience | None = None
) -> int:
    """How many usage records of the day have one of the marks as billing code."""
    text = "SELECT VALUE c.id FROM c WHERE c.kind = 'usage' AND ARRAY_CONTAINS(@marks, c.line.billing_code)"
    given, patience = {"marks": list(marks)}, patience or Patience()

    def found() -> int:
        return len(cosmos.query(azure, endpoint, database, "usage", day, text, given))

    return azure.once_roles_hold(found, cosmos.DOUBT, patience.roles, patience.looks)


def run(azure: Azure, patience: Patience | None = None) -> str:
    """Call until a line is posted. Raises `AzureRefused` naming the step that failed."""
    patience = patience or Patience()
    app_id, host = needed("FUNCTION_APP_ID"), needed("FUNCTION_APP_HOST")
    group_id = app_id.partition("/providers/")[0]
    own = f"{group_id}/providers/Microsoft.ApiManagement/service/{needed('GATEWAY_NAME')}"
    service_id = os.environ.get("GATEWAY_IDS", "").partition(",")[0] or own
    key = subscription_key(azure, service_id, needed("SMOKE_SUBSCRIPTION"))
    gateway, deployment = gateway_url(), needed("SMOKE_DEPLOYMENT")
    endpoint, database = needed("CHARGEBACK_COSMOS_ENDPOINT"), needed("CHARGEBACK_COSMOS_DATABASE")
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    started, marks, tokens, called = time.monotonic(), list[str](), 0, 0.0
    while time.monotonic() < started + patience.line:
        if not marks or time.monotonic() > called + patience.calls:
            marks.append(f"smoke-{uuid.uuid4().hex[:12]}")
            tokens += call_until_roles_hold(
                azure, lambda: call_gateway(azure, gateway, deployment, key, marks[-1]), patience
            )
            called = time.monotonic()
        start(azure, app_id, host, "post_usage")
        if posted_lines(azure, endpoint, database, day, marks, patience):
            took = f"within {time.monotonic() - started:.0f} s, call {len(marks)}"
            return f"{tokens} tokens called and posted {took}, marked {', '.join(marks)}"
        time.sleep(patience.looks)
    raise AzureRefused(
        0,
        f"{len(marks)} calls were answered, but none of them has a line in Cosmos DB after {patience.line:.0f} s: their"
        f" events are missing ('EventGrid Data Sender', the subscription 'usage'), or posting fails {SEE}",
    )


def main(azure: Azure) -> int:
    """Run unless SKIP_SMOKE_TEST is set; 1 with the reason if it fails."""
    if os.environ.get("SKIP_SMOKE_TEST"):
        print("smoke test: skipped, because SKIP_SMOKE_TEST is set.")
        return 0
    if os.environ.get("SMOKE_SUBSCRIPTION") == "":
        print("smoke test: skipped, because only the calls of a team's own API are counted, and nobody's key is used.")
        return 0
    try:
        print(f"smoke test: {run(azure)}.")
    except (Misconfigured, AzureRefused) as error:
        print(f"smoke test: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
