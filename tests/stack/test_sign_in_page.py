"""The sign-in page of the local tenant refuses what Entra refuses, in its form and with its numbers."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import jwt
import pytest

from stack.identity.asked_sign_in import REDIRECT_URIS, is_registered
from stack.identity.people import API, PEOPLE
from stack.identity.server import TENANT_SIGN_IN
from stack.identity.sign_in import CODE_SECONDS, JWT_BEARER
from stack.identity.tokens import FUNCTIONS, TENANT, issuer_v2, principal_id
from tests.support.entra import REDIRECT_URI, SIGNER, asked_of, entra

pytestmark = pytest.mark.anyio

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "client_id": API,
    "response_type": "code",
    "redirect_uri": REDIRECT_URI,
    "response_mode": "query",
    "scope": f"openid profile {API}/access_as_user",
    "state": "the state",
    "nonce": "the nonce",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture(scope="module")
async def tenant() -> AsyncIterator[httpx.AsyncClient]:
    async with entra() as address, httpx.AsyncClient(base_url=address, trust_env=False) as client:
        yield client


def endpoint(name: str) -> str:
    return f"/{TENANT}/oauth2/v2.0/{name}"


def without(asked: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in asked.items() if key != name}


def assertion(client: httpx.AsyncClient, **claims: Any) -> str:
    named = {"iss": issuer_v2(str(client.base_url).rstrip("/")), "sub": principal_id(FUNCTIONS)}
    return SIGNER.mint("api://AzureADTokenExchange", **{**named, **claims})


async def code_of(client: httpx.AsyncClient, who: str = "finance", **asked: str) -> str:
    answer = await client.post(endpoint("authorize"), params={**ASKED, **asked}, data={"as": who})
    assert answer.status_code == 302, answer.text
    return asked_of(answer.headers["location"])["code"]


def grant(client: httpx.AsyncClient, code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "client_id": API,
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
        "client_assertion_type": JWT_BEARER,
        "client_assertion": assertion(client),
    }


async def test_one_person_for_each_role_is_offered_with_what_they_may_see(tenant: httpx.AsyncClient) -> None:
    page = (await tenant.get(endpoint("authorize"), params=ASKED)).text

    assert re.findall(r'name="as" value="(\w*)"', page) == [*PEOPLE, ""]
    for person in PEOPLE.values():
        assert person.name in page
        assert person.sees in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"redirect_uri": "https://evil.example/signed-in"}, "AADSTS50011"),
        ({"redirect_uri": f"{REDIRECT_URI}/"}, "AADSTS50011"),
        ({"redirect_uri": f"{REDIRECT_URI}?a=b"}, "AADSTS50011"),
        ({"redirect_uri": REDIRECT_URI.upper()}, "AADSTS50011"),
        ({"redirect_uri": "http://pages.test/signed-in"}, "AADSTS50011"),
        ({"redirect_uri": "https://pages.test:8443/signed-in"}, "AADSTS50011"),
        ({"redirect_uri": ""}, "AADSTS50011"),
        ({"redirect_uri": "<script>"}, "AADSTS50011"),
        ({"client_id": "00000000-0000-0000-0000-00000000beef"}, "AADSTS700016"),
    ],
)
async def test_whatever_is_wrong_with_the_application_or_its_address_leads_nowhere(
    tenant: httpx.AsyncClient, asked: dict[str, str], number: str
) -> None:
    for method in ("GET", "POST"):
        answer = await tenant.request(
            method, endpoint("authorize"), params={**ASKED, **asked}, data={"as": "admin"} if method == "POST" else None
        )

        assert answer.status_code == 400
        assert number in answer.text
        assert "location" not in answer.headers
        assert "<script>" not in answer.text


async def test_another_tenant_is_not_found(tenant: httpx.AsyncClient) -> None:
    answer = await tenant.get("/22222222-2222-3333-4444-555555555555/oauth2/v2.0/authorize", params=ASKED)

    assert "AADSTS90002" in answer.text


@pytest.mark.parametrize(
    ("asked", "error", "number"),
    [
        (without(ASKED, "response_type"), "invalid_request", "AADSTS900144"),
        (without(ASKED, "scope"), "invalid_request", "AADSTS900144"),
        ({**ASKED, "response_type": "token"}, "unsupported_response_type", "AADSTS700054"),
        ({**ASKED, "response_mode": "fragment"}, "invalid_request", "AADSTS901002"),
        (without(ASKED, "code_challenge"), "invalid_request", "AADSTS9002325"),
        ({**ASKED, "code_challenge_method": "plain"}, "invalid_request", "AADSTS9002325"),
        ({**ASKED, "scope": f"openid api://{API}/access_as_user"}, "invalid_request", "AADSTS90009"),
        ({**ASKED, "scope": "https://graph.microsoft.com/User.Read"}, "invalid_resource", "AADSTS500011"),
        ({**ASKED, "scope": f"{API}/more"}, "invalid_client", "AADSTS650053"),
        ({**ASKED, "scope": "openid"}, "invalid_scope", "AADSTS70011"),
        ({**ASKED, "prompt": "none"}, "login_required", "AADSTS50058"),
    ],
)
async def test_every_other_fault_goes_back_to_the_application_with_its_state(
    tenant: httpx.AsyncClient, asked: dict[str, str], error: str, number: str
) -> None:
    answer = await tenant.get(endpoint("authorize"), params=asked)

    said = asked_of(answer.headers["location"])
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?")
    assert (said["error"], said["state"]) == (error, "the state")
    assert said["error_description"].startswith(f"{number}: ")


@pytest.mark.parametrize("chosen", ["", "somebody"])
async def test_whoever_cancels_is_not_signed_in(tenant: httpx.AsyncClient, chosen: str) -> None:
    answer = await tenant.post(endpoint("authorize"), params=ASKED, data={"as": chosen})

    said = asked_of(answer.headers["location"])
    assert (said["error"], said["state"]) == ("access_denied", "the state")
    assert "code" not in said


async def test_a_code_gives_tokens_of_the_person_for_the_application_itself(tenant: httpx.AsyncClient) -> None:
    answer = await tenant.post(endpoint("token"), data=grant(tenant, await code_of(tenant, "owner")))

    said = answer.json()
    access, identity = (
        jwt.decode(said[f"{name}_token"], options={"verify_signature": False}) for name in ("access", "id")
    )
    person = PEOPLE["owner"]
    assert answer.headers["cache-control"] == "no-store"
    assert said["token_type"] == "Bearer"
    assert "refresh_token" not in said
    assert (access["aud"], access["azp"], access["oid"], access["roles"]) == (
        API,
        API,
        person.object_id,
        ["Chargeback.Owner"],
    )
    assert (identity["aud"], identity["oid"], identity["nonce"]) == (API, person.object_id, "the nonce")
    assert access["iss"] == identity["iss"] == issuer_v2(str(tenant.base_url).rstrip("/"))


async def test_a_code_is_redeemed_once(tenant: httpx.AsyncClient) -> None:
    given = grant(tenant, await code_of(tenant))

    first, second = [await tenant.post(endpoint("token"), data=given) for _ in range(2)]

    assert (first.status_code, second.status_code) == (200, 400)
    assert second.json()["error"] == "invalid_grant"
    assert second.json()["error_description"].startswith("AADSTS54005: ")


@pytest.mark.parametrize(
    ("changed", "status", "error", "number"),
    [
        ({"code": "1.unknown"}, 400, "invalid_grant", 9002313),
        ({"code_verifier": "w" * 43}, 400, "invalid_grant", 50148),
        ({"code_verifier": CHALLENGE}, 400, "invalid_grant", 50148),
        ({"code_verifier": ""}, 400, "invalid_grant", 50148),
        ({"redirect_uri": "https://evil.example/"}, 401, "invalid_client", 500112),
        ({"client_id": "00000000-0000-0000-0000-00000000beef"}, 400, "unauthorized_client", 700016),
        ({"client_assertion": ""}, 401, "invalid_client", 7000218),
        ({"client_assertion_type": "secret"}, 401, "invalid_client", 7000218),
        ({"client_assertion": "no.token.atall"}, 401, "invalid_client", 700027),
    ],
)
async def test_a_code_alone_gives_no_token(
    tenant: httpx.AsyncClient, changed: dict[str, str], status: int, error: str, number: int
) -> None:
    given = grant(tenant, await code_of(tenant))

    answer = await tenant.post(endpoint("token"), data={**given, **changed})

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"].startswith(f"AADSTS{number}: ")
    assert (await tenant.post(endpoint("token"), data=given)).status_code == 200  # it was not used up


@pytest.mark.parametrize(
    ("claims", "number"),
    [
        ({"sub": principal_id("gateway")}, 700213),
        ({"iss": "https://sts.windows.net/other/"}, 700211),
        ({"aud": "https://storage.azure.com"}, 700212),
        ({"exp": 1}, 700027),
    ],
)
async def test_only_the_identity_that_the_registration_trusts_redeems_a_code(
    tenant: httpx.AsyncClient, claims: dict[str, Any], number: int
) -> None:
    given = {**grant(tenant, await code_of(tenant)), "client_assertion": assertion(tenant, **claims)}

    answer = await tenant.post(endpoint("token"), data=given)

    assert answer.json()["error_description"].startswith(f"AADSTS{number}: ")


async def test_a_browser_cannot_redeem_a_code_of_a_web_application(tenant: httpx.AsyncClient) -> None:
    given = grant(tenant, await code_of(tenant))

    answer = await tenant.post(endpoint("token"), data=given, headers={"Origin": "https://pages.test"})

    assert answer.json()["error_description"].startswith("AADSTS9002326: ")


async def test_a_code_lives_for_ten_minutes() -> None:
    from aiohttp.test_utils import TestClient, TestServer

    from stack.identity.server import make_app

    app = make_app(SIGNER, "secret", (REDIRECT_URI,))
    now = [1_000_000.0]
    app[TENANT_SIGN_IN]._clock = lambda: now[0]
    async with TestClient(TestServer(app)) as client:
        url = client.make_url("")
        answer = await client.post(endpoint("authorize"), params=ASKED, data={"as": "user"}, allow_redirects=False)
        code = asked_of(answer.headers["Location"])["code"]
        now[0] += CODE_SECONDS
        async with httpx.AsyncClient(base_url=str(url), trust_env=False) as outside:
            late = await outside.post(endpoint("token"), data=grant(outside, code))

    assert late.json()["error_description"].startswith("AADSTS70008: ")


async def test_signing_out_leads_to_registered_addresses_alone(tenant: httpx.AsyncClient) -> None:
    stay, evil, back = [
        await tenant.get(endpoint("logout"), params={"post_logout_redirect_uri": uri} if uri else {})
        for uri in ("", "https://evil.example/", REDIRECT_URI)
    ]

    assert (stay.status_code, evil.status_code) == (200, 200)
    assert "You are signed out" in stay.text
    assert (back.status_code, back.headers["location"]) == (302, REDIRECT_URI)


@pytest.mark.parametrize(
    ("uri", "known"),
    [
        ("http://127.0.0.1:7071/signed-in", True),
        ("http://localhost:1/signed-in", True),
        ("http://127.0.0.1/signed-in", True),
        ("https://127.0.0.1:7071/signed-in", False),
        ("http://127.0.0.1:7071/other", False),
        ("http://127.0.0.2:7071/signed-in", False),
        ("http://user@127.0.0.1:7071/signed-in", False),
        ("http://127.0.0.1.evil.example/signed-in", False),
    ],
)
def test_on_this_machine_the_port_does_not_count_and_all_else_does(uri: str, *, known: bool) -> None:
    assert is_registered(uri, REDIRECT_URIS) is known
