"""Azure Managed Redis drops a connection whose token has ended: the client signs in again before."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis.auth.token import SimpleToken
from redis.credentials import StreamingCredentialProvider

from chargeback.adapters.redis_counter import connect

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
