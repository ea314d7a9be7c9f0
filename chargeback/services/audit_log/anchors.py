"""Keeps the head of the audit log where nobody can replace it: in the container of closed periods, which is immutable.

Each file is written once. Its name has the time and the number, so that no two are the same file.
"""

import msgspec

from chargeback.domain.audit_log.chain import Anchor
from chargeback.services.ports.reports import Reports
from chargeback.services.running.together import together

FOLDER = "audit-log/"

_AT_ONCE = 16


class Anchors:
    """The anchors of the log."""

    def __init__(self, closed: Reports) -> None:
        self._closed = closed

    async def write(self, anchor: Anchor) -> str:
        """Keep an anchor; returns its path."""
        path = f"{FOLDER}{anchor.at:%Y/%m/%Y-%m-%dT%H%M%SZ}-{anchor.number}.json"
        async with self._closed.create(path, "application/json", only_if_absent=True) as file:
            await file.write(msgspec.json.encode(anchor))
        return path

    async def all(self) -> tuple[dict[str, Anchor], list[str]]:
        """Every anchor by its path, and the paths of those that cannot be read."""
        found: dict[str, Anchor] = {}
        unreadable: list[str] = []
        paths = await self._closed.paths(FOLDER)
        for start in range(0, len(paths), _AT_ONCE):
            some = paths[start : start + _AT_ONCE]
            for path, content in zip(some, await together(*map(self._content, some)), strict=True):
                try:
                    found[path] = msgspec.json.decode(content, type=Anchor)
                except msgspec.MsgspecError:
                    unreadable.append(path)
        return found, unreadable

    async def _content(self, path: str) -> bytes:
        return b"".join([piece async for piece in self._closed.read(path)])
