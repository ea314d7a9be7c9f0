"""Where a call goes: by residency, by country behind a verified Front Door, by the gateway's region."""

from collections import Counter

import pytest

from stack.gateway.named_values import load_config as definitions
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, US, OneRegion, accounts
from tests.support.company import CONFIG

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
def test_a_gateway_routes_to_its_own_geography(make_region: MakeRegion, region: str, account: str) -> None:
    one_region = make_region(region=region)

    answer = one_region.chat()

    assert [seen.account for seen in one_region.seen] == [account]
    event = one_region.event()
    assert event["data"]["gatewayRegion"] == region.replace(" ", "").lower()
    assert event["source"] == answer.headers["x-usage-event-source"]


def test_a_resident_product_goes_home_from_any_region(make_region: MakeRegion) -> None:
    one_region = make_region(region="eastus2")

    one_region.chat("key-legal")

    assert one_region.seen[0].account == EU[0]


def test_a_resident_product_never_leaves_its_geography_even_when_all_of_it_fails(
    make_region: MakeRegion,
) -> None:
    one_region = make_region(region="eastus2")
    one_region.script(*EU, status=503, body={"error": {"code": "503", "message": "down"}})

    answer = one_region.chat("key-legal")

    assert answer.status_code == 503
    assert [seen.account for seen in one_region.seen] == list(EU)


def test_the_country_behind_our_front_door_decides(make_region: MakeRegion) -> None:
    one_region = make_region(front_door_id=FRONT_DOOR)

    one_region.client.post(
        CHAT, json={}, headers={"api-key": "key-search", "X-Azure-FDID": FRONT_DOOR, "X-Client-Country": "US"}
    )

    assert one_region.seen[0].account == US[0]
    assert "X-Client-Country" not in one_region.seen[0].headers
    assert one_region.event()["data"]["clientRegion"] == "US"


@pytest.mark.parametrize("door", ["", "-", "ffffffff-bbbb-cccc-dddd-eeeeeeeeeeee"])
def test_a_country_that_comes_from_elsewhere_is_not_believed(make_region: MakeRegion, door: str) -> None:
    one_region = make_region(front_door_id=FRONT_DOOR)

    one_region.client.post(
        CHAT, json={}, headers={"api-key": "key-search", "X-Azure-FDID": door, "X-Client-Country": "US"}
    )

    assert one_region.seen[0].account == EU[0]
    assert one_region.event()["data"]["clientRegion"] == "swedencentral"


def test_without_a_front_door_no_country_is_believed(one_region: OneRegion) -> None:
    one_region.client.post(
        CHAT, json={}, headers={"api-key": "key-search", "X-Azure-FDID": "-", "X-Client-Country": "US"}
    )

    assert one_region.seen[0].account == EU[0]


@pytest.mark.parametrize("country", ["ZZ", "usa", "U;", ""])
def test_an_unknown_country_is_served_by_the_gateways_own_geography(make_region: MakeRegion, country: str) -> None:
    one_region = make_region(front_door_id=FRONT_DOOR, region="eastus2")

    one_region.client.post(
        CHAT,
        json={},
        headers={"api-key": "key-search", "X-Azure-FDID": FRONT_DOOR, "X-Client-Country": country},
    )

    assert one_region.seen[0].account == US[0]


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches", "/v1/fine_tuning/jobs", "/v1/vector_stores"])
def test_what_leaves_state_on_an_account_always_goes_to_the_first_of_the_geography(
    one_region: OneRegion, path: str
) -> None:
    one_region.script(EU[0], status=500, body={"error": {"code": "500", "message": "oops"}})

    answers = [one_region.client.post(path, json={}, headers={"api-key": "key-search"}) for _ in range(2)]

    assert [seen.account for seen in one_region.seen][:1] == [EU[0]]
    assert {seen.account for seen in one_region.seen} == {EU[0]}
    assert answers[0].json() == {"error": {"code": "500", "message": "oops"}}


def test_a_deployment_that_an_account_lacks_is_asked_for_where_it_is(make_region: MakeRegion) -> None:
    sets = {name: list(each) for name, each in definitions(CONFIG)["deploymentSets"].items()}
    sets[US[0]].append({**sets[US[0]][0], "name": "sora"})
    one_region = make_region(config={"deploymentSets": sets})

    one_region.chat(path="/deployments/sora/chat/completions")

    assert [seen.account for seen in one_region.seen] == [US[0]]


def test_a_name_with_dots_is_a_name_like_any_other(make_region: MakeRegion) -> None:
    sets = {name: list(each) for name, each in definitions(CONFIG)["deploymentSets"].items()}
    sets[EU[1]].append({**sets[EU[1]][0], "name": "team.a_v1.5"})
    one_region = make_region(config={"deploymentSets": sets})

    one_region.chat(path="/deployments/team.a_v1.5/chat/completions")

    assert [seen.account for seen in one_region.seen] == [EU[1]]


@pytest.mark.parametrize("name", ["gpt-4", "gpt-4o:", ";gpt-4o", "gpt-4o;", "a b", "*"])
def test_a_name_that_only_looks_like_one_is_refused_with_those_that_are(one_region: OneRegion, name: str) -> None:
    answer = one_region.client.post("/v1/chat/completions", json={"model": name}, headers={"api-key": "key-search"})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "DeploymentNotFound")
    assert "gpt-4o" in error["message"].split("It may use:")[1]
    assert one_region.seen == []


def test_a_name_is_found_whatever_its_case_and_accounted_as_it_is_deployed(one_region: OneRegion) -> None:
    one_region.chat(path="/deployments/GPT-4o/chat/completions")

    assert one_region.event()["data"]["deployment"] == "gpt-4o"


def test_equal_accounts_share_the_load_by_weight(make_region: MakeRegion) -> None:
    one_region = make_region(config={"accounts": accounts(oai_a={"weight": 75}, oai_b={"weight": 25})})

    for _ in range(200):
        one_region.chat("key-support")

    share = Counter(seen.account for seen in one_region.seen)
    assert 120 < share["oai-a"] < 180


def test_a_conversation_stays_where_its_prompt_is_cached(make_region: MakeRegion) -> None:
    one_region = make_region(config={"accounts": accounts(oai_a={}, oai_b={}, oai_c={})})

    for number in range(60):
        one_region.chat("key-support", prompt_cache_key=f"conversation-{number % 12}")

    places = {}
    for number, seen in enumerate(one_region.seen):
        places.setdefault(number % 12, set()).add(seen.account)
    assert all(len(accounts) == 1 for accounts in places.values())
    assert len({name for accounts in places.values() for name in accounts}) == 3
