"""All sections of the list together."""

import os
from pathlib import Path

from redis.asyncio import Redis

from chargeback.bootstrap import Container
from chargeback.settings import read_settings
from stack.stack import Stack
from tests.surface.declared import declared, settings
from tests.surface.listing import LIST, write
from tests.surface.observed import published_files, stored_keys


async def write_list(folder: Path) -> None:
    """Find everything, and write it down; the certificates are in `folder`."""
    files = await published_files(settings(), folder / "memory")
    with Stack(certs=folder / "certificates") as stack:
        os.environ.update(stack.env)
        container, redis = Container(read_settings()), Redis.from_url(stack.env["REDIS_URL"])
        keys = await stored_keys(container, redis, folder / "stores")
        await container.close()
        await redis.aclose()
    write({**declared(), "Published files": files, "Stored keys": keys})
    print(f"{LIST}: written")
