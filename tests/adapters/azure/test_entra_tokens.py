"""Which application a token belongs to: forged, expired and foreign tokens have none, and a flood asks Entra rarely."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from chargeback.adapters.azure.entra_tokens import EntraTokens, SigningKeys
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Identity
from chargeback.domain.access.verified_caller import VerifiedCaller
from chargeback.domain.errors import StoreUnavailable
from stack.identity.tokens import TENANT, Signer
from stack.listening import listening

pytestmark = pytest.mark.anyio

AUDIENCE = "api://chargeback"
OTHER = "99999999-2222-3333-4444-555555555555"


class Tenant:
    """The tenant's own documents, that can be away; a clock that tests move."""

    def __init__(self) -> None:
        self.signer = Signer(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        self.published: list[dict[str, Any]] = self.signer.key_set()["keys"]
        self.away = False
        self.asked = 0
        self.now = 1_000.0
        self.url = ""

    async def describe(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.away:
            return web.Response(status=503)
        issuer = f"{self.url}/{TENANT}/v2.0"
        return web.json_response({"issuer": issuer, "jwks_uri": f"{self.url}/keys"})

    async def keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": self.published})

    def tokens(self, audience: str = AUDIENCE) -> EntraTokens:
        return EntraTokens(self.signing_keys(), audience)

    def signing_keys(self) -> SigningKeys:
        return SigningKeys(self.url, TENANT, clock=lambda: self.now)


@pytest.fixture
async def tenant() -> AsyncIterator[Tenant]:
    there = Tenant()
    app = web.Application()
    app.router.add_get(f"/{TENANT}/v2.0/.well-known/openid-configuration", there.describe)
    app.router.add_get("/keys", there.keys)
    async with AsyncExitStack() as stack:
        there.url = f"http://127.0.0.1:{await stack.enter_async_context(listening(app))}"
        yield there


def unsigned(claims: dict[str, Any], algorithm: str) -> str:
    """A token whose signature is empty."""
    parts = [{"alg": algorithm, "typ": "JWT", "kid": "local"}, claims]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def keyed(claims: dict[str, Any], secret: bytes) -> str:
    """A token that is signed with the public key as if it were a secret."""
    signed = unsigned(claims, "HS256").rstrip(".")
    digest = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({}, ("gw", ())),
        ({"roles": ["a", "b"]}, ("gw", ("a", "b"))),
        ({"roles": "admin"}, ("gw", ())),
        ({"appid": None, "azp": "gw"}, ("gw", ())),
        ({"appid": None}, ("", ())),
    ],
)
async def test_a_token_of_the_tenant_says_whose_it_is(
    tenant: Tenant, claims: dict[str, Any], found: tuple[str, tuple[str, ...]]
) -> None:
    application = await tenant.tokens().application(tenant.signer.mint(AUDIENCE, **{"appid": "gw", **claims}))

    assert application is not None
    assert (application.app_id, application.roles) == found


async def test_both_versions_of_tokens_are_taken(tenant: Tenant) -> None:
    tokens = tenant.tokens()

    for issuer in (f"https://sts.windows.net/{TENANT}/", f"{tenant.url}/{TENANT}/v2.0"):
        assert await tokens.application(tenant.signer.mint(AUDIENCE, iss=issuer)) is not None


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://management.azure.com"},
        {"aud": [AUDIENCE + "/"]},
        {"iss": f"https://sts.windows.net/{OTHER}/"},
        {"iss": f"https://sts.windows.net/{TENANT}"},
        {"iss": f"https://evil.example/{TENANT}/v2.0"},
        {"tid": OTHER},
        {"tid": None},
        {"exp": int(time.time()) - 1},
        {"nbf": int(time.time()) + 600},
        {"exp": "never"},
        {"iat": int(time.time()) + 600},
    ],
)
async def test_a_token_for_somebody_else_or_another_time_is_nobodys(tenant: Tenant, claims: dict[str, Any]) -> None:
    good = tenant.signer.mint(AUDIENCE)

    assert await tenant.tokens().application(tenant.signer.mint(AUDIENCE, **claims)) is None
    assert await tenant.tokens().application(good) is not None


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "nbf", "iat", "tid"])
async def test_a_token_without_one_of_the_claims_that_are_checked_is_nobodys(tenant: Tenant, name: str) -> None:
    claims = jwt.decode(tenant.signer.mint(AUDIENCE), options={"verify_signature": False})
    del claims[name]
    token = jwt.encode(claims, tenant.signer.key, algorithm="RS256", headers={"kid": "local"})

    assert await tenant.tokens().application(token) is None
    assert await tenant.tokens().caller(token) is None


async def test_what_was_not_signed_with_the_tenants_key_is_nobodys(tenant: Tenant) -> None:
    claims = jwt.decode(tenant.signer.mint(AUDIENCE), options={"verify_signature": False})
    public = tenant.signer.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    stranger = Signer(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    head, body, signature = tenant.signer.mint(AUDIENCE).split(".")
    forged = [
        unsigned(claims, "none"),
        unsigned(claims, "None"),
        unsigned(claims, "RS256"),
        keyed(claims, public),
        jwt.encode(claims, tenant.signer.key, algorithm="RS512", headers={"kid": "local"}),
        stranger.mint(AUDIENCE),
        f"{head}.{body}x.{signature}",
        f"{head}.{body}",
        "",
        "x" * 100_000,
        "é.é.é",
    ]

    tokens = tenant.tokens()

    assert [await tokens.application(token) for token in forged] == [None] * len(forged)


async def test_a_new_key_is_found_and_one_that_was_withdrawn_ends_within_the_hour(tenant: Tenant) -> None:
    tokens = tenant.tokens()
    old = tenant.signer
    assert await tokens.application(old.mint(AUDIENCE)) is not None
    tenant.signer = Signer(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    tenant.published = [{**tenant.signer.key_set()["keys"][0], "kid": "next"}]
    claims = jwt.decode(old.mint(AUDIENCE), options={"verify_signature": False})
    new = jwt.encode(claims, tenant.signer.key, algorithm="RS256", headers={"kid": "next"})

    tenant.now += 61
    found = await tokens.application(new)
    tenant.now += 3_601
    withdrawn = await tokens.application(old.mint(AUDIENCE))

    assert found is not None
    assert withdrawn is None


async def test_a_thousand_unknown_keys_ask_the_tenant_once_a_minute(tenant: Tenant) -> None:
    keys = tenant.signing_keys()
    known = EntraTokens(keys, AUDIENCE)
    _, body, signature = tenant.signer.mint(AUDIENCE).split(".")
    for minute in range(3):
        tenant.now += 61 * bool(minute)
        for number in range(1_000):
            head = {"alg": "RS256", "kid": f"{minute}-{number}"}
            first = base64.urlsafe_b64encode(json.dumps(head).encode()).decode().rstrip("=")
            assert await known.application(f"{first}.{body}.{signature}") is None
        assert await known.application(tenant.signer.mint(AUDIENCE)) is not None

    assert tenant.asked == 3


async def test_known_keys_serve_for_a_day_while_the_tenant_is_away(tenant: Tenant) -> None:
    tokens = tenant.tokens()
    await tokens.application(tenant.signer.mint(AUDIENCE))
    tenant.away = True
    tenant.now += 86_000

    served = [await tokens.application(tenant.signer.mint(AUDIENCE)) for _ in range(50)]
    asked = tenant.asked
    tenant.now += 500
    with pytest.raises(StoreUnavailable):
        await tokens.application(tenant.signer.mint(AUDIENCE))

    assert None not in served
    assert asked == 2


async def test_a_tenant_that_never_answered_is_left_alone_for_ten_seconds(tenant: Tenant) -> None:
    tenant.away = True
    tokens = tenant.tokens()
    for _ in range(20):
        with pytest.raises(StoreUnavailable):
            await tokens.application(tenant.signer.mint(AUDIENCE))
    tenant.away = False
    tenant.now += 11

    assert await tokens.application(tenant.signer.mint(AUDIENCE)) is not None
    assert tenant.asked == 2


@pytest.mark.parametrize("published", [[], [{"kty": "oct", "kid": "local"}], [{"no": "key"}]])
async def test_keys_that_cannot_be_read_are_the_tenants_trouble_not_an_error(
    tenant: Tenant, published: list[dict[str, Any]]
) -> None:
    tenant.published = published

    with pytest.raises(StoreUnavailable):
        await tenant.tokens().application(tenant.signer.mint(AUDIENCE))


async def test_doors_with_other_audiences_share_the_keys(tenant: Tenant) -> None:
    keys = tenant.signing_keys()
    first, second = EntraTokens(keys, AUDIENCE), EntraTokens(keys, "api://other")
    token = tenant.signer.mint(AUDIENCE)

    assert await first.application(token) is not None
    assert await second.application(token) is None
    assert tenant.asked == 1


def test_only_one_module_checks_tokens() -> None:
    package = Path(__file__).parents[3] / "chargeback"

    readers = [path.name for path in package.rglob("*.py") if "import jwt" in path.read_text(encoding="utf-8")]

    assert readers == ["entra_tokens.py"]


async def test_whoever_comes_while_keys_are_read_waits_for_them(tenant: Tenant) -> None:
    tokens = tenant.tokens()
    first = tenant.signer.mint(AUDIENCE)
    cold = await asyncio.gather(*[tokens.application(first) for _ in range(20)])
    asked = tenant.asked
    tenant.signer = Signer(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    tenant.published = [*tenant.published, {**tenant.signer.key_set()["keys"][0], "kid": "next"}]
    claims = jwt.decode(first, options={"verify_signature": False})
    new = jwt.encode(claims, tenant.signer.key, algorithm="RS256", headers={"kid": "next"})
    tenant.now += 61
    rotated = await asyncio.gather(*[tokens.application(token) for token in [new] * 20 + [first]])

    assert None not in cold
    assert None not in rotated
    assert (asked, tenant.asked) == (1, 2)


async def test_whoever_comes_while_a_tenant_does_not_answer_is_told_so_by_one_question(tenant: Tenant) -> None:
    tenant.away = True
    tokens = tenant.tokens()

    told = await asyncio.gather(
        *[tokens.application(tenant.signer.mint(AUDIENCE)) for _ in range(20)], return_exceptions=True
    )

    assert {type(each) for each in told} == {StoreUnavailable}
    assert tenant.asked == 1


PERSON = {"scp": "access_as_user", "oid": "ann", "name": "Ann Lee", "appid": None, "azp": "some-client"}
ROBOT = {"idtyp": "app", "oid": "principal", "appid": None, "azp": "robot"}


async def test_a_person_is_known_by_object_id_whichever_application_they_use(tenant: Tenant) -> None:
    token = tenant.signer.mint(
        AUDIENCE,
        **PERSON,
        upn="ann@example.com",
        preferred_username="ann@elsewhere.example",
        roles=["Chargeback.Owner", "Another.Role"],
        groups=["g1", "g2"],
    )

    found = await tenant.tokens().caller(token)

    assert found == VerifiedCaller(
        Identity(TENANT, object_id="ann"),
        "Ann Lee",
        "ann@example.com",
        frozenset({AppRole.OWNER}),
        frozenset({"g1", "g2"}),
    )


async def test_an_application_that_acts_for_itself_is_known_by_its_client_id(tenant: Tenant) -> None:
    token = tenant.signer.mint(AUDIENCE, **ROBOT, upn="ann@example.com", roles=["Chargeback.Finance"])

    found = await tenant.tokens().caller(token)

    assert found == VerifiedCaller(Identity(TENANT, app_id="robot"), "robot", roles=frozenset({AppRole.FINANCE}))


@pytest.mark.parametrize(
    "claims",
    [
        {**PERSON, "scp": "openid profile"},
        {**PERSON, "scp": ["access_as_user"]},
        {**PERSON, "scp": None},
        {**PERSON, "idtyp": "app"},
        {**PERSON, "oid": None},
        {**PERSON, "oid": 7},
        {**ROBOT, "idtyp": None},
        {**ROBOT, "idtyp": "device"},
        {**ROBOT, "azp": None},
        {**ROBOT, "scp": "other"},
    ],
)
async def test_a_token_that_says_neither_whose_nor_for_what_it_is_speaks_for_nobody(
    tenant: Tenant, claims: dict[str, Any]
) -> None:
    assert await tenant.tokens().caller(tenant.signer.mint(AUDIENCE, **claims, roles=["Chargeback.Admin"])) is None


@pytest.mark.parametrize(
    ("claims", "unknown"),
    [
        ({"groups": ["g"]}, False),
        ({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://x.example"}}}, True),
        ({"hasgroups": True}, True),
        ({"_claim_names": "groups"}, False),
    ],
)
async def test_a_token_that_leaves_out_groups_says_so(tenant: Tenant, claims: dict[str, Any], *, unknown: bool) -> None:
    found = await tenant.tokens().caller(tenant.signer.mint(AUDIENCE, **PERSON, **claims))

    assert found is not None
    assert found.has_unknown_groups is unknown


async def test_each_name_of_the_audience_is_taken_and_no_other(tenant: Tenant) -> None:
    tokens = EntraTokens(tenant.signing_keys(), "the-client-id", "api://the-client-id")

    taken = [
        await tokens.caller(tenant.signer.mint(name, **PERSON)) is not None
        for name in ("the-client-id", "api://the-client-id", "api://the-client-id/", "THE-CLIENT-ID")
    ]

    assert taken == [True, True, False, False]
