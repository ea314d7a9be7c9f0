"""The answer to a refused caller does not depend on how the gateway names the policy that refused the call."""

from stack.gateway.readings import Readings
from tests.policies.conftest import MakeWorld
from tests.policies.one_region import EU, product
from tests.support.refusals import refused, turned_away


def test_too_many_calls_are_429_with_a_wait(make_world: MakeWorld) -> None:
    world = make_world(config={"products": [product(requestsPerMinute=1)]})
    world.chat()
    world.event()

    answer = world.chat()

    refused(world, answer, 429, "rate_limit_exceeded")
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_too_many_tokens_are_429_with_a_wait(make_world: MakeWorld) -> None:
    world = make_world(config={"products": [product(tokensPerMinute=10)]})
    world.chat()
    world.event()

    answer = world.chat()

    refused(world, answer, 429, "token_limit_exceeded")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_bad_token_is_401(make_world: MakeWorld) -> None:
    world = make_world()
    token = world.token(aud="api://another")

    answer = world.client.post("/v1/chat/completions", json={}, headers={"Authorization": f"Bearer {token}"})

    turned_away(world, answer, "invalid_token")


def test_a_wrong_key_is_401(make_world: MakeWorld) -> None:
    world = make_world()

    turned_away(world, world.chat("no-key"), "invalid_api_key")


def test_a_foreign_address_is_403(make_world: MakeWorld) -> None:
    world = make_world(allowed_ip_from="10.0.0.0", allowed_ip_to="10.0.0.1")

    refused(world, world.chat(), 403, "ip_not_allowed")


def test_where_retry_does_not_catch_a_failed_connection_the_caller_is_told_to_come_back(make_world: MakeWorld) -> None:
    """Nothing in a policy helps then; what the account says itself is still passed over."""
    world = make_world(readings=Readings(failed_attempt="abort"))
    world.down(EU[0])

    answer = world.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_backend_available")
    assert int(answer.headers["Retry-After"]) > 0
    assert world.event()["data"]["attempts"] == 1


def test_a_busy_account_is_passed_over_even_where_retry_does_not_catch(make_world: MakeWorld) -> None:
    world = make_world(readings=Readings(failed_attempt="abort"))
    world.script(EU[0], status=429, headers={"Retry-After": "9"}, body={"error": {"code": "429"}})

    assert world.chat().status_code == 200
