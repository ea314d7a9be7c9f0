"""Creates in the stack what Bicep creates in Azure: containers and the event subscriptions."""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stack.processes import StackError
from stack.site import DATABASE, Site

OF_EVENTS = ("quarantine", "dead-letter", "alert-dead-letter")
BLOB_CONTAINERS = ("ledger", "marks", *OF_EVENTS, "reports", "closed", "settled", "cost-exports")
COSMOS_CONTAINERS = {"usage": "/day", "control": "/kind", "objects": "/id", "alerts": "/type", "audit-log": "/part"}
STORAGE_AUDIENCE = "https://storage.azure.com"


def call(
    site: Site,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    accept: tuple[int, ...] = (200, 201),
) -> bytes:
    """Make one HTTP call to a server of the stack; raise unless the status is one of `accept`."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    context = _trusting(str(site.certificates.bundle))
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as response:
            status, answer = response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            status, answer = error.code, error.read()
    if status not in accept:
        raise StackError(f"{method} {url} answered {status}: {answer[:500].decode(errors='replace')}")
    return bytes(answer)


@lru_cache
def _trusting(bundle: str) -> ssl.SSLContext:
    """Reading a bundle takes longer than most calls do."""
    return ssl.create_default_context(cafile=bundle)


def access_token(site: Site, resource: str) -> str:
    """Return a token from the identity endpoint, as a managed identity would."""
    query = urllib.parse.urlencode({"resource": resource, "api-version": "2019-08-01"})
    headers = {"X-IDENTITY-HEADER": site.identity_header}
    return str(json.loads(call(site, "GET", f"{site.url('identity')}/msi/token?{query}", headers))["access_token"])


def create_blob_containers(site: Site) -> None:
    """Create the product's blob containers; those that exist are left alone."""
    token = access_token(site, STORAGE_AUDIENCE)
    headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2025-11-05", "Content-Length": "0"}
    for name in BLOB_CONTAINERS:
        call(site, "PUT", f"{site.url('blob')}/{name}?restype=container", headers, accept=(201, 409))


def create_cosmos_containers(site: Site) -> None:
    """Create the product's database and containers; those that exist are left alone."""
    url = site.url("cosmos")
    call(site, "POST", f"{url}/dbs", body={"id": DATABASE}, accept=(201, 409))
    for name, path in COSMOS_CONTAINERS.items():
        body = {"id": name, "partitionKey": {"paths": [path], "kind": "Hash", "version": 2}, "defaultTtl": -1}
        call(site, "POST", f"{url}/dbs/{DATABASE}/colls", body=body, accept=(201, 409))


def subscribe_to_usage(site: Site) -> None:
    """Subscribe the webhook of `ingest_usage` to the topic, as the postdeploy hook does in Azure."""
    _subscribe(site, "eventGrid", {"name": "ingest-usage"}, "ingest_usage")


def subscribe_to_alerts(site: Site) -> None:
    """Subscribe the webhook of `deliver_alert` to the topic of alerts, likewise."""
    only = {"includedEventTypes": ["chargeback.alert.due.v1"]}
    _subscribe(site, "alertTopic", {"name": "deliver-alert", **only}, "deliver_alert")


def _subscribe(site: Site, topic: str, subscription: dict[str, Any], function: str) -> None:
    endpoint = f"{site.url('functions')}/runtime/webhooks/EventGrid?functionName={function}"
    call(site, "POST", f"{site.url(topic)}/_subscriptions", body={**subscription, "endpoint": endpoint})
