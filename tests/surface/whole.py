"""All sections of the list together."""

import os
from pathlib import Path

from stack.stack import Stack
from tests.surface.declared import declared
from tests.surface.listing import LIST, write
from tests.surface.observed import over_memory, over_servers


async def write_list(folder: Path) -> None:
    """Find everything, and write it down; the certificates are in `folder`."""
    sections = declared() | await over_memory(folder / "memory")
    with Stack(certs=folder / "certificates") as stack:
        os.environ.update(stack.env)
        sections |= await over_servers(folder / "servers")
    write(sections)
    print(f"{LIST}: written")
