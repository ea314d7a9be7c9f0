"""How fast a day is recounted from its ledger: `python -m benchmarks.recount [EVENTS] [WORKERS] [LINES]`."""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import cast

import zstandard

from benchmarks.synthetic import DAY, blocks
from chargeback.services.ports.ledger import Ledger, LedgerBlock
from chargeback.services.usage.recount import recount


class FrameLedger:
    """A day of Zstandard frames on disk, read as the blob ledger reads them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def stamped_blocks(self, day: str, within: Mapping[str, int] | None = None) -> AsyncIterator[LedgerBlock]:  # noqa: ARG002
        if day != DAY:
            return
        decompress = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress
        rest = b""
        with self._path.open("rb") as file:
            while chunk := file.read(1 << 20):
                text = rest + decompress(chunk)
                end = text.rfind(b"\n") + 1
                rest = text[end:]
                yield LedgerBlock(text[:end], 0)


async def measure(events: int, workers: int, lines: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.zst")
        compress = zstandard.ZstdCompressor(level=1).compress
        size = 0
        with path.open("wb") as file:
            for block in blocks(events, duplicates=0.1, lines=lines):
                size += len(block)
                file.write(compress(block))
        start, before = time.perf_counter(), time.process_time()
        async with recount(cast("Ledger", FrameLedger(path)), DAY, workers=workers) as counted:
            read = time.perf_counter()
            found = hours = 0
            async for page in counted.pages():
                found += len(page)
                hours += sum(len(line.hours) for line in page)
        seconds, parent = time.perf_counter() - start, time.process_time() - before
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{events} events of {size // events} bytes, {workers} workers, {found} lines, {hours} line hours")
    print(
        f"calls {counted.calls}, duplicates {counted.duplicates}, conflicts {counted.conflicts}, {counted.unreadable}"
    )
    print(f"{seconds:.2f} s ({read - start:.2f} s to deduplicate) = {events / seconds:,.0f} events/s")
    of_workers = children.ru_utime + children.ru_stime
    print(f"CPU an event: this process {parent / events * 1e6:.2f} µs, workers {of_workers / events * 1e6:.2f} µs")
    peak = own.ru_maxrss + workers * children.ru_maxrss
    print(
        f"peak RSS: parent {own.ru_maxrss >> 10} MB + largest worker {children.ru_maxrss >> 10} MB x {workers} = {peak >> 10} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=int, nargs="?", default=1_000_000)
    parser.add_argument("workers", type=int, nargs="?", default=2)
    parser.add_argument("lines", type=int, nargs="?", default=2_000)
    given = parser.parse_args()
    asyncio.run(measure(given.events, given.workers, given.lines))


if __name__ == "__main__":
    main()
