"""Accounting: exactly one event a call, whatever the answer is, and never a word too much in it."""

import json
import re
import shutil
from pathlib import Path

import pytest

from chargeback.domain.events.admission import admit
from chargeback.domain.events.emitters import OURSELVES, Emitter
from chargeback.domain.events.usage_event import EVER
from chargeback.domain.usage.operations import operation_and_deployment
from tests.policies.conftest import MakeRegion
from tests.policies.engines import ROOT
from tests.policies.one_region import OneRegion
from tests.policies.scripted_backends import CHAT, USAGE
from tests.support.builders import usage_event


def test_a_plain_call_is_recorded_with_the_providers_usage_and_where_it_went(one_region: OneRegion) -> None:
    answer = one_region.chat()

    event = one_region.event()
    assert answer.json() == CHAT
    assert event["type"] == "chargeback.usage.recorded.v1"
    assert event["id"] == answer.headers["x-usage-event-id"]
    assert event["source"] == answer.headers["x-usage-event-source"] == "/apim/chargeback-local/swedencentral"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])
    duration = event["data"].pop("durationMs")
    assert 0 <= duration < 30_000
    assert event["data"] == {
        "operation": "chat.completions",
        "method": "POST",
        "apiVersion": "2024-10-21",
        "deployment": "gpt-4o",
        "subscriptionId": "search",
        "productId": "standard",
        "gatewayRegion": "swedencentral",
        "clientRegion": "swedencentral",
        "statusCode": 200,
        "stream": False,
        "attempts": 1,
        "triedBackends": ["oai-swedencentral.openai.azure.com"],
        "backend": "oai-swedencentral.openai.azure.com",
        "requestCharacters": len("Capital of France?"),
        "model": "gpt-4o-2024-11-20",
        "serviceTier": "default",
        "usage": USAGE,
    }


def test_an_emitter_that_copies_the_headers_of_the_answer_describes_the_same_call(one_region: OneRegion) -> None:
    several = ("/apim/chargeback-local/eastus2", "/apim/chargeback-local/swedencentral")
    emitter = Emitter("agents", ("/agents",), ("search",), gateways=several)

    headers = one_region.chat().headers
    copied = {"gatewayEventId": headers["x-usage-event-id"], "gatewayEventSource": headers["x-usage-event-source"]}
    beside = admit(usage_event(source="/agents", subscriptionId="search", **copied), EVER, emitter)

    assert beside.call == admit(json.dumps(one_region.event()).encode(), EVER, OURSELVES).call


def test_the_event_goes_to_the_topic_by_managed_identity(one_region: OneRegion) -> None:
    one_region.chat()

    one_region.events()
    headers = one_region.received[0][1]
    assert headers["Authorization"] == "Bearer managed-identity-token-for-https://eventgrid.azure.net"
    assert headers["Content-Type"].startswith("application/cloudevents+json")


BODIES = {
    "empty": {"body": b""},
    "broken": {"body": b'{"usage": {"prompt_tokens": 1'},
    "array": {"body": b'[{"usage": {"prompt_tokens": 1}}]'},
    "scalar": {"body": b"42"},
    "null": {"body": b"null"},
    "text": {"body": b"Hello.", "type": "text/plain; charset=utf-8"},
    "binary": {"body": bytes(range(256)), "type": "application/octet-stream"},
    "audio": {"body": b"ID3" + bytes(1000), "type": "audio/mpeg"},
    "untyped": {"body": b"{}", "type": ""},
    "usage null": {"body": {**CHAT, "usage": None}},
    "usage a string": {"body": {**CHAT, "usage": "18"}},
    "usage an array": {"body": {**CHAT, "usage": [1, 2]}},
    "usage missing": {"body": {key: value for key, value in CHAT.items() if key != "usage"}},
    "usage enormous": {"body": {**CHAT, "usage": {f"key-{n}": n for n in range(2000)}}},
}


@pytest.mark.parametrize("name", BODIES)
def test_whatever_the_answer_is_the_caller_gets_it_and_one_event_says_so(one_region: OneRegion, name: str) -> None:
    one_region.script("oai-swedencentral", **BODIES[name])

    answer = one_region.chat()

    event = one_region.event()
    assert answer.status_code == 200
    assert answer.content == one_region.answers["oai-swedencentral"][0].content()
    assert event["type"] == "chargeback.usage.pending.v1"
    assert "usage" not in event["data"]


def test_absurd_numbers_are_passed_on_as_they_are(one_region: OneRegion) -> None:
    absurd = {"prompt_tokens": -5, "completion_tokens": 10**15, "total_tokens": "many"}
    one_region.script("oai-swedencentral", body={**CHAT, "usage": absurd})

    answer = one_region.chat()

    assert answer.status_code == 200
    assert one_region.event()["data"]["usage"] == absurd


def test_a_204_without_body_is_one_event(one_region: OneRegion) -> None:
    one_region.owned("file-1")
    one_region.script("oai-swedencentral", status=204, body=b"", type="")

    answer = one_region.client.delete("/v1/files/file-1", headers={"api-key": "key-search"})

    assert answer.status_code == 204
    assert one_region.event()["data"]["operation"] == "files"


def test_a_response_has_its_model_in_a_header_and_its_deployment_in_the_body(one_region: OneRegion) -> None:
    """github.com/openai/openai-python/issues/3271."""
    served = {"x-ms-served-model": "gpt-4.1-2025-04-14"}
    body = {
        "id": "resp_1",
        "model": "our-own-name",
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
    }
    for headers in (served, {}):
        one_region.script("oai-swedencentral", body=body, headers=headers)
        one_region.client.post("/v1/responses", json={"model": "gpt-4.1"}, headers={"api-key": "key-search"})
    one_region.client.get("/v1/responses/resp_2", headers={"api-key": "key-search"})

    named, unnamed, fetched = (event["data"] for event in one_region.events())

    assert (named["model"], named["deployment"]) == ("gpt-4.1-2025-04-14", "gpt-4.1")
    assert ("model" in unnamed, unnamed["deployment"]) == (False, "gpt-4.1")
    assert ("model" in fetched, fetched["deployment"]) == (False, "our-own-name")


def test_no_secret_and_no_content_is_in_any_event(one_region: OneRegion) -> None:
    secrets = ["key-search", "my-bearer", "Capital of France", "Paris", "managed-identity-token", "eyJ"]
    headers = {"api-key": "key-search", "Authorization": "Bearer my-bearer"}
    body = {"messages": [{"role": "user", "content": "Capital of France?"}]}
    path = "/deployments/gpt-4o/chat/completions?api-version=2024-10-21&subscription-key=key-search"

    one_region.client.post(path, json=body, headers=headers)
    one_region.client.post(path, json=body, headers={"Authorization": f"Bearer {one_region.token()}"})
    one_region.client.post(path, json=body, headers={"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJvaWQiOiIxIn0.x"})

    text = json.dumps(one_region.events())
    assert len(one_region.received) == 3
    assert not [secret for secret in secrets if secret in text]


def test_the_callers_wait_does_not_include_a_slow_topic(one_region: OneRegion) -> None:
    one_region.topic_delay = 2

    answer = one_region.chat()

    assert answer.elapsed.total_seconds() < 1.5
    assert len(one_region.events()) == 1


def test_a_topic_that_refuses_costs_the_caller_nothing(one_region: OneRegion) -> None:
    one_region.topic_status = 503

    assert one_region.chat().status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/deployments/gpt-4o/completions", "completions"),
        ("POST", "/v1/embeddings", "embeddings"),
        ("POST", "/deployments/gpt-image-1/images/edits", "images.edits"),
        ("POST", "/deployments/whisper/audio/translations", "audio.translations"),
        ("GET", "/v1/models", "models"),
        ("POST", "/v1/batches", "batches"),
        ("POST", "/v1/files", "files"),
        ("POST", "/v1/fine_tuning/jobs", "fine_tuning.jobs"),
        ("POST", "/v1/conversations", "conversations"),
        ("POST", "/v1/vector_stores", "vector_stores"),
        ("POST", "/v1/uploads", "uploads"),
    ],
)
def test_every_route_is_accounted_as_itself(one_region: OneRegion, method: str, path: str, operation: str) -> None:
    answer = one_region.client.request(
        method,
        path,
        json={"model": "text-embedding-3-large"} if method == "POST" else None,
        headers={"api-key": "key-search"},
    )

    event = one_region.event()
    assert answer.status_code == 200
    assert event["data"]["operation"] == operation
    assert event["data"]["method"] == method


@pytest.mark.parametrize(
    "path",
    [
        "/deployments/gpt%2D4o/chat/completions?api-version=2024-10-21",
        "/v1/responses",
        "/v1/audio/speech",
        "/v1/fine_tuning/jobs",
        "/v1/Videos/generations/jobs",
        "//V1//Chat/Completions",
        "/OpenAI/v1/chat/completions",
        "/v1/chat%2Fcompletions",
        "/v1/batches/batch_1/cancel",
        "/assistants/asst_1!x",
        "/",
    ],
)
def test_settlement_names_a_call_as_the_gateway_does(one_region: OneRegion, path: str) -> None:
    one_region.script("oai-swedencentral", body={"object": "anything"})

    one_region.client.post(path, headers={"api-key": "key-search"})

    data = one_region.event()["data"]
    assert operation_and_deployment(one_region.url + path) == (data["operation"], data.get("deployment", ""))


def test_an_answer_that_no_backend_gave_passes_and_is_accounted(make_region: MakeRegion, tmp_path: Path) -> None:
    """A cached answer skips the backend section, and with it everything that is written there."""
    folder = shutil.copytree(ROOT / "apim-policies", tmp_path / "apim-policies")
    api = (folder / "api.xml").read_text("utf-8")
    kept = re.sub(
        r"<backend>.*</backend>", '<backend><set-variable name="kept" value="x" /></backend>', api, flags=re.S
    )
    kept = kept.replace("<outbound>", '<outbound><set-status code="200" reason="OK" />')
    (folder / "api.xml").write_text(kept, "utf-8")
    one_region = make_region(policies=folder)

    answer = one_region.chat()

    assert answer.status_code == 200
    assert one_region.event()["type"] == "chargeback.usage.recorded.v1"
    assert one_region.seen == []


def test_a_fault_while_composing_still_counts_the_call(one_region: OneRegion) -> None:
    one_region.script("oai-swedencentral", body={"created": 1, "data": []})

    answer = one_region.client.post(
        "/v1/images/generations", json={"model": "gpt-image-1", "n": 10**18}, headers={"api-key": "key-search"}
    )

    event = one_region.event()
    assert answer.status_code == 200
    assert event["type"] == "chargeback.usage.pending.v1"
    assert event["data"]["subscriptionId"] == "search"
