"""What a refused caller is told does not hang on how the gateway names the policy that refused him."""

import pytest

from scripts.local.gateway.readings import READINGS
from tests.policies.conftest import MakeWorld
from tests.policies.test_identify import refused
from tests.policies.world import product

EACH = pytest.mark.parametrize("reading", READINGS)


@EACH
def test_too_many_calls_are_429_with_a_wait(make_world: MakeWorld, reading: str) -> None:
    world = make_world(readings=READINGS[reading], config={"products": [product(requestsPerMinute=1)]})
    world.chat()
    world.event()

    answer = world.chat()

    refused(world, answer, 429, "rate_limit_exceeded")
    assert 0 < int(answer.headers["Retry-After"]) <= 60


@EACH
def test_too_many_tokens_are_429_with_a_wait(make_world: MakeWorld, reading: str) -> None:
    world = make_world(readings=READINGS[reading], config={"products": [product(tokensPerMinute=10)]})
    world.chat()
    world.event()

    answer = world.chat()

    refused(world, answer, 429, "token_limit_exceeded")
    assert int(answer.headers["Retry-After"]) > 0


@EACH
def test_a_bad_token_is_401(make_world: MakeWorld, reading: str) -> None:
    world = make_world(readings=READINGS[reading])
    token = world.token(aud="api://another")

    answer = world.client.post("/v1/chat/completions", json={}, headers={"Authorization": f"Bearer {token}"})

    refused(world, answer, 401, "invalid_token")


@EACH
def test_a_wrong_key_is_401(make_world: MakeWorld, reading: str) -> None:
    world = make_world(readings=READINGS[reading])

    refused(world, world.chat("no-key"), 401, "invalid_api_key")


@EACH
def test_a_foreign_address_is_403(make_world: MakeWorld, reading: str) -> None:
    world = make_world(readings=READINGS[reading], allowed_ip_from="10.0.0.0", allowed_ip_to="10.0.0.1")

    refused(world, world.chat(), 403, "ip_not_allowed")
