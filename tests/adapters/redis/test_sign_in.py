"""Azure Managed Redis wants TLS and a token, and drops a connection whose token has ended."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import jwt
import pytest
from azure.identity._internal import utils
from redis.auth.err import RequestTokenErr
from redis.auth.token import SimpleToken
from redis.credentials import StreamingCredentialProvider, UsernamePasswordCredentialProvider

from chargeback.adapters.redis import sign_in as redis_sign_in
from chargeback.adapters.redis.connection import connect
from chargeback.adapters.redis.counter import RedisCounter
from chargeback.adapters.redis.sign_in import entra_credentials
from chargeback.domain.errors import StoreUnavailable
from stack.provision import call
from stack.stack import Stack

REDIS = "https://redis.azure.com"
LIFETIME = 8
"""How many seconds a token lives. Its renewal begins after seven tenths of them, and a busy machine needs the rest."""

Renewed = Callable[[SimpleToken], Awaitable[None]]


class Tokens(StreamingCredentialProvider):
    """Gives a first token, and whoever asked to be told the next one."""

    def __init__(self) -> None:
        self.told: list[Renewed] = []

    def get_credentials(self) -> tuple[str, str]:
        return "first", "one"

    async def get_credentials_async(self) -> tuple[str, str]:
        return self.get_credentials()

    def on_next(self, callback: Any) -> None:
        self.told.append(callback)

    def on_error(self, callback: Any) -> None:
        pass

    def is_streaming(self) -> bool:
        return True

    async def renew(self) -> None:
        for told in self.told:
            await told(SimpleToken("two", -1, 0, {"oid": "second"}))


def test_a_connection_signs_in_again_with_a_renewed_token(redis_url: str) -> None:
    async def work() -> tuple[list[tuple[bytes, int]], bool]:
        administrator, tokens = connect(redis_url), Tokens()
        for name, secret in (("first", "one"), ("second", "two")):
            await administrator.execute_command("ACL", "SETUSER", name, "on", f">{secret}", "~*", "+@all")
        client = connect(redis_url, credentials=tokens, connections=1)
        seen = []
        try:
            for _ in range(2):
                seen.append((await client.execute_command("ACL", "WHOAMI"), await client.client_id()))
                await tokens.renew()
        finally:
            await client.aclose()
            await administrator.execute_command("ACL", "DELUSER", "first", "second")
            await administrator.aclose()
        return seen, any(connection.is_connected for connection in client.connection_pool._available_connections)

    ((first, one), (second, two)), still_connected = asyncio.run(work())

    assert (first, second) == (b"first", b"second")
    assert one == two  # the same connection
    assert not still_connected


@pytest.fixture(scope="module")
def front(stack: Stack) -> Iterator[Stack]:
    """What Azure adds to a Redis: TLS, and tokens that end."""
    with Stack(services=["redisFront"], beside=stack) as servers:
        yield servers


def set_lifetime(stack: Stack, seconds: int) -> None:
    call(stack.site, "POST", f"{stack.url('identity')}/_lifetime", body={"resource": REDIS, "seconds": seconds})


def token(stack: Stack, **claims: Any) -> tuple[str, str]:
    """The user name and password of an identity."""
    given = call(stack.site, "POST", f"{stack.url('identity')}/mint", body={"aud": REDIS, **claims})
    password = json.loads(given)["access_token"]
    return str(claims_of(password)["oid"]), password


def claims_of(password: str) -> dict[str, Any]:
    return dict(jwt.decode(password, options={"verify_signature": False}))


def test_the_app_signs_in_over_tls_and_its_connection_outlives_its_token(
    stack: Stack, front: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utils, "DEFAULT_TOKEN_REFRESH_RETRY_DELAY", 0)  # it asks twice a minute at most
    set_lifetime(stack, LIFETIME)

    async def work() -> set[int]:
        client = connect(front.env["CHARGEBACK_REDIS_URL"], credentials=entra_credentials(None), connections=1)
        ids = set()
        for _ in range(4 * LIFETIME):  # longer than a token lives
            ids.add(await client.client_id())
            await asyncio.sleep(0.3)
        await client.aclose()
        return ids

    try:
        connections = asyncio.run(work())
    finally:
        set_lifetime(stack, 24 * 3600)

    assert len(connections) == 1


def test_who_has_no_role_or_another_s_token_or_none_does_not_get_in(stack: Stack, front: Stack) -> None:
    functions, password = token(stack, appid="functions")
    wrong = [
        token(stack, appid="gateway"),
        ("somebody", password),
        token(stack, appid="functions", aud="https://cosmos.azure.com"),
        token(stack, appid="functions", exp=1_000_000_000),
        (functions, "no-token"),
    ]

    async def is_let_in(user: str, secret: str) -> bool:
        credentials = UsernamePasswordCredentialProvider(user, secret)
        counter = RedisCounter(connect(front.env["CHARGEBACK_REDIS_URL"], credentials=credentials))
        try:
            await counter.ping()
        except StoreUnavailable:
            return False
        finally:
            await counter.close()
        return True

    async def work() -> list[bool]:
        return await asyncio.gather(*(is_let_in(*each) for each in [(functions, password), *wrong]))

    assert asyncio.run(work()) == [True, False, False, False, False, False]


def test_an_identity_that_hangs_stops_nothing_else(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library asks for a token in the event loop, on which every event and timer waits."""
    monkeypatch.setattr(redis_sign_in, "REQUEST_SECONDS", 0.5)

    async def work() -> int:
        signing_in = asyncio.ensure_future(entra_credentials(None).get_credentials_async())
        steps = 0
        while not signing_in.done():
            await asyncio.sleep(0.01)
            steps += 1
        stack.resume("identity")  # so that the thread that asked ends
        with pytest.raises(RequestTokenErr):
            await signing_in
        return steps

    stack.pause("identity")
    try:
        assert asyncio.run(work()) > 10
    finally:
        stack.resume("identity")
