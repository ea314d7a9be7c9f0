"""What is kept out: foreign origins and addresses, bodies too large, and callers too fast."""

import httpx
import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import OneRegion, product
from tests.support.refusals import refused


def test_a_caller_from_another_address_is_refused(make_region: MakeRegion) -> None:
    one_region = make_region(allowed_ip_from="10.0.0.0", allowed_ip_to="10.255.255.255")

    answer = one_region.chat()

    assert refused(one_region, answer, 403, "ip_not_allowed")["subscriptionId"] == "search"
    assert one_region.seen == []


def test_a_caller_from_an_allowed_address_passes(make_region: MakeRegion) -> None:
    one_region = make_region(allowed_ip_from="127.0.0.1", allowed_ip_to="127.0.0.1")

    assert one_region.chat().status_code == 200


def test_a_body_that_is_too_large_is_refused(make_region: MakeRegion) -> None:
    one_region = make_region(max_request_bytes="2000")

    answer = one_region.chat(padding="x" * 3000)

    refused(one_region, answer, 413, "request_too_large")
    assert one_region.seen == []


def test_a_body_of_chunks_that_grew_too_large_is_refused(make_region: MakeRegion) -> None:
    one_region = make_region(max_request_bytes="2000")
    chunks = iter([b'{"padding": "', b"x" * 3000, b'"}'])

    answer = one_region.client.post(
        "/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        content=chunks,
        headers={"api-key": "key-search", "Content-Type": "application/json"},
    )

    refused(one_region, answer, 413, "request_too_large")


def test_an_upload_that_does_not_tell_its_size_is_refused(one_region: OneRegion) -> None:
    answer = one_region.client.post(
        "/v1/audio/transcriptions",
        content=iter([b"--edge"]),
        headers={"api-key": "key-search", "Content-Type": "multipart/form-data; boundary=edge"},
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (411, "length_required")
    assert "/openai/deployments/{deployment}/audio/transcriptions" in answer.json()["error"]["message"]
    assert one_region.seen == []


def test_a_chunked_json_body_within_the_limit_passes_unchanged(one_region: OneRegion) -> None:
    answer = one_region.client.post(
        "/v1/chat/completions",
        content=iter([b'{"model": "gpt-4o",', b' "messages": []}']),
        headers={"api-key": "key-search", "Content-Type": "application/json"},
    )

    assert answer.status_code == 200
    assert one_region.seen[0].body == b'{"model": "gpt-4o", "messages": []}'


def test_too_many_calls_a_minute_are_told_when_to_come_back(make_region: MakeRegion) -> None:
    one_region = make_region(
        config={"products": [product(requestsPerMinute=2), product("premium", requestsPerMinute=600)]}
    )
    answers = [one_region.chat() for _ in range(2)]
    one_region.events()
    one_region.received.clear()

    answer = one_region.chat()

    assert [each.status_code for each in answers] == [200, 200]
    assert [each.headers["x-gateway-remaining-requests"] for each in answers] == ["1", "0"]
    data = refused(one_region, answer, 429, "rate_limit_exceeded")
    assert data["subscriptionId"] == "search"
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert int(answer.headers["retry-after-ms"]) == 1000 * int(answer.headers["Retry-After"])
    assert len(one_region.seen) == 2


@pytest.mark.parametrize("form", [False, True])
def test_bodies_that_are_too_large_are_held_to_the_pace_too(make_region: MakeRegion, *, form: bool) -> None:
    slow = product(requestsPerMinute=2)
    one_region = make_region(max_request_bytes="2000", config={"products": [slow]})

    def large() -> httpx.Response:
        if not form:
            return one_region.chat(padding="x" * 3000)
        headers = {"api-key": "key-search", "Content-Type": "multipart/form-data; boundary=edge"}
        return one_region.client.post("/v1/audio/transcriptions", content=iter([b"--edge"]), headers=headers)

    answers = [large() for _ in range(6)]

    first = 411 if form else 413
    assert [each.status_code for each in answers] == [first] * 2 + [429] * 4
    assert answers[-1].json()["error"]["code"] == "rate_limit_exceeded"
    assert one_region.chat("key-research").status_code == 200


def test_a_large_body_from_nobody_known_is_refused_and_counts_for_nobody(make_region: MakeRegion) -> None:
    one_region = make_region(max_request_bytes="2000", config={"products": [product(requestsPerMinute=1)]})

    answers = [one_region.client.post("/v1/chat/completions", json={"padding": "x" * 3000}) for _ in range(3)]

    assert [each.status_code for each in answers] == [413] * 3


def test_one_subscriptions_pace_is_not_anothers(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(requestsPerMinute=1)]})

    statuses = [one_region.chat(key).status_code for key in ("key-search", "key-research", "key-search")]

    assert statuses == [200, 200, 429]


def test_too_many_tokens_a_minute_are_told_when_to_come_back(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(tokensPerMinute=20)]})
    for _ in range(2):
        one_region.chat()
    one_region.events()
    one_region.received.clear()

    answer = one_region.chat()

    refused(one_region, answer, 429, "token_limit_exceeded")
    assert int(answer.headers["Retry-After"]) > 0


def test_the_preflight_of_an_allowed_origin_is_answered_and_is_no_call(make_region: MakeRegion) -> None:
    one_region = make_region(cors_origin="https://app.example")

    answer = one_region.client.options(
        "/v1/chat/completions",
        headers={
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "api-key",
        },
    )

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert one_region.events() == []
    assert one_region.seen == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/models"), ("POST", "/v1/conversations")])
def test_a_call_from_a_foreign_origin_is_answered_and_accounted(one_region: OneRegion, method: str, path: str) -> None:
    answer = one_region.client.request(
        method, path, headers={"Origin": "app://desktop", "api-key": "key-search"}, content=b""
    )

    assert (answer.status_code, answer.content != b"") == (200, True)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert one_region.event()["data"]["subscriptionId"] == "search"


def test_the_preflight_of_a_foreign_origin_is_empty_and_is_no_call(make_region: MakeRegion) -> None:
    """learn.microsoft.com/azure/api-management/cors-policy: an unmatched preflight ends as an empty 200."""
    one_region = make_region(cors_origin="https://app.example")

    answer = one_region.client.options(
        "/v1/chat/completions", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    )

    assert (answer.status_code, answer.content) == (200, b"")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert one_region.events() == []


@pytest.mark.parametrize(
    "line", [b"name=model\n", b'--x\r\nContent-Disposition: form-data; name="model"\r\n', b"--x\r\n\r\n"]
)
def test_a_form_that_repeats_its_model_costs_the_gateway_little(one_region: OneRegion, line: bytes) -> None:
    """A pattern that is quadratic in this body held a gateway for ten minutes, before any limit."""
    body = line * (1_000_000 // len(line))

    answer = one_region.client.post(
        "/v1/audio/transcriptions",
        content=body,
        headers={"api-key": "key-search", "Content-Type": "multipart/form-data; boundary=x"},
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unreadable_body")
    assert one_region.seen == []


@pytest.mark.parametrize(("origin", "allowed"), [("https://app.example", True), ("https://evil.example", False)])
def test_only_the_allowed_origin_may_read_the_answer(make_region: MakeRegion, origin: str, *, allowed: bool) -> None:
    one_region = make_region(cors_origin="https://app.example")

    answer = one_region.client.post(
        "/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        json={"messages": []},
        headers={"Origin": origin, "api-key": "key-search"},
    )

    assert ("Access-Control-Allow-Origin" in answer.headers) is allowed
    exposed = answer.headers.get("Access-Control-Expose-Headers", "").split(",")
    assert ({"x-usage-event-id", "x-usage-event-source"} <= set(exposed)) is allowed


def test_a_browser_may_read_what_the_gateway_says_of_waits_budgets_and_what_is_left(make_region: MakeRegion) -> None:
    one_region = make_region(cors_origin="https://app.example")
    one_region.decide_budgets("all:action=swap|swap=gpt-4o>gpt-4o-mini")
    headers = {"Origin": "https://app.example", "api-key": "key-search"}

    answer = one_region.client.post("/v1/chat/completions", json={"model": "gpt-4o", "messages": []}, headers=headers)

    exposed = set(answer.headers["Access-Control-Expose-Headers"].lower().replace(" ", "").split(","))
    told = {name.lower() for name in answer.headers if name.lower().startswith(("x-gateway-", "x-usage-", "x-budget"))}
    assert len(told) == 8
    assert told | {"retry-after", "retry-after-ms", "x-should-retry"} <= exposed
