"""Who calls: keys, tokens, products and claimed tags, and every way to be refused at the door."""

import time
from typing import Any

import httpx
import pytest

from tests.policies.conftest import MakeWorld
from tests.policies.one_region import EU, USAGE, World, product
from tests.support.refusals import refused, turned_away

CHAT = "/deployments/gpt-4o/chat/completions?api-version=2024-10-21"


def post(world: World, headers: dict[str, str], path: str = CHAT) -> httpx.Response:
    """A chat call with these headers alone."""
    return world.client.post(path, json={"messages": []}, headers=headers)


def test_a_call_without_identity_is_refused_and_never_reaches_a_backend(world: World) -> None:
    answer = post(world, {})

    turned_away(world, answer, "invalid_api_key")
    assert world.seen == []


def test_a_wrong_key_is_refused(world: World) -> None:
    answer = post(world, {"api-key": "wrong"})

    turned_away(world, answer, "invalid_api_key")
    assert world.seen == []


@pytest.mark.parametrize("key", [{"api-key": "key-search"}, {}])
@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("Basic a2V5OnNlY3JldA==", "a scheme other than Bearer"),
        ("key-search", "a scheme other than Bearer"),
        ("Bearer eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d", "no signed access token of three parts"),
        ("bearer eyJhbGciOiJub25lIn0", "no signed access token of three parts"),
    ],
)
def test_a_wrong_kind_of_authorization_is_refused_by_name_also_with_a_good_key(
    world: World, key: dict[str, str], sent: str, reason: str
) -> None:
    answer = post(world, {**key, "Authorization": sent})

    if key:
        refused(world, answer, 401, "invalid_authorization")
    else:
        turned_away(world, answer, "invalid_authorization")
    assert reason in answer.json()["error"]["message"]
    assert "api-key" in answer.json()["error"]["message"]
    assert world.seen == []


def test_the_placeholder_that_v1_clients_send_with_a_good_key_is_let_by(world: World) -> None:
    answer = post(world, {"api-key": "key-search", "Authorization": "Bearer unused"})

    assert answer.status_code == 200
    assert world.event()["data"]["subscriptionId"] == "search"


def test_a_token_is_validated_whatever_the_case_of_its_scheme(world: World) -> None:
    answer = post(world, {"api-key": "key-search", "Authorization": f"BEARER {world.token(aud='another')}"})

    refused(world, answer, 401, "invalid_token")


def test_a_key_in_the_authorization_header_is_no_identity(world: World) -> None:
    answer = post(world, {"Authorization": "Bearer key-search"})

    turned_away(world, answer, "invalid_api_key")


def test_an_entra_token_without_a_role_is_refused(world: World) -> None:
    answer = post(world, {"Authorization": f"Bearer {world.token(roles=['reader'])}"})

    refused(world, answer, 403, "role_required")
    assert world.seen == []


def test_where_no_role_is_required_a_token_alone_calls_under_the_default_product(make_world: MakeWorld) -> None:
    world = make_world(config={"entra": {"requireRole": False}})

    answer = post(world, {"Authorization": f"Bearer {world.token()}"})

    data = world.event()["data"]
    assert answer.status_code == 200
    assert data["productId"] == "standard"
    assert (data["tenantId"][:4], data["appId"], data["userObjectId"]) == ("1111", "app-1", "oid-1")
    assert "subscriptionId" not in data


def test_a_role_of_the_token_names_its_product(world: World) -> None:
    post(world, {"Authorization": f"Bearer {world.token(roles=['reader', 'europe-resident'])}"})

    assert world.event()["data"]["productId"] == "europe-resident"


@pytest.mark.parametrize("roles", [["standard", "europe-resident"], ["europe-resident", "premium", "standard"]])
def test_of_several_roles_the_one_with_a_residency_wins(make_world: MakeWorld, roles: list[str]) -> None:
    world = make_world(region="eastus2")

    post(world, {"Authorization": f"Bearer {world.token(roles=roles)}"})

    assert world.event()["data"]["productId"] == "europe-resident"
    assert world.seen[0].account == EU[0]


def test_roles_of_two_residencies_are_refused(make_world: MakeWorld) -> None:
    products = [product(), product("europe-resident"), product("america-resident", residency="america")]
    world = make_world(config={"products": products})

    answer = post(world, {"Authorization": f"Bearer {world.token(roles=['america-resident', 'europe-resident'])}"})

    refused(world, answer, 403, "conflicting_roles")
    assert world.seen == []


@pytest.mark.parametrize("audience", ["https://cognitiveservices.azure.com", "https://ai.azure.com"])
def test_a_token_for_either_of_the_services_audiences_is_accepted(make_world: MakeWorld, audience: str) -> None:
    world = make_world(audience="https://cognitiveservices.azure.com")

    answer = post(world, {"Authorization": f"Bearer {world.token(aud=audience, roles=['standard'])}"})

    assert answer.status_code == 200


def test_a_version_2_token_names_its_application_as_azp(world: World) -> None:
    post(world, {"Authorization": f"Bearer {world.token(appid=None, azp='app-2', roles=['standard'])}"})

    assert world.event()["data"]["appId"] == "app-2"


def test_a_key_and_a_token_together_give_both_identities(world: World) -> None:
    post(world, {"api-key": "key-support", "Authorization": f"Bearer {world.token(roles=['europe-resident'])}"})

    data = world.event()["data"]
    assert (data["subscriptionId"], data["productId"], data["appId"]) == ("support", "premium", "app-1")


@pytest.mark.parametrize(
    "claims",
    [{"exp": int(time.time()) - 60}, {"aud": "api://other"}, {"tid": "99999999-0000-0000-0000-000000000000"}],
)
def test_a_token_that_is_not_valid_here_is_refused_even_with_a_good_key(world: World, claims: dict[str, Any]) -> None:
    answer = post(world, {"api-key": "key-search", "Authorization": f"Bearer {world.token(**claims)}"})

    data = refused(world, answer, 401, "invalid_token")
    assert data["subscriptionId"] == "search"
    assert "appId" not in data
    assert world.seen == []


def test_a_token_signed_by_somebody_else_is_refused(world: World) -> None:
    answer = post(world, {"Authorization": f"Bearer {world.token(signer=2)}"})

    turned_away(world, answer, "invalid_token")


def test_a_product_that_is_not_configured_is_refused(make_world: MakeWorld) -> None:
    world = make_world(config={"products": [product("premium")]})
    world.config.products["standard"] = product()

    answer = post(world, {"api-key": "key-search"})

    refused(world, answer, 403, "product_not_configured")
    assert world.seen == []


def test_tags_come_from_the_query_or_the_headers_and_are_cut(world: World) -> None:
    path = f"{CHAT}&username=ada&billingCode={'B' * 300}"

    post(world, {"api-key": "key-search", "x-username": "eve", "x-company-name": "Acme AG"}, path)

    data = world.event()["data"]
    assert (data["username"], data["companyName"], data["billingCode"]) == ("ada", "Acme AG", "B" * 256)


def test_neither_tags_nor_secrets_of_the_caller_reach_the_backend(world: World) -> None:
    headers = {
        "api-key": "key-search",
        "Authorization": f"Bearer {world.token()}",
        "Ocp-Apim-Subscription-Key": "key-search",
        "Cookie": "session=1",
        "x-username": "ada",
        "x-company-name": "Acme",
        "x-billing-code": "B1",
        "x-custom": "kept",
        "Accept-Encoding": "gzip",
    }

    post(world, headers, f"{CHAT}&username=ada&companyName=Acme&billingCode=B1&subscription-key=key-search")

    (seen,) = world.seen
    assert seen.query == {"api-version": "2024-10-21"}
    assert seen.headers["Authorization"] == "Bearer managed-identity-token-for-https://cognitiveservices.azure.com"
    names = {name.lower() for name in seen.headers}
    assert not names & {
        "api-key",
        "ocp-apim-subscription-key",
        "cookie",
        "x-username",
        "x-company-name",
        "x-billing-code",
        "accept-encoding",
    }
    assert "x-custom" in names


def test_without_a_token_for_the_backend_the_call_fails_and_says_nothing_of_the_inside(world: World) -> None:
    world.identity_status = 500

    answer = post(world, {"api-key": "key-search"})

    assert answer.status_code == 500
    assert answer.json()["error"] == {
        "code": "gateway_error",
        "message": "The gateway could not handle this call. Try it again; if it fails again, tell the platform team "
        "the id in x-usage-event-id.",
        "type": "server_error",
    }
    assert world.seen == []


def test_without_a_token_for_the_topic_the_caller_still_gets_the_answer(world: World) -> None:
    world.chat()
    world.events()
    world.gateway.identity._tokens.pop(("https://eventgrid.azure.net", None))
    world.identity_status = 500

    answer = world.chat()

    assert answer.json()["usage"] == USAGE
    assert len(world.events()) == 1
