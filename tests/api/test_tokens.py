"""Attacks on the tokens of people, on the app as it is over the stack's issuer: none lets anybody in."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI

from chargeback.domain.access.app_roles import AppRole
from stack.identity.people import API, PEOPLE
from stack.identity.tokens import ISSUER, KEY_ID, TENANT, Signer, issuer_v2, load_signer
from stack.stack import Stack
from tests.support.people import client_of

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

OTHER = "99999999-2222-3333-4444-555555555555"
NOW = int(time.time())
ME = "/api/v1/me"


@pytest.fixture
async def api(over_stack: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(over_stack) as client:
        yield client


@pytest.fixture
def signer(stack: Stack) -> Signer:
    return load_signer(stack.site.signing_key)


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def claims_of(stack: Stack, **changed: Any) -> dict[str, Any]:
    """What an admin's token says; a claim that is changed to None is left out."""
    claims = {"iss": issuer_v2(stack.env["ENTRA_AUTHORITY"]), **PEOPLE["admin"].claims(), **changed}
    return {name: value for name, value in claims.items() if value is not None}


def signed(signer: Signer, claims: dict[str, Any], header: dict[str, Any] | None = None, alg: str = "RS256") -> str:
    return jwt.encode(claims, signer.key, algorithm=alg, headers={"kid": KEY_ID, **(header or {})})


def resigned(signer: Signer, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token with a header that the library would not write, signed by the tenant's key nevertheless."""
    body = f"{encoded(header)}.{encoded(claims)}"
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(body.encode(), signer.key)
    return f"{body}.{encoded(signature)}"


async def status(api: httpx.AsyncClient, token: str) -> int:
    return (await api.get(ME, headers={"Authorization": f"Bearer {token}"})).status_code


@pytest.mark.parametrize("who", PEOPLE)
async def test_everybody_of_the_tenant_is_known_by_name_and_role(
    api: httpx.AsyncClient, stack: Stack, who: str
) -> None:
    answer = await api.get(ME, headers={"Authorization": f"Bearer {stack.token_of(who)}"})

    assert answer.status_code == 200
    found = answer.json()
    assert (found["id"], found["name"]) == (f"person:{TENANT}/{PEOPLE[who].object_id}", PEOPLE[who].name)
    assert found["roles"] == [role.value for role in PEOPLE[who].roles]
    assert found["costCentres"] == (["product/support"] if who == "owner" else [])


@pytest.mark.parametrize("version", [1, 2])
async def test_tokens_of_both_versions_are_taken(api: httpx.AsyncClient, stack: Stack, version: int) -> None:
    issuer, audience = (ISSUER, f"api://{API}") if version == 1 else (issuer_v2(stack.env["ENTRA_AUTHORITY"]), API)

    assert await status(api, stack.token_of("user", iss=issuer, aud=audience, ver=f"{version}.0")) == 200


A_DAY = 24 * 3600
"""Longer than the tests take, which run some time after this module was imported."""

WRONG: dict[str, dict[str, Any]] = {
    "expired": {"exp": NOW - 60},
    "not yet valid": {"nbf": NOW + A_DAY},
    "issued in the future": {"iat": NOW + A_DAY},
    "another tenant": {"tid": OTHER},
    "another tenant's issuer": {"iss": f"https://sts.windows.net/{OTHER}/"},
    "another tenant's issuer of version 2": {"iss": f"https://login.microsoftonline.com/{OTHER}/v2.0"},
    "an issuer that begins like ours": {"iss": f"{ISSUER}@evil.example/"},
    "the issuer of all tenants": {"iss": "https://login.microsoftonline.com/common/v2.0"},
    "several issuers": {"iss": [ISSUER]},
    "another audience": {"aud": "https://management.azure.com"},
    "the audience of the gateway": {"aud": "https://eventgrid.azure.net"},
    "an audience that begins like ours": {"aud": f"{API}0"},
    "another spelling of the audience": {"aud": f"api://{API}/"},
    "no scope": {"scp": None},
    "another scope": {"scp": "openid profile User.Read"},
    "a scope that begins like ours": {"scp": "access_as_user_2"},
    "an application's kind with a person's scope": {"idtyp": "app"},
    "nobody's object id": {"oid": ""},
    "an object id that is no text": {"oid": ["0"]},
    "an application that does not say that it is one": {"scp": None, "oid": None},
    **{f"no {name}": {name: None} for name in ("iss", "aud", "exp", "nbf", "iat", "tid", "oid")},
    **{f"{name} of another kind": {name: "soon"} for name in ("exp", "nbf", "iat")},
}


@pytest.mark.parametrize("name", WRONG)
async def test_claims_that_are_wrong_let_nobody_in(
    api: httpx.AsyncClient, stack: Stack, signer: Signer, name: str
) -> None:
    header = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}

    assert await status(api, resigned(signer, header, claims_of(stack))) == 200
    assert await status(api, resigned(signer, header, claims_of(stack, **WRONG[name]))) == 401


FORGED: dict[str, Callable[[Signer, dict[str, Any]], str]] = {
    "unsigned": lambda _, claims: f"{encoded({'alg': 'none', 'typ': 'JWT', 'kid': KEY_ID})}.{encoded(claims)}.",
    "unsigned, spelled otherwise": lambda _, claims: f"{encoded({'alg': 'nOnE', 'kid': KEY_ID})}.{encoded(claims)}.",
    "without a signature": lambda signer, claims: signed(signer, claims).rpartition(".")[0] + ".",
    "signed by the public key as a secret": lambda signer, claims: _by_secret(
        signer, claims, serialization.Encoding.PEM
    ),
    "signed by the public key in another form": lambda signer, claims: _by_secret(
        signer, claims, serialization.Encoding.DER
    ),
    "signed by another key of the same name": lambda _, claims: signed(_stranger(), claims),
    "signed by a key that it brings along": lambda _, claims: _with_own_key(claims),
    "with the address of its own keys": lambda _, claims: signed(_stranger(), claims, {"jku": "https://evil.example"}),
    "signed by another algorithm": lambda signer, claims: signed(signer, claims, alg="RS512"),
    "signed by a probabilistic one": lambda signer, claims: signed(signer, claims, alg="PS256"),
    "without the name of a key": lambda signer, claims: resigned(signer, {"alg": "RS256"}, claims),
    "with a list of algorithms": lambda signer, claims: resigned(signer, {"alg": ["RS256"], "kid": KEY_ID}, claims),
    "with an extension that nobody knows": lambda signer, claims: resigned(
        signer, {"alg": "RS256", "kid": KEY_ID, "crit": ["exp2"], "exp2": 1}, claims
    ),
    "with a path for a key": lambda signer, claims: resigned(
        signer, {"alg": "RS256", "kid": "../../../../dev/null"}, claims
    ),
    "with a question for a key": lambda signer, claims: resigned(
        signer, {"alg": "RS256", "kid": "x' OR '1'='1"}, claims
    ),
    "with a mapping for a key": lambda signer, claims: resigned(signer, {"alg": "RS256", "kid": {"a": 1}}, claims),
    "with claims changed afterwards": lambda signer, claims: _changed(signer, claims),
    "with claims that are a list": lambda signer, claims: _body(signer, [claims]),
    "with claims that are no JSON": lambda signer, _: _body(signer, b"\xff{"),
    "with deep claims": lambda signer, _: _body(signer, b"[" * 5_000),
    "with a megabyte": lambda signer, claims: signed(signer, {**claims, "groups": [OTHER] * 25_000}),
    "of two parts": lambda signer, claims: signed(signer, claims).rpartition(".")[0],
    "of five parts": lambda signer, claims: signed(signer, claims) + ".a.b",
    "twice": lambda signer, claims: f"{signed(signer, claims)} {signed(signer, claims)}",
    "nothing": lambda *_: "",
    "dots": lambda *_: "..",
}


def _stranger() -> Signer:
    return Signer(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _by_secret(signer: Signer, claims: dict[str, Any], form: serialization.Encoding) -> str:
    public = signer.key.public_key().public_bytes(form, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': KEY_ID})}.{encoded(claims)}"
    return f"{body}.{encoded(hmac.digest(public, body.encode(), 'sha256'))}"


def _with_own_key(claims: dict[str, Any]) -> str:
    stranger = _stranger()
    own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(stranger.key.public_key()))
    return resigned(stranger, {"alg": "RS256", "kid": KEY_ID, "jwk": own}, claims)


def _changed(signer: Signer, claims: dict[str, Any]) -> str:
    head, _, signature = signed(signer, {**claims, "roles": []}).split(".")
    return f"{head}.{encoded(claims)}.{signature}"


def _body(signer: Signer, body: Any) -> str:
    first = f"{encoded({'alg': 'RS256', 'kid': KEY_ID})}.{encoded(body)}"
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(first.encode(), signer.key)
    return f"{first}.{encoded(signature)}"


@pytest.mark.parametrize("name", FORGED)
async def test_what_the_tenant_did_not_sign_lets_nobody_in(
    api: httpx.AsyncClient, stack: Stack, signer: Signer, name: str
) -> None:
    assert await status(api, FORGED[name](signer, claims_of(stack))) == 401


async def test_a_refusal_says_how_to_ask_and_repeats_nothing_of_the_token(
    api: httpx.AsyncClient, stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    token = stack.token_of("admin", exp=NOW - 60)

    without = await api.get(ME)
    refused = await api.get(ME, headers={"Authorization": f"Bearer {token}"})

    assert without.headers["www-authenticate"] == "Bearer"
    assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert without.json()["error"] == refused.json()["error"]
    assert refused.headers["x-ms-error-code"] == "Unauthenticated"
    assert not any(part in text for part in token.split(".") for text in (refused.text, caplog.text))


@pytest.mark.parametrize("scheme", ["Basic", "Token", "", "Bearer\t", "MAC"])
async def test_a_token_under_another_scheme_lets_nobody_in(api: httpx.AsyncClient, stack: Stack, scheme: str) -> None:
    answer = await api.get(ME, headers={"Authorization": f"{scheme} {stack.token_of('admin')}".strip()})

    assert answer.status_code == 401


@pytest.mark.parametrize("where", ["access_token", "token", "authorization", "code"])
async def test_a_token_in_the_address_is_not_looked_at(api: httpx.AsyncClient, stack: Stack, where: str) -> None:
    assert (await api.get(ME, params={where: stack.token_of("admin")})).status_code == 401


@pytest.mark.parametrize(
    "roles",
    [
        "Chargeback.Admin",
        ["chargeback.admin"],
        ["Chargeback.Admin "],
        ["Chargeback.*"],
        [["Chargeback.Admin"]],
        {},
        [7],
    ],
)
async def test_what_is_not_exactly_a_role_gives_none(api: httpx.AsyncClient, stack: Stack, roles: Any) -> None:
    token = stack.token_of("nobody", roles=roles)

    found = (await api.get(ME, headers={"Authorization": f"Bearer {token}"})).json()

    assert (found["roles"], found["seesEverything"]) == ([], False)


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "omar.diaz@contoso.example"},
        {"preferred_username": "omar.diaz@contoso.example", "upn": None},
        {"unique_name": "omar.diaz@contoso.example"},
        {"groups": None, "wids": ["5a9e1c52-7f3b-4d0a-9a53-0d8a2a6e6a10"]},
        {"groups": "5a9e1c52-7f3b-4d0a-9a53-0d8a2a6e6a10"},
        {"groups": None, "_claim_names": {"groups": "src1"}},
    ],
)
async def test_an_owner_owns_by_object_id_sign_in_name_and_groups_alone(
    api: httpx.AsyncClient, stack: Stack, claims: dict[str, Any]
) -> None:
    token = stack.token_of("finance", **({"groups": None} | claims | {"roles": [AppRole.OWNER.value]}))

    found = (await api.get(ME, headers={"Authorization": f"Bearer {token}"})).json()

    assert found["costCentres"] == []
    assert found["hasUnknownGroups"] is ("_claim_names" in claims)


async def test_an_application_that_acts_for_itself_is_nobody_else(api: httpx.AsyncClient, signer: Signer) -> None:
    token = signer.mint(API, appid=None, azp="robot", idtyp="app", oid=PEOPLE["admin"].object_id, upn="a@b.example")

    found = (await api.get(ME, headers={"Authorization": f"Bearer {token}"})).json()

    assert (found["id"], found["roles"]) == (f"application:{TENANT}/robot", [])


async def test_the_gateways_token_opens_nothing_for_people(
    api: httpx.AsyncClient, stack: Stack, signer: Signer
) -> None:
    gateway = signer.mint(stack.env["OWNERS_AUDIENCE"], appid=stack.env["OWNERS_CLIENT_ID"])

    assert await status(api, gateway) == 401
    answer = await api.post(
        "/api/v1/owners", json={"objects": []}, headers={"Authorization": f"Bearer {stack.token_of('admin')}"}
    )
    assert answer.status_code == 401
