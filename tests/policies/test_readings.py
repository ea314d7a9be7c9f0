"""The answer to a refused caller does not depend on how the gateway names the policy that refused the call."""

from stack.gateway.readings import Readings
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, product
from tests.support.refusals import refused, turned_away


def test_too_many_calls_are_429_with_a_wait(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(requestsPerMinute=1)]})
    one_region.chat()
    one_region.event()

    answer = one_region.chat()

    refused(one_region, answer, 429, "rate_limit_exceeded")
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_too_many_tokens_are_429_with_a_wait(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(tokensPerMinute=10)]})
    one_region.chat()
    one_region.event()

    answer = one_region.chat()

    refused(one_region, answer, 429, "token_limit_exceeded")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_bad_token_is_401(make_region: MakeRegion) -> None:
    one_region = make_region()
    token = one_region.token(aud="api://another")

    answer = one_region.client.post("/v1/chat/completions", json={}, headers={"Authorization": f"Bearer {token}"})

    turned_away(one_region, answer, "invalid_token")


def test_a_wrong_key_is_401(make_region: MakeRegion) -> None:
    one_region = make_region()

    turned_away(one_region, one_region.chat("no-key"), "invalid_api_key")


def test_a_foreign_address_is_403(make_region: MakeRegion) -> None:
    one_region = make_region(allowed_ip_from="10.0.0.0", allowed_ip_to="10.0.0.1")

    refused(one_region, one_region.chat(), 403, "ip_not_allowed")


def test_where_retry_does_not_catch_a_failed_connection_the_caller_is_told_to_come_back(
    make_region: MakeRegion,
) -> None:
    """Nothing in a policy helps then; what the account says itself is still passed over."""
    one_region = make_region(readings=Readings(failed_attempt="abort"))
    one_region.down(EU[0])

    answer = one_region.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_backend_available")
    assert int(answer.headers["Retry-After"]) > 0
    assert one_region.event()["data"]["attempts"] == 1


def test_a_busy_account_is_passed_over_even_where_retry_does_not_catch(make_region: MakeRegion) -> None:
    one_region = make_region(readings=Readings(failed_attempt="abort"))
    one_region.script(EU[0], status=429, headers={"Retry-After": "9"}, body={"error": {"code": "429"}})

    assert one_region.chat().status_code == 200
