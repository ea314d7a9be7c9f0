"""A server in front of redis-server that adds TLS and sign-in with Entra tokens, as Azure Managed Redis does.

Run as `python -m stack.stores.redis_front --port N --cert FILE --key FILE --signing-key FILE` with REDIS_SERVER_URL in
the environment. The user name is the object id of the identity, the password its token for https://redis.azure.com; the
identity needs a role on the database; and a connection is closed when its last token ends
(learn.microsoft.com/azure/redis/entra-for-authentication).
"""

import argparse
import asyncio
import os
import ssl
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import uvloop

from stack.identity.permissions import may
from stack.identity.tokens import Signer, load_signer

AUDIENCES = ["https://redis.azure.com", "https://redis.azure.com/"]
COMMANDS = "Microsoft.Cache/redisEnterprise/databases/commands"
NOT_SIGNED_IN = b"-NOAUTH Authentication required.\r\n"
WRONG = b"-WRONGPASS invalid username-password pair\r\n"
DONE = [b"CLIENT", b"SETNAME", b"signed-in"]
"""What redis-server answers with OK: a sign-in is answered in its turn, behind the answers to earlier commands."""


class Front:
    """Lets signed-in connections through to the server behind."""

    def __init__(self, signer: Signer, server: str) -> None:
        self._signer = signer
        address = urlsplit(server)
        self._host, self._port = str(address.hostname), int(address.port or 6379)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it or its token is over."""
        try:
            answers, commands = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.close()
            return
        back = asyncio.create_task(_pass_on(answers, writer))
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, ValueError, TimeoutError):
                await self._pass_commands(reader, writer, commands)
        finally:
            back.cancel()
            for each in (commands, writer):
                each.close()

    async def _pass_commands(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, commands: asyncio.StreamWriter
    ) -> None:
        ends = 0.0
        while True:
            async with asyncio.timeout(ends - time.time() if ends else None):
                command = await _command(reader)
            if command[0].upper() == b"AUTH":
                ends = self._sign_in(command)
                if not ends:
                    writer.write(WRONG)
                    return
                command = DONE
            elif not ends:
                writer.write(NOT_SIGNED_IN)
                continue
            commands.write(_encoded(command))
            await commands.drain()

    def _sign_in(self, command: list[bytes]) -> float:
        """Return when the token ends, 0 where it is not one that lets its identity in."""
        if len(command) != 3:
            return 0.0
        user, token = (part.decode() for part in command[1:])
        try:
            claims = self._signer.verify(token, AUDIENCES)
        except jwt.InvalidTokenError:
            return 0.0
        allowed = claims["oid"] == user and may(str(claims["appid"]), "redis", COMMANDS)
        return float(claims["exp"]) if allowed else 0.0


async def _command(reader: asyncio.StreamReader) -> list[bytes]:
    """Read one command in the form in which every client sends it: an array of strings."""
    parts = []
    for _ in range(await _number(reader, b"*")):
        length = await _number(reader, b"$")
        parts.append((await reader.readexactly(length + 2))[:-2])
    return parts


async def _number(reader: asyncio.StreamReader, kind: bytes) -> int:
    line = await reader.readuntil(b"\r\n")
    if line[:1] != kind:
        raise ValueError(f"expected {kind!r}, got {line[:20]!r}")
    return int(line[1:-2])


def _encoded(parts: list[bytes]) -> bytes:
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()


async def run(front: Front, port: int, tls: ssl.SSLContext) -> None:
    """Serve until told to stop."""
    server = await asyncio.start_server(front.serve, "127.0.0.1", port, ssl=tls, limit=1 << 20)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    for name in ("--cert", "--key", "--signing-key"):
        parser.add_argument(name, type=Path, required=True)
    arguments = parser.parse_args()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(arguments.cert, arguments.key)
    front = Front(load_signer(arguments.signing_key), os.environ["REDIS_SERVER_URL"])
    uvloop.run(run(front, arguments.port, tls))


if __name__ == "__main__":
    main()
