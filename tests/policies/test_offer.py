"""What is not offered says so, and no spelling of a path gets past what is offered."""

import contextlib
import http.client
import re

import pytest

from chargeback.domain.usage.operations import OFFERED, WITHHELD, operation_and_deployment
from tests.policies.conftest import MakeRegion
from tests.policies.engines import ROOT
from tests.policies.one_region import OneRegion, product

KEY = {"api-key": "key-search"}


@pytest.mark.parametrize(
    ("method", "path", "instead"),
    [
        ("POST", "/v1/realtime/client_secrets", "audio/speech"),
        ("POST", "/v1/realtime/sessions", "audio/speech"),
        ("POST", "/realtime/calls?api-version=2025-04-01-preview", "audio/speech"),
        ("GET", "/v1/realtime", "audio/speech"),
        ("POST", "/v1/live/sessions", "audio/speech"),
        ("POST", "/v1/containers", "code_interpreter"),
        ("POST", "/v1/evals", "batch"),
        ("POST", "/v1/assistants", "responses"),
        ("POST", "/assistants?api-version=2024-05-01-preview", "responses"),
        ("POST", "/v1/threads/runs", "responses"),
        ("GET", "/v1/threads/thread_1/runs/run_1", "responses"),
        ("POST", "/v1/videos", "platform team"),
        ("POST", "/v1/brand/new", "It offers chat/completions"),
        ("PUT", "/something/else", "It offers chat/completions"),
        ("GET", "/deployments", "It offers chat/completions"),
        ("POST", "/v1/fine_tuning/alpha/graders/run", "It offers chat/completions"),
        ("GET", "/", "It offers chat/completions"),
    ],
)
def test_what_is_not_offered_is_refused_with_what_to_use_instead(
    one_region: OneRegion, method: str, path: str, instead: str
) -> None:
    answer = one_region.client.request(method, path, json={} if method == "POST" else None, headers=KEY)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (403, "operation_not_offered", "permission_error")
    assert instead in error["message"]
    assert one_region.event()["data"]["statusCode"] == 403
    assert one_region.seen == []


def test_a_websocket_is_refused_on_any_path(one_region: OneRegion) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}

    answer = one_region.client.get("/v1/responses", headers={**KEY, **upgrade})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "operation_not_offered")
    assert "stream: true" in answer.json()["error"]["message"]
    assert one_region.seen == []


def test_a_stranger_is_not_told_what_is_offered(one_region: OneRegion) -> None:
    assert one_region.client.post("/v1/realtime/client_secrets", json={}).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/openai/Deployments/gpt-4o/Chat/Completions?api-version=2024-10-21",
        "/openai//deployments//gpt-4o//chat//completions?api-version=2024-10-21",
        "/OpenAI/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        "/openai/DEPLOYMENTS/gpt-4o/CHAT/COMPLETIONS/?api-version=2024-10-21",
    ],
)
def test_no_spelling_of_a_path_escapes_the_token_limit(make_region: MakeRegion, path: str) -> None:
    one_region = make_region(config={"products": [product(tokensPerMinute=20)]})
    for _ in range(2):
        one_region.chat()

    status, _ = raw(one_region, path)

    assert status == 429
    assert one_region.events()[-1]["data"]["operation"] == "chat.completions"
    assert one_region.events()[-1]["data"]["deployment"] == "gpt-4o"


def test_a_stream_reports_its_usage_however_its_path_is_spelt(one_region: OneRegion) -> None:
    document = {"model": "gpt-4o", "messages": [], "stream": True}

    one_region.client.post("/V1//Chat/Completions", json=document, headers=KEY)

    assert one_region.seen[0].json["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    "path",
    [
        "/openai/v1/./chat/completions",
        "/openai/v1/files/../chat/completions",
        "/openai/v1/files/%2e%2E/chat/completions",
        "/openai/v1/chat%2Fcompletions",
        "/openai/v1/%63hat/completions",
        "/openai/v1/v1/chat/completions",
    ],
)
def test_dots_and_escapes_make_no_other_operation_of_a_path(one_region: OneRegion, path: str) -> None:
    """The gateway may resolve dots before policies see them; else such a path is refused."""
    status, _ = raw(one_region, path)

    event = one_region.event()["data"]
    assert (event["operation"], status) in {("unknown", 403), ("chat.completions", 200)}
    assert len(one_region.seen) == (1 if status == 200 else 0)
    assert all(seen.path.lower().endswith("/chat/completions") for seen in one_region.seen)


def raw(one_region: OneRegion, path: str) -> tuple[int, bytes]:
    """A POST whose path no client has tidied."""
    body = b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "Capital of France?"}]}'
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", one_region.port, timeout=20)) as connection:
        connection.request("POST", path, body, {**KEY, "Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_the_lists_of_operations_agree_wherever_they_stand() -> None:
    describe = (ROOT / "apim-policies/fragments/describe.xml").read_text()
    offer = (ROOT / "apim-policies/fragments/offer.xml").read_text()
    offered, withheld = (
        re.search(rf"var {name} = new\[\] \{{([^}}]+)\}}", describe) for name in ("offered", "withheld")
    )
    refused = re.search(r"var refused = new\[\] \{([^}]+)\}", offer)

    assert offered
    assert withheld
    assert refused
    assert tuple(re.findall('"([^"]+)"', offered[1])) == OFFERED
    assert tuple(re.findall('"([^"]+)"', withheld[1])) == WITHHELD
    assert re.findall('"([^"]+)"', refused[1]) == ["unknown", *WITHHELD]
    assert operation_and_deployment("https://gw/OPENAI//v1//Responses/resp_1/cancel") == ("responses", "")
