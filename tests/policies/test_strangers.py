"""What nobody verified makes no event and costs nothing; a verified caller cannot make lines by making up names."""

from typing import Any

import httpx
import pytest

from stack.gateway.log_tables import CALL_TABLE
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import OneRegion, product

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)

PATH = "/deployments/gpt-4o/chat/completions"
ADDRESS = {"allowed_ip_from": "10.0.0.1", "allowed_ip_to": "10.0.0.2"}


def ask(one_region: OneRegion, number: int = 0, path: str = PATH, **headers: str) -> httpx.Response:
    """A call with tags of its own."""
    tags = {"api-version": "2024-10-21", "username": f"anon-{number}", "billingCode": f"B-{number}"}
    return one_region.client.post(path, params=tags, json={"messages": []}, headers=headers)


WRONG: list[dict[str, str]] = [
    {},
    {"api-key": "wrong"},
    {"Authorization": "Basic abc"},
    {"Authorization": "Bearer x"},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_stranger_makes_no_event_whatever_he_says(one_region: OneRegion, wrong: dict[str, str]) -> None:
    answers = [ask(one_region, n, f"/deployments/made-up-{n}/chat/completions", **wrong) for n in range(3)]

    assert {answer.status_code for answer in answers} == {401}
    assert one_region.events() == []
    assert one_region.seen == []


def test_a_token_of_another_tenant_or_issuer_makes_no_event(one_region: OneRegion) -> None:
    tokens = [
        one_region.token(tid="another"),
        one_region.token(signer=2),
        one_region.token(aud="api://another"),
        one_region.token(exp=1),
    ]

    answers = [ask(one_region, Authorization=f"Bearer {token}") for token in tokens]

    assert {answer.status_code for answer in answers} == {401}
    assert one_region.events() == []


def test_a_stranger_from_a_foreign_address_makes_no_event_and_a_caller_does(make_region: MakeRegion) -> None:
    one_region = make_region(**ADDRESS)

    refused = [ask(one_region), ask(one_region, Authorization=f"Bearer {one_region.token()}"), one_region.chat()]

    assert {answer.status_code for answer in refused} == {403}
    event = one_region.event()
    assert (event["data"]["subscriptionId"], event["data"]["errorCode"]) == ("search", "ip_not_allowed")


def test_a_wrong_authorization_with_a_good_key_is_an_event_of_that_key(one_region: OneRegion) -> None:
    for wrong in ("Basic abc", f"Bearer {one_region.token(exp=1)}"):
        answer = ask(one_region, **{"api-key": "key-search", "Authorization": wrong})

        assert answer.status_code == 401
        assert one_region.event()["data"]["subscriptionId"] == "search"


def test_the_log_counts_strangers_and_shows_neither_keys_nor_tags(one_region: OneRegion) -> None:
    """What only the log knows of them: how many, from which address, never what stands in a key or tag."""
    secret = {"api-key": "s3cret", "subscription-key": "s3cret", "Username": "s3cret", "billingCode": "s3cret"}
    one_region.client.post(PATH, params={"api-version": "2024-10-21", **secret}, json={"messages": []})
    assert one_region.events() == []

    (row,) = one_region.gateway.log.rows[CALL_TABLE]
    assert (row["ResponseCode"], row["ApimSubscriptionId"], row["CallerIpAddress"]) == (401, "", "127.0.0.1")
    assert row["Url"].endswith("?api-version=2024-10-21&api-key=*&subscription-key=*&Username=*&billingCode=*")
    assert "s3cret" not in str(row)
    assert row["TraceRecords"] == []


class Watched(dict[str, Any]):
    """A cache that counts who looks into it."""

    looks = 0

    def get(self, *arguments: Any) -> Any:
        self.looks += 1
        return super().get(*arguments)


@pytest.mark.parametrize(("wrong", "looks"), [({"api-key": "wrong"}, 0), ({"api-key": "key-search"}, 2)])
def test_a_wrong_key_asks_nobody_for_anything(one_region: OneRegion, wrong: dict[str, str], looks: int) -> None:
    """Limits are not allowed in on-error, so nothing there may cost: no request of its own, no look into the cache."""
    one_region.gateway.cache = Watched()

    ask(one_region, **wrong)

    assert len(one_region.events()) == len(one_region.seen) == (1 if looks else 0)
    assert one_region.gateway.cache.looks == looks


def test_deployments_that_nobody_has_are_one_bucket(one_region: OneRegion) -> None:
    for number in range(8):
        ask(one_region, path=f"/deployments/made-up-{number}/chat/completions", **{"api-key": "key-search"})
        one_region.client.post("/v1/responses", json={"model": f"x{number}"}, headers={"api-key": "key-search"})
        one_region.client.post(f"/deployments/made-up-{number}/files", json={}, headers={"api-key": "key-search"})

    data = [event["data"] for event in one_region.events()]
    assert len(data) == 24
    assert {each["deployment"] for each in data} == {"unknown"}
    assert {each["requestedModel"] for each in data} >= {"made-up-7", "x7"}


@pytest.mark.parametrize("name", ["GPT-4O", "gpt-4O", "Gpt-4o"])
def test_a_deployment_is_one_however_it_is_spelt(one_region: OneRegion, name: str) -> None:
    ask(one_region, path=f"/deployments/{name}/chat/completions", **{"api-key": "key-search"})

    data = one_region.event()["data"]
    assert (data["deployment"], "requestedModel" in data) == ("gpt-4o", False)


@pytest.mark.parametrize("name", ["a:1=0;gpt-4o", "what did she say", "x" * 5000, "%00", ";", "|"])
def test_a_hostile_name_is_in_no_field(one_region: OneRegion, name: str) -> None:
    one_region.client.post("/v1/responses", json={"model": name}, headers={"api-key": "key-search"})

    data = one_region.event()["data"]
    assert (data["deployment"], "requestedModel" in data) == ("unknown", False)


def test_a_refusal_of_the_limits_still_names_the_deployment(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(requestsPerMinute=1)]})
    one_region.chat()
    one_region.events()
    one_region.received.clear()

    answer = one_region.chat()

    data = one_region.event()["data"]
    assert (answer.status_code, data["deployment"], data["errorCode"]) == (429, "gpt-4o", "rate_limit_exceeded")


@pytest.mark.parametrize("path", ["/v1/made-up", "/made/up", "/v1/chat/made-up", "/v1/videos-9"])
def test_operations_that_nobody_offers_are_one_bucket(one_region: OneRegion, path: str) -> None:
    ask(one_region, path=path, **{"api-key": "key-search"})

    assert one_region.event()["data"]["operation"] == "unknown"
