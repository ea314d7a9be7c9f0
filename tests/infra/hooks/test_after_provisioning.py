"""Configuration upload, events key, event subscription and removal: each safe to repeat."""

from pathlib import Path
from typing import Any

import pytest
from azure_rest import AzureRefused
from post_provision import ensure_events_key, upload_configuration
from pre_down import main as before_down
from pre_down import release
from preflight_changes import policy_of
from subscribe_events import subscribe, subscription, to_trigger, to_webhook, wait_for_function

from tests.infra.hooks.conftest import LocalAzure

BUDGETS = "/subscriptions/s/providers/Microsoft.Consumption/budgets"
TOPIC = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.EventGrid/topics/t"
USAGE = f"{TOPIC}/eventSubscriptions/usage"
STORAGE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st"
APP = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Web/sites/app"
SOON = 0.2


def test_every_configuration_file_is_uploaded_as_it_is(azure: LocalAzure, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1\n")
    (tmp_path / "b.yaml").write_text("b: 2\n")
    (tmp_path / "notes.txt").write_text("no")
    for name in ("a.yaml", "b.yaml"):
        azure.on("PUT", f"/config/{name}", (201, None))

    names = upload_configuration(azure.client(), azure.url, tmp_path, SOON)

    assert names == ["a.yaml", "b.yaml"]
    assert [asked.body for asked in azure.asked] == [b"a: 1\n", b"b: 2\n"]
    assert {asked.headers["x-ms-blob-type"] for asked in azure.asked} == {"BlockBlob"}
    assert {asked.headers["authorization"] for asked in azure.asked} == {
        "Bearer token-for-https://storage.azure.com/.default"
    }


def test_an_upload_waits_until_a_new_role_has_spread(
    azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    (tmp_path / "a.yaml").write_text("a: 1\n")
    azure.on("PUT", "/config/a.yaml", (403, None), (403, None), (201, None))

    upload_configuration(azure.client(), azure.url, tmp_path, 5)

    assert len(azure.asked) == 3


def test_a_role_that_never_comes_is_reported_as_such(azure: LocalAzure, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1\n")
    azure.on("PUT", "/config/a.yaml", (403, None))

    with pytest.raises(AzureRefused, match="in vain for the right to write the container config"):
        upload_configuration(azure.client(), azure.url, tmp_path, SOON)


def test_the_events_key_is_made_once_and_then_left_alone(azure: LocalAzure) -> None:
    missing = (404, {"error": {"code": "SecretNotFound", "message": "no"}})
    azure.on("GET", "/secrets/events-key", missing, (200, {"value": "kept"}))
    azure.on("PUT", "/secrets/events-key", (200, {}))

    made = [ensure_events_key(azure.client(), f"{azure.url}/", SOON) for _ in range(2)]

    (put,) = azure.requests("PUT")
    assert made == [True, False]
    assert len(put.json["value"]) >= 32


def test_the_subscription_retries_for_a_day_and_then_dead_letters_by_identity() -> None:
    properties = subscription(to_trigger(APP), STORAGE)["properties"]

    assert properties["eventDeliverySchema"] == "CloudEventSchemaV1_0"
    assert properties["retryPolicy"] == {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}
    letters = properties["deadLetterWithResourceIdentity"]
    assert letters["identity"] == {"type": "SystemAssigned"}
    assert letters["deadLetterDestination"]["properties"] == {"resourceId": STORAGE, "blobContainerName": "dead-letter"}


def test_the_trigger_gets_single_events_and_the_webhook_batches_with_its_key() -> None:
    trigger, webhook = to_trigger(APP), to_webhook("app.azurewebsites.net", "a/b+c")

    assert trigger["properties"] == {"resourceId": f"{APP}/functions/ingest_usage", "maxEventsPerBatch": 1}
    assert webhook["properties"]["endpointUrl"] == "https://app.azurewebsites.net/api/v1/events?code=a%2Fb%2Bc"
    assert webhook["properties"]["maxEventsPerBatch"] > 1


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


def test_immutable_books_are_not_deleted_by_mistake(
    azure: LocalAzure, environment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    environment(PROFILE="production", AZURE_LOCATION="swedencentral", AZURE_ENV_NAME="prod", STORAGE_ACCOUNT_ID=STORAGE)

    code = before_down(azure.client())

    assert code == 1
    assert "azd env set DELETE_BOOKS prod" in capsys.readouterr().err
    assert azure.asked == []


def test_immutable_containers_are_released_for_whoever_says_so(azure: LocalAzure, environment: Any) -> None:
    environment(
        PROFILE="production",
        AZURE_LOCATION="swedencentral",
        AZURE_ENV_NAME="prod",
        AZURE_SUBSCRIPTION_ID="s",
        STORAGE_ACCOUNT_ID=STORAGE,
        DELETE_BOOKS="prod",
    )
    azure.on("GET", BUDGETS, (200, {"value": []}))
    for container in ("closed", "ledger"):
        azure.on("GET", f"{STORAGE}/{policy_of(container)}", (200, {"etag": f'"{container}"'}))
        azure.on("DELETE", f"{STORAGE}/{policy_of(container)}", (200, None))

    code = before_down(azure.client())

    assert code == 0
    assert {delete.headers["if-match"] for delete in azure.requests("DELETE")} == {'"closed"', '"ledger"'}


def test_a_second_removal_finds_nothing_to_release(azure: LocalAzure) -> None:
    assert release(azure.client(), STORAGE, "closed") is False


def test_a_trial_is_deleted_without_asking_and_its_budget_with_it(azure: LocalAzure, environment: Any) -> None:
    environment(PROFILE="trial", AZURE_LOCATION="swedencentral", AZURE_ENV_NAME="env", AZURE_SUBSCRIPTION_ID="s")
    tags = {"name": "azd-env-name", "operator": "In", "values": ["env"]}
    budget = {"id": f"{BUDGETS}/chargeback-a", "name": "chargeback-a", "properties": {"filter": {"tags": tags}}}
    azure.on("GET", BUDGETS, (200, {"value": [budget]}))
    azure.on("DELETE", budget["id"], (200, None))

    assert before_down(azure.client()) == 0
    assert [delete.path.partition("?")[0] for delete in azure.requests("DELETE")] == [budget["id"]]
