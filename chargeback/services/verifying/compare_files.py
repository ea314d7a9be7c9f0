"""Compares the files of a closed period with the digests that manifest and index have of them."""

from collections import deque
from collections.abc import AsyncIterator, Iterable
from hashlib import sha256

from chargeback.domain.reports.evidence import Blocks, EvidenceFile, first_difference
from chargeback.domain.reports.manifest import PublishedFile
from chargeback.services.ports.reports import Reports

LINES_NAMED = 20
"""Most rows of a file that are named; the rest are counted."""


async def differing_files(
    reports: Reports, present: Iterable[str], files: Iterable[PublishedFile | EvidenceFile]
) -> AsyncIterator[tuple[str, str]]:
    """Path and what is wrong of each file that is missing, or holds other bytes; one of the evidence says where."""
    there = set(present)
    for file in files:
        if file.path not in there:
            yield file.path, "is missing"
            continue
        digest, blocks, size = sha256(), Blocks(), 0
        async for piece in reports.read(file.path):
            digest.update(piece)
            blocks.add(piece)
            size += len(piece)
        if digest.hexdigest() == file.sha256 and size == file.bytes:
            continue
        if isinstance(file, EvidenceFile):
            yield file.path, first_difference(file, size, blocks.digits())
        else:
            yield file.path, f"has {size} bytes with SHA-256 {digest.hexdigest()}; it was closed with {file.bytes}"


async def differing_rows(found: AsyncIterator[bytes], due: AsyncIterator[bytes]) -> list[str]:
    """The lines of a CSV that were changed, removed or inserted, against what it should be; both in the same order."""
    mine, right = _Lines(found), _Lines(due)
    named: list[str] = []
    count = 0
    while (left := await mine.peek()) is not None or await right.peek() is not None:
        due_line, place = await right.peek(), mine.number + 1
        if left == due_line:
            await mine.take()
            await right.take()
            continue
        if left is None or (due_line is not None and left == await right.peek(1)):
            said = f"before line {place} a row was removed: {_short(await right.take())}"
        elif due_line is None or due_line == await mine.peek(1):
            said = f"line {place} was inserted: {_short(await mine.take())}"
        else:
            said = f"line {place} is {_short(await mine.take())} and has to be {_short(await right.take())}"
        count += 1
        if count <= LINES_NAMED:
            named.append(said)
    return [*named, f"and {count - LINES_NAMED} rows more"] if count > LINES_NAMED else named


class _Lines:
    """The lines of a file, of which the next ones may be looked at."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._lines = _lines(pieces)
        self._waiting: deque[bytes] = deque()
        self.number = 0

    async def peek(self, ahead: int = 0) -> bytes | None:
        """The line that comes after some others; None behind the end."""
        while len(self._waiting) <= ahead:
            line = await anext(self._lines, None)
            if line is None:
                return None
            self._waiting.append(line)
        return self._waiting[ahead]

    async def take(self) -> bytes:
        """The next line, which has to be there."""
        assert await self.peek() is not None
        self.number += 1
        return self._waiting.popleft()


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest


def _short(line: bytes) -> str:
    text = line.decode(errors="replace").rstrip("\r")
    return text if len(text) <= 300 else f"{text[:300]}…"
