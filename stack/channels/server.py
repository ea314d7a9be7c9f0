"""Serves the stand-ins for channels: `python -m stack.channels.server --port N --mail-port M --cert … --signing-key …`.

`GET /shown` lists what people would have seen, and `PUT /trouble/<service>` makes one of them fail as it does for real.
"""

import argparse
import asyncio
import ssl
from pathlib import Path

from aiohttp import web

from stack.channels.stand_ins import ChannelAccess, StandIns
from stack.identity.tokens import load_signer

ADDRESS = "127.0.0.1"


async def start_stand_ins(stand_ins: StandIns, tls: ssl.SSLContext) -> tuple[web.AppRunner, asyncio.Server]:
    """Listen on the two ports; who calls it cleans the runner up and closes the server."""
    runner = web.AppRunner(stand_ins.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, stand_ins.access.port, ssl_context=tls).start()
    loop = asyncio.get_running_loop()
    mail = await loop.create_server(lambda: stand_ins.mail.protocol(tls), ADDRESS, stand_ins.access.mail_port)
    return runner, mail


async def _serve(stand_ins: StandIns, tls: ssl.SSLContext) -> None:
    runner, mail = await start_stand_ins(stand_ins, tls)
    try:
        await mail.serve_forever()
    finally:
        await runner.cleanup()


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--port", "--mail-port"):
        parser.add_argument(name, type=int, required=True)
    for name in ("--cert", "--key", "--signing-key"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--secret", required=True, help="what every secret of the stand-ins follows from")
    arguments = parser.parse_args()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(arguments.cert, arguments.key)
    access = ChannelAccess(arguments.secret, arguments.port, arguments.mail_port)
    asyncio.run(_serve(StandIns(access, load_signer(arguments.signing_key)), tls))


if __name__ == "__main__":
    main()
