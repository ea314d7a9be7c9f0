"""After deployment: subscribes the functions to the topics of usage and of alerts.

Usage comes by trigger (single events) or webhook (batches), alerts by trigger.
Event Grid checks the receiver when a subscription is made, so the code must be deployed first.
"""

import os
import sys
from typing import Any

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed
from post_provision import VAULT_SCOPE, VAULT_VERSION

USAGE, ALERTS = "usage", "alerts"
VERSION = "2025-02-15"
FUNCTION = "ingest_usage"
ALERT_FUNCTION = "deliver_alert"
ALERT_TYPE = "chargeback.alert.due.v1"
"""Others may publish to that topic, too: what is told through it to systems of your own has other types."""
BATCH = {"maxEventsPerBatch": 1000, "preferredBatchSizeInKilobytes": 512}


def subscription(
    destination: dict[str, Any], storage_id: str, dead_letters: str = "dead-letter", only: str = ""
) -> dict[str, Any]:
    """The event subscription: a day of retries, then the dead-letter container. `only`: the one type that it takes."""
    return {
        "properties": {
            "destination": destination,
            **({"filter": {"includedEventTypes": [only]}} if only else {}),
            "eventDeliverySchema": "CloudEventSchemaV1_0",
            "retryPolicy": {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440},
            "deadLetterWithResourceIdentity": {
                "identity": {"type": "SystemAssigned"},
                "deadLetterDestination": {
                    "endpointType": "StorageBlob",
                    "properties": {"resourceId": storage_id, "blobContainerName": dead_letters},
                },
            },
        }
    }


def without_dead_letters(body: dict[str, Any]) -> dict[str, Any]:
    """The same subscription without dead letters, for a store that Event Grid cannot reach behind its firewall."""
    kept = {key: value for key, value in body["properties"].items() if key != "deadLetterWithResourceIdentity"}
    return {**body, "properties": kept}


def to_trigger(app_id: str, function: str = FUNCTION) -> dict[str, Any]:
    """One event an invocation; a batch would be acknowledged or repeated as a whole."""
    return {
        "endpointType": "AzureFunction",
        "properties": {"resourceId": f"{app_id}/functions/{function}", "maxEventsPerBatch": 1},
    }


def to_webhook(host: str, key: str, tenant: str = "", audience: str = "") -> dict[str, Any]:
    """Batches to POST /api/v1/events with the events key in a header: an address would be in every log on the way.

    Event Grid never returns a secret value: https://learn.microsoft.com/azure/event-grid/delivery-properties.
    With an `audience`, Event Grid also signs in with Entra, for tenants that require it of every caller:
    https://learn.microsoft.com/azure/event-grid/secure-webhook-delivery.
    """
    secret = {"name": "x-events-key", "type": "Static", "properties": {"value": key, "isSecret": True}}
    entra = {"azureActiveDirectoryTenantId": tenant, "azureActiveDirectoryApplicationIdOrUri": audience}
    return {
        "endpointType": "WebHook",
        "properties": {
            "endpointUrl": f"https://{host}/api/v1/events",
            "deliveryAttributeMappings": [secret],
            **(entra if audience else {}),
            **BATCH,
        },
    }


def subscribe(azure: Azure, topic_id: str, body: dict[str, Any], seconds: float = 900, *, name: str = USAGE) -> None:
    """Make or change the subscription, and wait until Azure has checked the receiver. Safe to repeat."""
    path = f"{topic_id}/eventSubscriptions/{name}"

    wanted = body

    def put() -> bool:
        nonlocal wanted
        try:
            azure.manage("PUT", path, VERSION, wanted)
        except AzureRefused as error:
            said = str(error).lower()
            if error.status == 400 and "deadletter" in said.replace("-", "").replace(" ", "") and wanted is body:
                print(f"event subscription: without dead letters, as Azure refused them: {error}", file=sys.stderr)
                wanted = without_dead_letters(body)  # loses events that stay undelivered for a day, instead of all
                return False
            if error.status == 400 and "endpoint" in said:
                return False  # the function is new and not known everywhere yet
            raise
        return True

    def settled() -> str:
        state = azure.manage("GET", path, VERSION)["properties"].get("provisioningState", "")
        if state in ("Failed", "Canceled"):
            raise AzureRefused(
                0, f"event subscription {name!r} ended as {state}: the receiver did not pass Event Grid's check"
            )
        return state if state == "Succeeded" else ""

    azure.wait(f"the receiver of subscription {name!r}", put, seconds)
    azure.wait(f"subscription {name!r}", settled, seconds)


def wait_for_function(azure: Azure, app_id: str, seconds: float = 600, *, function: str = FUNCTION) -> None:
    """Wait until a function of the deployed code is listed."""

    def listed() -> bool:
        functions = azure.every(f"{app_id}/functions", "2024-04-01")
        return any(item["name"].endswith(f"/{function}") for item in functions)

    azure.wait(f"function {function} to be indexed (does the app start? see its log stream)", listed, seconds)


def main(azure: Azure) -> int:
    """Subscribe as EVENT_DELIVERY says; 1 with the reason if it fails."""
    try:
        app_id, delivery = needed("FUNCTION_APP_ID"), needed("EVENT_DELIVERY")
        wait_for_function(azure, app_id)
        if delivery == "webhook":
            url = f"{needed('CHARGEBACK_KEY_VAULT_URL').rstrip('/')}/secrets/events-key?api-version={VAULT_VERSION}"
            key = azure.send("GET", url, scope=VAULT_SCOPE)["value"].split()[0]
            audience = os.environ.get("EVENTS_AUDIENCE", "")
            tenant = needed("ENTRA_TENANT_ID") if audience else ""
            destination = to_webhook(needed("FUNCTION_APP_HOST"), key, tenant, audience)
        else:
            destination = to_trigger(app_id)
        storage_id = needed("STORAGE_ACCOUNT_ID")
        subscribe(azure, needed("EVENT_TOPIC_ID"), subscription(destination, storage_id))
        wait_for_function(azure, app_id, function=ALERT_FUNCTION)
        alerts = subscription(to_trigger(app_id, ALERT_FUNCTION), storage_id, "alert-dead-letter", ALERT_TYPE)
        subscribe(azure, needed("ALERT_TOPIC_ID"), alerts, name=ALERTS)
    except (Misconfigured, AzureRefused) as error:
        print(f"event subscription: {error}", file=sys.stderr)
        return 1
    print(f"event subscription: {USAGE!r} delivers by {delivery}, {ALERTS!r} by trigger.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
