"""Keys, event subscription and removal: each safe to repeat."""

from collections.abc import Callable
from typing import Any

import pytest
from azure_rest import AzureRefused
from deployment import needed
from leave_networks import delete_app, leave_networks
from post_provision import ensure_key
from pre_down import main as before_down
from pre_down import release
from preflight_changes import policy_of
from subscribe_events import subscribe, subscription, to_trigger, to_webhook, wait_for_function
from watch_functions import ALERT, switch_on

from chargeback.domain.events.emitters import keys_in
from chargeback.services.access.seal_keys import seal_keys_in
from tests.infra.hooks.conftest import LocalAzure

BUDGETS = "/subscriptions/s/providers/Microsoft.Consumption/budgets"
TOPIC = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.EventGrid/topics/t"
USAGE = f"{TOPIC}/eventSubscriptions/usage"
STORAGE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st"
APP = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Web/sites/app"
SOON = 0.2
PRODUCTION = {
    "CHARGEBACK_PROFILE": "production",
    "AZURE_LOCATION": "swedencentral",
    "AZURE_ENV_NAME": "prod",
    "AZURE_SUBSCRIPTION_ID": "s",
}
PROVIDERS = "/subscriptions/s/resourceGroups/rg-prod/providers"
BIN = "/subscriptions/s/providers/Microsoft.ApiManagement/deletedservices"
STORE, SITE = f"{PROVIDERS}/Microsoft.Storage/storageAccounts/st", f"{PROVIDERS}/Microsoft.Web/sites/app"


def test_the_events_key_waits_until_a_new_role_has_spread(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    azure.on("GET", "/secrets/events-key", (403, None), (403, None), (200, {"value": "kept"}))

    assert ensure_key(azure.client(), azure.url, "events-key", 5) is False
    assert len(azure.asked) == 3


def test_a_role_that_never_comes_is_reported_as_such(azure: LocalAzure) -> None:
    azure.on("GET", "/secrets/events-key", (403, None))

    with pytest.raises(
        AzureRefused, match="longer than a new role needs: does whoever deploys have 'Key Vault Secrets Officer'"
    ):
        ensure_key(azure.client(), azure.url, "events-key", SOON)


@pytest.mark.parametrize(("name", "parse"), [("events-key", keys_in), ("page-session-key", seal_keys_in)])
def test_a_key_is_made_once_and_then_left_alone_and_is_one_that_the_app_takes(
    azure: LocalAzure, name: str, parse: Callable[[str], tuple[str, ...]]
) -> None:
    missing = (404, {"error": {"code": "SecretNotFound", "message": "no"}})
    azure.on("GET", f"/secrets/{name}", missing, (200, {"value": "kept"}))
    azure.on("PUT", f"/secrets/{name}", (200, {}))

    made = [ensure_key(azure.client(), f"{azure.url}/", name, SOON) for _ in range(2)]

    (put,) = azure.requests("PUT")
    assert made == [True, False]
    assert parse(put.json["value"]) == (put.json["value"],)


def test_the_subscription_retries_for_a_day_and_then_dead_letters_by_identity() -> None:
    properties = subscription(to_trigger(APP), STORAGE)["properties"]

    assert properties["eventDeliverySchema"] == "CloudEventSchemaV1_0"
    assert properties["retryPolicy"] == {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}
    letters = properties["deadLetterWithResourceIdentity"]
    assert letters["identity"] == {"type": "SystemAssigned"}
    assert letters["deadLetterDestination"]["properties"] == {"resourceId": STORAGE, "blobContainerName": "dead-letter"}


def test_the_trigger_gets_single_events_and_the_webhook_batches() -> None:
    trigger, webhook = to_trigger(APP), to_webhook("app.azurewebsites.net", "a/b+c")

    assert trigger["properties"] == {"resourceId": f"{APP}/functions/ingest_usage", "maxEventsPerBatch": 1}
    assert webhook["properties"]["maxEventsPerBatch"] > 1


def test_the_events_key_travels_in_a_secret_header_and_never_in_the_address() -> None:
    properties = to_webhook("app.azurewebsites.net", "a/b+c")["properties"]

    assert properties["endpointUrl"] == "https://app.azurewebsites.net/api/v1/events"
    assert properties["deliveryAttributeMappings"] == [
        {"name": "x-events-key", "type": "Static", "properties": {"value": "a/b+c", "isSecret": True}}
    ]
    assert "azureActiveDirectoryTenantId" not in properties


def test_a_tenant_may_want_event_grid_to_sign_in_as_well() -> None:
    properties = to_webhook("app.azurewebsites.net", "key", "tenant", "api://events")["properties"]

    assert properties["azureActiveDirectoryTenantId"] == "tenant"
    assert properties["azureActiveDirectoryApplicationIdOrUri"] == "api://events"
    assert properties["deliveryAttributeMappings"]


def test_a_store_that_takes_no_dead_letters_does_not_keep_events_from_arriving(
    azure: LocalAzure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    refused = (400, {"error": {"code": "InvalidRequest", "message": "Dead-letter endpoint cannot be reached."}})
    azure.on("PUT", USAGE, refused, (201, {}))
    azure.on("GET", USAGE, (200, {"properties": {"provisioningState": "Succeeded"}}))

    subscribe(azure.client(), TOPIC, subscription(to_trigger(APP), STORAGE), 5)

    first, second = (asked.json["properties"] for asked in azure.requests("PUT"))
    assert "deadLetterWithResourceIdentity" in first
    assert {**second, "deadLetterWithResourceIdentity": first["deadLetterWithResourceIdentity"]} == first
    assert "without dead letters, as Azure refused them" in capsys.readouterr().err


def test_subscribing_is_repeated_until_event_grid_finds_the_function(
    azure: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    unknown = (400, {"error": {"code": "Endpoint validation", "message": "Destination endpoint not found."}})
    azure.on("PUT", USAGE, unknown, (201, {}))
    azure.on(
        "GET",
        USAGE,
        (200, {"properties": {"provisioningState": "Creating"}}),
        (200, {"properties": {"provisioningState": "Succeeded"}}),
    )

    subscribe(azure.client(), TOPIC, {"properties": {}}, 5)

    assert [asked.method for asked in azure.asked] == ["PUT", "PUT", "GET", "GET"]


def test_a_receiver_that_fails_the_check_ends_the_wait(azure: LocalAzure) -> None:
    azure.on("PUT", USAGE, (201, {}))
    azure.on("GET", USAGE, (200, {"properties": {"provisioningState": "Failed"}}))

    with pytest.raises(AzureRefused, match="did not pass Event Grid's check"):
        subscribe(azure.client(), TOPIC, {"properties": {}}, 5)


def test_an_error_that_time_does_not_cure_is_raised_at_once(azure: LocalAzure) -> None:
    azure.on("PUT", USAGE, (400, {"error": {"code": "InvalidRequest", "message": "eventTimeToLive is wrong"}}))

    with pytest.raises(AzureRefused, match="eventTimeToLive is wrong"):
        subscribe(azure.client(), TOPIC, {"properties": {}}, 5)


def test_an_app_that_does_not_start_is_named(azure: LocalAzure) -> None:
    azure.on("GET", f"{APP}/functions", (200, {"value": []}))

    with pytest.raises(AzureRefused, match="function ingest_usage to be indexed"):
        wait_for_function(azure.client(), APP, SOON)


@pytest.mark.parametrize("name", ["CHARGEBACK_PROFILE", "PROFILE"])
def test_immutable_books_are_not_deleted_by_mistake(
    azure: LocalAzure, environment: Any, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    environment(**{**PRODUCTION, "CHARGEBACK_PROFILE": "", name: "production"})
    azure.on("GET", f"{PROVIDERS}/Microsoft.Storage/storageAccounts", (200, {"value": [{"id": STORE, "name": "st"}]}))

    code = before_down(azure.client())

    assert code == 1
    assert "azd env set DELETE_BOOKS prod" in capsys.readouterr().err
    assert {asked.method for asked in azure.asked} == {"GET"}


@pytest.mark.parametrize("released", ["", "prod"])
def test_an_environment_without_a_group_has_nothing_to_release(
    azure: LocalAzure, environment: Any, released: str
) -> None:
    environment(**PRODUCTION, DELETE_BOOKS=released)
    azure.on("GET", BUDGETS, (200, {"value": []}))
    azure.on("GET", BIN, (200, {"value": []}))

    assert before_down(azure.client()) == 0
    assert azure.requests("DELETE") == []


LEDGER = f"{STORAGE}/{policy_of('ledger')}"
SUBNET = "/subscriptions/s/resourceGroups/rg-r/providers/Microsoft.Network/virtualNetworks/v/subnets/functions"


def policy(state: str = "Unlocked") -> tuple[int, Any]:
    return 200, {"etag": '"1"', "properties": {"state": state, "immutabilityPeriodSinceCreationInDays": 5}}


def test_the_books_are_released_for_whoever_says_so_and_the_app_leaves_its_network_first(
    azure: LocalAzure, environment: Any
) -> None:
    environment(**PRODUCTION, DELETE_BOOKS="prod")  # and no outputs: it may have failed while it was made
    azure.on("GET", BUDGETS, (200, {"value": []}))
    for kind, path in (("Storage/storageAccounts", STORE), ("Web/sites", SITE)):
        found = {"id": path, "name": path.rpartition("/")[2]}
        azure.on("GET", f"{PROVIDERS}/Microsoft.{kind}", (200, {"value": [found]}))
    guarded = [f"{STORE}/{policy_of(name)}" for name in ("closed", "ledger")]
    for path in guarded:
        azure.on("GET", path, policy())
        azure.on("DELETE", path, (200, None))
    azure.on("GET", BIN, (200, {"value": []}))
    azure.on("GET", SITE, (200, {"properties": {"virtualNetworkSubnetId": SUBNET}}))
    azure.on("DELETE", SITE, (200, None))
    azure.on("GET", SUBNET, (200, {"properties": {}}))

    code = before_down(azure.client())

    deleted = [(asked.path.partition("?")[0], asked.headers.get("if-match")) for asked in azure.requests("DELETE")]
    assert code == 0
    assert sorted(deleted, key=str) == sorted([*((path, '"1"') for path in guarded), (SITE, None)], key=str)


def test_a_locked_policy_is_not_even_tried(azure: LocalAzure) -> None:
    azure.on("GET", LEDGER, policy("Locked"))

    with pytest.raises(AzureRefused, match="the policy of container ledger is locked"):
        release(azure.client(), STORAGE)
    assert azure.requests("DELETE") == []


def test_a_second_removal_finds_nothing_to_release_and_no_app(azure: LocalAzure) -> None:
    assert release(azure.client(), STORAGE) == []
    delete_app(azure.client(), APP, SOON)

    assert azure.requests("DELETE") == []


def test_a_subnet_is_waited_for_until_the_link_of_the_deleted_app_is_gone(
    azure: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    azure.on("GET", APP, (200, {"properties": {"virtualNetworkSubnetId": SUBNET}}))
    azure.on("DELETE", APP, (200, None))
    linked = (200, {"properties": {"serviceAssociationLinks": [{"name": "legionservicelink"}]}})
    azure.on("GET", SUBNET, linked, linked, (200, {"properties": {"serviceAssociationLinks": []}}))

    delete_app(azure.client(), APP, 5)

    assert [asked.method for asked in azure.asked] == ["GET", "DELETE", "GET", "GET", "GET"]


def test_a_gateway_goes_before_its_networks_and_is_purged_because_azd_no_longer_finds_it(
    azure: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    gateway = f"{PROVIDERS}/Microsoft.ApiManagement/service/apim"
    subnets = [SUBNET.replace("rg-r", f"rg-prod-{region}") for region in ("a", "b")]
    places = [{"virtualNetworkConfiguration": {"subnetResourceId": subnet}} for subnet in (*subnets, SUBNET)]
    properties = {"virtualNetworkType": "External", **places[0], "additionalLocations": places[1:]}
    found = {"id": gateway, "name": "apim", "properties": properties}
    azure.on("GET", f"{PROVIDERS}/Microsoft.ApiManagement/service", (200, {"value": [found]}))
    azure.on("GET", gateway, (200, found), (404, {}))
    azure.on("DELETE", gateway, (202, None))
    held = (200, {"properties": {"ipConfigurations": [{"id": "x"}]}})
    for subnet in subnets:
        azure.on("GET", subnet, held, (200, {"properties": {}}))
    binned = {name: f"/subscriptions/s/providers/x/locations/y/deletedservices/{name}" for name in ("apim", "other")}
    groups = {"apim": "RG-prod", "other": "rg-prod-2"}
    services = {name: f"/subscriptions/s/resourceGroups/{group}/providers/z" for name, group in groups.items()}
    items = [{"id": binned[name], "name": name, "properties": {"serviceId": services[name]}} for name in services]
    azure.on("GET", BIN, (200, {"value": items}))
    azure.on("DELETE", binned["apim"], (202, None))

    leave_networks(azure.client(), "s", "rg-prod")

    asked = [(each.method, each.path.partition("?")[0]) for each in azure.asked]
    assert [path for method, path in asked if method == "DELETE"] == [gateway, binned["apim"]]
    assert all(asked.count(("GET", subnet)) == 2 for subnet in subnets)
    assert ("GET", SUBNET) not in asked  # a network that the company has stays, whatever is in it


def test_a_trial_is_deleted_without_asking_and_its_budget_with_it(azure: LocalAzure, environment: Any) -> None:
    environment(
        CHARGEBACK_PROFILE="trial", AZURE_LOCATION="swedencentral", AZURE_ENV_NAME="env", AZURE_SUBSCRIPTION_ID="s"
    )
    tags = {"name": "azd-env-name", "operator": "In", "values": ["env"]}
    budget = {"id": f"{BUDGETS}/chargeback-a", "name": "chargeback-a", "properties": {"filter": {"tags": tags}}}
    azure.on("GET", BUDGETS, (200, {"value": [budget]}))
    azure.on("DELETE", budget["id"], (200, None))

    assert before_down(azure.client()) == 0
    assert [delete.path.partition("?")[0] for delete in azure.requests("DELETE")] == [budget["id"]]


@pytest.mark.parametrize(("enabled", "switched"), [(False, True), (True, False)])
def test_the_silence_of_the_functions_is_an_alert_once_they_are_deployed(
    azure: LocalAzure, enabled: object, switched: object
) -> None:
    alert = f"/subscriptions/s/resourceGroups/rg/{ALERT}"
    azure.on("GET", alert, (200, {"properties": {"enabled": enabled}}))
    azure.on("PATCH", alert, (200, {}))

    assert switch_on(azure.client(), "/subscriptions/s/resourceGroups/rg") is switched
    assert [asked.json for asked in azure.requests("PATCH")] == (
        [{"properties": {"enabled": True}}] if switched else []
    )


def test_alerts_have_a_subscription_of_their_own_that_takes_no_other_events() -> None:
    trigger = to_trigger(APP, "deliver_alert")
    properties = subscription(trigger, STORAGE, "alert-dead-letter", "chargeback.alert.due.v1")["properties"]

    assert properties["filter"] == {"includedEventTypes": ["chargeback.alert.due.v1"]}
    assert properties["destination"]["properties"]["resourceId"] == f"{APP}/functions/deliver_alert"
    letters = properties["deadLetterWithResourceIdentity"]["deadLetterDestination"]["properties"]
    assert letters["blobContainerName"] == "alert-dead-letter"
    assert "filter" not in subscription(to_trigger(APP), STORAGE)["properties"]


def test_an_output_of_an_earlier_deployment_is_found_by_its_present_name(environment: Any) -> None:
    environment(KEY_VAULT_URL="https://vault")

    assert needed("CHARGEBACK_KEY_VAULT_URL") == "https://vault"
