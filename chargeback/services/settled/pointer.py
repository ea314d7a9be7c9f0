"""Which file holds a settled day, and from which books it was made; it stands beside the day's summary."""

import msgspec

from chargeback.domain.reports.settled import SETTLED_VERSION
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.books import SETTLED, Books
from chargeback.services.running.day_fence import fence_of_day


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """The file of a settled day; without one that says so, no file is trusted.

    Attributes:
        schema: the version of its columns.
        path: where it is.
        token: that of the file when it was written; another one is there once somebody replaced it.
        sha256: the digest of its bytes, hexadecimal.
        bytes: how long it is.
        rows: how many charges it has.
        fence: that of the books that it was made from.
    """

    schema: int
    path: str
    token: str
    sha256: str
    bytes: int
    rows: int
    fence: str


async def read_pointer(books: Books, day: UtcDay) -> tuple[Pointer | None, str | None]:
    """The pointer of a day with its token; none where the day was never settled."""
    known = await books.summary(day, SETTLED)
    if known is None:
        return None, None
    try:
        return msgspec.convert(known[0], Pointer), known[1]
    except msgspec.ValidationError:  # of another version of the product
        return None, known[1]


async def put_pointer(books: Books, day: UtcDay, pointer: Pointer, after: str | None) -> None:
    """Set the pointer of a day. Raises `Superseded` if another run set it since `after`."""
    await books.put_summary(day, msgspec.to_builtins(pointer), after, SETTLED)


async def current_pointer(books: Books, day: UtcDay) -> Pointer | None:
    """The pointer of a day if its file was made from the books as they are now, in this version's columns."""
    pointer, _ = await read_pointer(books, day)
    if pointer is None or pointer.schema != SETTLED_VERSION or pointer.fence != await fence_of_day(books, day):
        return None
    return pointer
