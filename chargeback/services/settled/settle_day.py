"""Writes the file of a settled day, under the fence of its books, and then the pointer to it.

Why it is safe with any number of runs at once and with a kill between any two steps: the tokens of pointer and file are
read before the fence is, and the fence is the same after the records were read as before. The file is replaced on
condition of its token and the pointer on condition of its own, so no run replaces what one that read newer books
wrote. A kill before the file is replaced leaves file and pointer as they were. A kill after it leaves a whole file that
the pointer does not name; no reader trusts it, and the next run writes both.
"""

import asyncio
from hashlib import file_digest
from pathlib import Path

from chargeback.domain.errors import Superseded
from chargeback.domain.reports.settled import SETTLED_VERSION, records_path
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.books import Books
from chargeback.services.ports.settled import SettledFiles
from chargeback.services.running.day_fence import fence_of_day
from chargeback.services.running.work_folder import work_folder
from chargeback.services.settled.pack import pack_records
from chargeback.services.settled.pointer import Pointer, put_pointer, read_pointer


async def settle_day(books: Books, files: SettledFiles, day: UtcDay) -> Pointer | None:
    """Write the file of a day unless it is there already; None where the books have nothing of the day.

    Raises `Superseded` where another run wrote the books, the file or the pointer meanwhile, and `ValueError` where an
    amount does not fit its column: the day stays with the books alone.
    """
    known, after = await read_pointer(books, day)
    path = records_path(day)
    token = await files.token(path)
    fence = await fence_of_day(books, day)
    if not fence:
        return None
    if known is not None and (known.schema, known.fence, known.token) == (SETTLED_VERSION, fence, token):
        return known
    with work_folder("settled") as folder:
        file = Path(folder, "records.parquet")
        rows = await pack_records(day, books.documents(day), Path(folder), file)
        if await fence_of_day(books, day) != fence:
            raise Superseded(f"the books of {day} changed while they were read")
        digest, size = await asyncio.to_thread(_measured, file)
        if known is None or token is None or (known.sha256, known.token) != (digest, token):
            token = await files.put(path, file, token)
    pointer = Pointer(schema=SETTLED_VERSION, path=path, token=token, sha256=digest, bytes=size, rows=rows, fence=fence)
    await put_pointer(books, day, pointer, after)
    return pointer


def _measured(file: Path) -> tuple[str, int]:
    return digest_of_file(file), file.stat().st_size


def digest_of_file(file: Path) -> str:
    """The digest of a local file, hexadecimal."""
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()
