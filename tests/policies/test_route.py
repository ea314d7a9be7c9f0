"""Where a call goes: by residency, by country behind a verified Front Door, by the gateway's region."""

import pytest

from tests.policies.conftest import MakeWorld
from tests.policies.world import EU, US, World

FRONT_DOOR = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
CHAT = "/deployments/gpt-4o/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("region", "account"),
    [
        ("swedencentral", EU[0]),
        ("Sweden Central", EU[0]),
        ("eastus2", US[0]),
        ("East US 2", US[0]),
        ("moonbase", EU[0]),
    ],
)
def test_a_gateway_routes_to_its_own_geography(make_world: MakeWorld, region: str, account: str) -> None:
    world = make_world(region=region)

    world.chat()

    assert [seen.account for seen in world.seen] == [account]
    assert world.event()["data"]["gatewayRegion"] == region.replace(" ", "").lower()


def test_a_resident_product_goes_home_from_any_region(make_world: MakeWorld) -> None:
    world = make_world(region="eastus2")

    world.chat("key-legal")

    assert world.seen[0].account == EU[0]


def test_a_resident_product_never_leaves_its_geography_even_when_all_of_it_fails(
    make_world: MakeWorld,
) -> None:
    world = make_world(region="eastus2")
    world.script(*EU, status=503, body={"error": {"code": "503", "message": "down"}})

    answer = world.chat("key-legal")

    assert answer.status_code == 503
    assert [seen.account for seen in world.seen] == list(EU)


def test_the_country_behind_our_front_door_decides(make_world: MakeWorld) -> None:
    world = make_world(front_door_id=FRONT_DOOR)

    world.client.post(
        CHAT, json={}, headers={"api-key": "key-search", "X-Azure-FDID": FRONT_DOOR, "X-Client-Country": "US"}
    )

    assert world.seen[0].account == US[0]
    assert "X-Client-Country" not in world.seen[0].headers
    assert world.event()["data"]["clientRegion"] == "US"


@pytest.mark.parametrize("door", ["", "-", "ffffffff-bbbb-cccc-dddd-eeeeeeeeeeee"])
def test_a_country_that_comes_from_elsewhere_is_not_believed(make_world: MakeWorld, door: str) -> None:
    world = make_world(front_door_id=FRONT_DOOR)

    world.client.post(CHAT, json={}, headers={"api-key": "key-search", "X-Azure-FDID": door, "X-Client-Country": "US"})

    assert world.seen[0].account == EU[0]
    assert world.event()["data"]["clientRegion"] == "swedencentral"


def test_without_a_front_door_no_country_is_believed(world: World) -> None:
    world.client.post(CHAT, json={}, headers={"api-key": "key-search", "X-Azure-FDID": "-", "X-Client-Country": "US"})

    assert world.seen[0].account == EU[0]


@pytest.mark.parametrize("country", ["ZZ", "usa", "U;", ""])
def test_an_unknown_country_is_served_by_the_gateways_own_geography(make_world: MakeWorld, country: str) -> None:
    world = make_world(front_door_id=FRONT_DOOR, region="eastus2")

    world.client.post(
        CHAT,
        json={},
        headers={"api-key": "key-search", "X-Azure-FDID": FRONT_DOOR, "X-Client-Country": country},
    )

    assert world.seen[0].account == US[0]


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches", "/v1/fine_tuning/jobs", "/v1/vector_stores"])
def test_what_leaves_state_on_an_account_always_goes_to_the_first_of_the_geography(world: World, path: str) -> None:
    world.script(EU[0], status=500, body={"error": {"code": "500", "message": "oops"}})

    answers = [world.client.post(path, json={}, headers={"api-key": "key-search"}) for _ in range(2)]

    assert [seen.account for seen in world.seen][:1] == [EU[0]]
    assert {seen.account for seen in world.seen} == {EU[0]}
    assert answers[0].json() == {"error": {"code": "500", "message": "oops"}}


def test_a_deployment_that_an_account_lacks_has_a_pool_of_its_own(make_world: MakeWorld) -> None:
    world = make_world(deployment_pools="pool-eu-failover=sora")
    asked: list[str] = []
    world.gateway.config.backends.pools["pool-eu-failover-sora"] = world.gateway.config.backends.pools["pool-us"]

    world.chat(path="/deployments/sora/chat/completions")
    asked = [seen.account for seen in world.seen]

    assert asked == [US[0]]


def test_a_deployment_whose_name_only_begins_like_one_uses_the_ordinary_pool(make_world: MakeWorld) -> None:
    world = make_world(deployment_pools="pool-eu-failover=sora")

    world.chat(path="/deployments/sor/chat/completions")

    assert world.seen[0].account == EU[0]
