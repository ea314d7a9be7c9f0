"""The files of settled days and months in memory, which behave like the real ones."""

import asyncio
import secrets
from pathlib import Path

from chargeback.domain.errors import Superseded


class MemorySettledFiles:
    """The files as a dictionary; see `services.ports.settled.SettledFiles`."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, str]] = {}

    async def tokens(self, prefix: str) -> dict[str, str]:
        """The tokens of the files below a prefix."""
        return {path: token for path, (_, token) in sorted(self.files.items()) if path.startswith(prefix)}

    async def token(self, path: str) -> str | None:
        """The token of a file."""
        return self.files[path][1] if path in self.files else None

    async def fetch(self, path: str, to: Path) -> bool:
        """Copy a file into a local one."""
        if path not in self.files:
            return False
        await asyncio.to_thread(to.write_bytes, self.files[path][0])
        return True

    async def put(self, path: str, file: Path, after: str | None) -> str:
        """Set a file unless another run set it first."""
        content = await asyncio.to_thread(file.read_bytes)
        known = self.files.get(path)
        if (known[1] if known else None) != after:
            if known is None or known[0] != content:
                raise Superseded(f"{path} was written by another run")
            return known[1]
        self.files[path] = (content, secrets.token_hex(4))
        return self.files[path][1]
