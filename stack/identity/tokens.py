"""Mints and verifies access tokens of the local identity, which have the form of Entra's."""

import json
import time
import uuid
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

TENANT = "11111111-2222-3333-4444-555555555555"
ISSUER = f"https://sts.windows.net/{TENANT}/"
KEY_ID = "local"
LIFETIME = 24 * 3600
ASKING = "00000000-0000-0000-0000-000000005011"
"""The client id of the identity with which the gateway asks the functions; it has no role anywhere."""

FUNCTIONS = "functions"
"""The application id of the functions' identity; other identities are called by their name in roles.bicep, too."""


EXCHANGE = "api://AzureADTokenExchange"
"""The audience of a token with which an identity stands for an application that trusts it."""


def principal_id(client: str) -> str:
    """Return the object id of an identity."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, client))


def issuer_v2(authority: str) -> str:
    """Return the issuer of tokens of version 2, which the address of the authority is a part of."""
    return f"{authority}/{TENANT}/v2.0"


@dataclass(frozen=True, slots=True)
class IdentityHeader:
    """The secret header of the identity endpoint, which also says who asks: `<secret>[.<principal>][+<person>]`.

    Attributes:
        principal: a principal of roles.bicep; empty: the functions.
        person: who is signed in at this terminal, by their name in `stack.identity.people`; empty: nobody.
    """

    secret: str
    principal: str = ""
    person: str = ""

    def __str__(self) -> str:
        principal = self.principal and f".{self.principal}"
        return f"{self.secret}{principal}{self.person and f'+{self.person}'}"

    @classmethod
    def of(cls, text: str) -> "IdentityHeader":
        """Return what a header says."""
        rest, _, person = text.partition("+")
        secret, _, principal = rest.partition(".")
        return cls(secret, principal, person)


@dataclass(frozen=True, slots=True)
class Signer:
    """Mints tokens with one RSA key."""

    key: rsa.RSAPrivateKey

    def mint(self, audience: str, **claims: Any) -> str:
        """Return a token for `audience`; `claims` are added to, or replace, the standard ones."""
        now = int(time.time())
        standard = {
            "aud": audience,
            "iss": ISSUER,
            "iat": now,
            "nbf": now - 60,
            "exp": now + LIFETIME,
            "tid": TENANT,
            "oid": principal_id(str(claims.get("appid", FUNCTIONS))),
            "appid": FUNCTIONS,
            "ver": "1.0",
        }
        return self.sign({**standard, **claims})

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a token with these claims and no others."""
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": KEY_ID})

    def key_set(self) -> dict[str, Any]:
        """Return the JWKS document with the public key."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**key, "kid": KEY_ID, "use": "sig", "alg": "RS256", "issuer": ISSUER}]}

    def verify(self, token: str, audience: list[str], issuer: str = ISSUER) -> dict[str, Any]:
        """Return the claims of a token valid for one of `audience`, or raise `jwt.InvalidTokenError`."""
        options: jwt.types.Options = {"require": ["exp", "iss", "aud"]}
        public = self.key.public_key()
        return jwt.decode(token, public, algorithms=["RS256"], audience=audience, issuer=issuer, options=options)


def load_signer(path: Path) -> Signer:
    """Return the signer whose key is kept in `path`, made at the first call."""
    if path.exists():
        key = _private_key(path.read_bytes())
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError(f"{path}: not an RSA key")
        return Signer(key)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    encoding, layout = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(encoding, layout, serialization.NoEncryption()))
    return Signer(key)


@lru_cache(maxsize=8)
def _private_key(pem: bytes) -> PrivateKeyTypes:
    """The key, whose primes are checked once: that takes longer than to sign with it."""
    return serialization.load_pem_private_key(pem, password=None)
