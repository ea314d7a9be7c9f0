"""Who calls: keys, tokens, products and claimed tags, and every way to be refused at the door."""

import time
from typing import Any

import httpx
import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, OneRegion, product
from tests.policies.scripted_backends import USAGE
from tests.support.refusals import refused, turned_away

CHAT = "/deployments/gpt-4o/chat/completions?api-version=2024-10-21"


def post(one_region: OneRegion, headers: dict[str, str], path: str = CHAT) -> httpx.Response:
    """A chat call with these headers alone."""
    return one_region.client.post(path, json={"messages": []}, headers=headers)


def test_a_call_without_identity_is_refused_and_never_reaches_a_backend(one_region: OneRegion) -> None:
    answer = post(one_region, {})

    turned_away(one_region, answer, "invalid_api_key")
    assert one_region.seen == []


def test_a_wrong_key_is_refused(one_region: OneRegion) -> None:
    answer = post(one_region, {"api-key": "wrong"})

    turned_away(one_region, answer, "invalid_api_key")
    assert one_region.seen == []


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
    one_region: OneRegion, key: dict[str, str], sent: str, reason: str
) -> None:
    answer = post(one_region, {**key, "Authorization": sent})

    if key:
        refused(one_region, answer, 401, "invalid_authorization")
    else:
        turned_away(one_region, answer, "invalid_authorization")
    assert reason in answer.json()["error"]["message"]
    assert "api-key" in answer.json()["error"]["message"]
    assert one_region.seen == []


def test_the_placeholder_that_v1_clients_send_with_a_good_key_is_let_by(one_region: OneRegion) -> None:
    answer = post(one_region, {"api-key": "key-search", "Authorization": "Bearer unused"})

    assert answer.status_code == 200
    assert one_region.event()["data"]["subscriptionId"] == "search"


def test_a_token_is_validated_whatever_the_case_of_its_scheme(one_region: OneRegion) -> None:
    answer = post(one_region, {"api-key": "key-search", "Authorization": f"BEARER {one_region.token(aud='another')}"})

    refused(one_region, answer, 401, "invalid_token")


def test_a_key_in_the_authorization_header_is_no_identity(one_region: OneRegion) -> None:
    answer = post(one_region, {"Authorization": "Bearer key-search"})

    turned_away(one_region, answer, "invalid_api_key")


def test_an_entra_token_without_a_role_is_refused(one_region: OneRegion) -> None:
    answer = post(one_region, {"Authorization": f"Bearer {one_region.token(roles=['reader'])}"})

    refused(one_region, answer, 403, "role_required")
    assert one_region.seen == []


def test_where_no_role_is_required_a_token_alone_calls_under_the_default_product(make_region: MakeRegion) -> None:
    one_region = make_region(config={"entra": {"requireRole": False}})

    answer = post(one_region, {"Authorization": f"Bearer {one_region.token()}"})

    data = one_region.event()["data"]
    assert answer.status_code == 200
    assert data["productId"] == "standard"
    assert (data["tenantId"][:4], data["appId"], data["userObjectId"]) == ("1111", "app-1", "oid-1")
    assert "subscriptionId" not in data


def test_a_role_of_the_token_names_its_product(one_region: OneRegion) -> None:
    post(one_region, {"Authorization": f"Bearer {one_region.token(roles=['reader', 'europe-resident'])}"})

    assert one_region.event()["data"]["productId"] == "europe-resident"


@pytest.mark.parametrize("roles", [["standard", "europe-resident"], ["europe-resident", "premium", "standard"]])
def test_of_several_roles_the_one_with_a_residency_wins(make_region: MakeRegion, roles: list[str]) -> None:
    one_region = make_region(region="eastus2")

    post(one_region, {"Authorization": f"Bearer {one_region.token(roles=roles)}"})

    assert one_region.event()["data"]["productId"] == "europe-resident"
    assert one_region.seen[0].account == EU[0]


def test_roles_of_two_residencies_are_refused(make_region: MakeRegion) -> None:
    products = [product(), product("europe-resident"), product("america-resident", residency="america")]
    one_region = make_region(config={"products": products})

    answer = post(
        one_region, {"Authorization": f"Bearer {one_region.token(roles=['america-resident', 'europe-resident'])}"}
    )

    refused(one_region, answer, 403, "conflicting_roles")
    assert one_region.seen == []


@pytest.mark.parametrize("audience", ["https://cognitiveservices.azure.com", "https://ai.azure.com"])
def test_a_token_for_either_of_the_services_audiences_is_accepted(make_region: MakeRegion, audience: str) -> None:
    one_region = make_region(audience="https://cognitiveservices.azure.com")

    answer = post(one_region, {"Authorization": f"Bearer {one_region.token(aud=audience, roles=['standard'])}"})

    assert answer.status_code == 200


def test_a_version_2_token_names_its_application_as_azp(one_region: OneRegion) -> None:
    post(one_region, {"Authorization": f"Bearer {one_region.token(appid=None, azp='app-2', roles=['standard'])}"})

    assert one_region.event()["data"]["appId"] == "app-2"


def test_a_key_and_a_token_together_give_both_identities(one_region: OneRegion) -> None:
    post(
        one_region, {"api-key": "key-support", "Authorization": f"Bearer {one_region.token(roles=['europe-resident'])}"}
    )

    data = one_region.event()["data"]
    assert (data["subscriptionId"], data["productId"], data["appId"]) == ("support", "premium", "app-1")


@pytest.mark.parametrize(
    "claims",
    [{"exp": int(time.time()) - 60}, {"aud": "api://other"}, {"tid": "99999999-0000-0000-0000-000000000000"}],
)
def test_a_token_that_is_not_valid_here_is_refused_even_with_a_good_key(
    one_region: OneRegion, claims: dict[str, Any]
) -> None:
    answer = post(one_region, {"api-key": "key-search", "Authorization": f"Bearer {one_region.token(**claims)}"})

    data = refused(one_region, answer, 401, "invalid_token")
    assert data["subscriptionId"] == "search"
    assert "appId" not in data
    assert one_region.seen == []


def test_a_token_signed_by_somebody_else_is_refused(one_region: OneRegion) -> None:
    answer = post(one_region, {"Authorization": f"Bearer {one_region.token(signer=2)}"})

    turned_away(one_region, answer, "invalid_token")


def test_a_product_that_is_not_configured_is_refused(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product("premium")]})
    one_region.config.products["standard"] = product()

    answer = post(one_region, {"api-key": "key-search"})

    refused(one_region, answer, 403, "product_not_configured")
    assert one_region.seen == []


def test_tags_come_from_the_query_or_the_headers_and_are_cut(one_region: OneRegion) -> None:
    path = f"{CHAT}&username=ada&billingCode={'B' * 300}"

    post(one_region, {"api-key": "key-search", "x-username": "eve", "x-company-name": "Acme AG"}, path)

    data = one_region.event()["data"]
    assert (data["username"], data["companyName"], data["billingCode"]) == ("ada", "Acme AG", "B" * 256)


def test_neither_tags_nor_secrets_of_the_caller_reach_the_backend(one_region: OneRegion) -> None:
    headers = {
        "api-key": "key-search",
        "Authorization": f"Bearer {one_region.token()}",
        "Ocp-Apim-Subscription-Key": "key-search",
        "Cookie": "session=1",
        "x-username": "ada",
        "x-company-name": "Acme",
        "x-billing-code": "B1",
        "x-custom": "kept",
        "Accept-Encoding": "gzip",
    }

    post(one_region, headers, f"{CHAT}&username=ada&companyName=Acme&billingCode=B1&subscription-key=key-search")

    (seen,) = one_region.seen
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


def test_without_a_token_for_the_backend_the_call_fails_and_says_nothing_of_the_inside(one_region: OneRegion) -> None:
    one_region.identity_status = 500

    answer = post(one_region, {"api-key": "key-search"})

    assert answer.status_code == 500
    assert answer.json()["error"] == {
        "code": "gateway_error",
        "message": "The gateway could not handle this call. Try it again; if it fails again, tell the platform team "
        "the id in x-usage-event-id.",
        "type": "server_error",
    }
    assert one_region.seen == []


def test_without_a_token_for_the_topic_the_caller_still_gets_the_answer(one_region: OneRegion) -> None:
    one_region.chat()
    one_region.events()
    one_region.gateway.identity._tokens.pop(("https://eventgrid.azure.net", None))
    one_region.identity_status = 500

    answer = one_region.chat()

    assert answer.json()["usage"] == USAGE
    assert len(one_region.events()) == 1
