"""The smoke test calls the gateway, starts a posting run where it may, and waits for its own line."""

from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
import smoke_test
from azure_rest import Azure, AzureRefused
from functions_host import start

from tests.infra.hooks.conftest import LocalAzure

GROUP = "/subscriptions/s/resourceGroups/rg"
APP = f"{GROUP}/providers/Microsoft.Web/sites/app"
KEY = f"{GROUP}/providers/Microsoft.ApiManagement/service/apim/subscriptions/search/listSecrets"
CALL = "/openai/deployments/gpt-4o/chat/completions"
COSMOS = "/dbs/chargeback/colls/usage/docs"
REFUSED = (
    502,
    {
        "error": {
            "code": "backend_refused_gateway",
            "type": "server_error",
            "message": "The model accounts refuse the gateway; its operator has been told.",
        }
    },
)
"""What the gateway makes of 401 and 403 of every account, apim-policies/fragments/exhaust.xml: it passes neither on."""
QUICK = smoke_test.Patience(line=5, roles=5, calls=5, looks=0.01)


@pytest.fixture
def deployed(azure: LocalAzure, environment: Any) -> LocalAzure:
    environment(
        FUNCTION_APP_ID=APP,
        FUNCTION_APP_HOST="app.invalid",
        GATEWAY_NAME="apim",
        GATEWAY_URL=azure.url,
        CHARGEBACK_COSMOS_ENDPOINT=f"{azure.url}/",
        CHARGEBACK_COSMOS_DATABASE="chargeback",
        SMOKE_SUBSCRIPTION="search",
        SMOKE_DEPLOYMENT="gpt-4o",
    )
    azure.on("POST", KEY, (200, {"primaryKey": "the-key"}))
    azure.on("POST", CALL, (200, {"usage": {"total_tokens": 12}}))
    azure.on("POST", f"{APP}/host/default/listKeys", (403, {"error": {"code": "Forbidden", "message": "private"}}))
    azure.on("POST", COSMOS, (200, {"Documents": []}), (200, {"Documents": ["line"]}))
    return azure


def test_it_ends_when_its_line_is_posted(deployed: LocalAzure) -> None:
    said = smoke_test.run(deployed.client(), QUICK)

    (call,) = [asked for asked in deployed.asked if asked.path.startswith(CALL)]
    queries = [asked for asked in deployed.asked if asked.path == COSMOS]
    assert said.startswith("12 tokens called and posted")
    assert call.headers["api-key"] == "the-key"
    assert len(queries) == 2
    assert queries[0].json["parameters"][0]["value"] == [call.headers["x-billing-code"]]
    assert "max_tokens" not in call.json
    assert call.json["max_completion_tokens"] > 100
    assert (
        unquote(queries[0].headers["authorization"])
        == "type=aad&ver=1.0&sig=token-for-https://cosmos.azure.com/.default"
    )


def test_it_calls_the_service_where_the_name_of_callers_is_not_in_dns(deployed: LocalAzure, environment: Any) -> None:
    environment(GATEWAY_URL="https://ai.rehearsal.invalid", SMOKE_GATEWAY_URL=deployed.url)

    assert smoke_test.run(deployed.client(), QUICK).startswith("12 tokens called")


def test_a_lost_event_is_made_good_by_another_call(deployed: LocalAzure) -> None:
    deployed.on("POST", COSMOS, *[(200, {"Documents": []})] * 3, (200, {"Documents": ["line"]}))

    said = smoke_test.run(deployed.client(), replace(QUICK, calls=0.0))

    calls = [asked for asked in deployed.asked if asked.path.startswith(CALL)]
    (*_, last) = [asked for asked in deployed.asked if asked.path == COSMOS]
    assert len(calls) == 4
    assert last.json["parameters"][0]["value"] == [call.headers["x-billing-code"] for call in calls]
    assert "call 4" in said


def test_a_line_that_does_not_come_tells_a_missing_event_and_says_where_to_look(deployed: LocalAzure) -> None:
    deployed.on("POST", COSMOS, (200, {"Documents": []}))

    with pytest.raises(AzureRefused, match=r"events are missing \('EventGrid Data Sender'.*docs/operations.md"):
        smoke_test.run(deployed.client(), replace(QUICK, line=0.05))


def test_a_role_may_take_its_time(deployed: LocalAzure) -> None:
    key_unknown = (401, {"statusCode": 401, "message": "Access denied due to invalid subscription key."})
    deployed.on("POST", CALL, key_unknown, *[REFUSED] * 5, (200, {"usage": {"total_tokens": 12}}))

    assert smoke_test.run(deployed.client(), QUICK).startswith("12 tokens called and posted")


def test_another_502_of_the_gateway_is_a_fault_that_time_does_not_cure(deployed: LocalAzure) -> None:
    deployed.on("POST", CALL, (502, {"error": {"code": "backend_unreachable", "message": "nobody answers"}}))

    with pytest.raises(AzureRefused, match="502 backend_unreachable"):
        smoke_test.run(deployed.client(), QUICK)
    assert len([asked for asked in deployed.asked if asked.path.startswith(CALL)]) == 3


def test_the_right_to_read_the_books_may_take_its_time_too(deployed: LocalAzure) -> None:
    deployed.on("POST", COSMOS, (403, {"code": "Forbidden"}), (403, None), (200, {"Documents": ["line"]}))

    assert smoke_test.run(deployed.client(), QUICK).startswith("12 tokens called and posted")


def test_a_role_that_never_comes_is_told_from_a_lost_event_without_the_key_in_the_words(
    deployed: LocalAzure, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.on("POST", CALL, REFUSED)
    monkeypatch.setattr(smoke_test, "Patience", lambda: replace(QUICK, roles=0.05))

    code = smoke_test.main(deployed.client())

    said = capsys.readouterr().err
    assert code == 1
    assert "does the gateway have 'Cognitive Services OpenAI User' on the account" in said
    assert "502 backend_refused_gateway: The model accounts refuse the gateway" in said
    assert "the-key" not in said


def test_a_posting_run_is_started_where_the_app_lets_us_in(
    deployed: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.on("POST", f"{APP}/host/default/listKeys", (200, {"masterKey": "m"}))
    deployed.on("POST", "/admin/functions/post_usage", (202, None))
    whole = Azure.send

    def to_loopback(self: Azure, method: str, url: str, *rest: Any, **named: Any) -> Any:
        return whole(self, method, url.replace("https://app.invalid", deployed.url), *rest, **named)

    monkeypatch.setattr(Azure, "send", to_loopback)

    assert start(deployed.client(), APP, "app.invalid", "post_usage") is True
    assert deployed.asked[-1].headers["x-functions-key"] == "m"


def test_it_can_be_skipped(azure: LocalAzure, environment: Any) -> None:
    environment(SKIP_SMOKE_TEST="1")

    assert smoke_test.main(azure.client()) == 0
    assert azure.asked == []
