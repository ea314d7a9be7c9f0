"""Which files hold the view of a month, and from which version of the books they were made."""

from datetime import datetime

import msgspec

from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.settled import VIEWS_VERSION
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control

KIND = "cost-view"


class ViewFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a view.

    Attributes:
        path: where it is.
        token: that of the file when it was written; another one is there once somebody replaced it.
        sha256: the digest of its bytes, hexadecimal.
        bytes: how long it is.
    """

    path: str
    token: str
    sha256: str
    bytes: int


class ViewPointer(msgspec.Struct, frozen=True, kw_only=True):
    """The view of a month; without one that says so, no file is trusted.

    Attributes:
        month: YYYY-MM.
        schema: the version of the columns.
        version: that of the books which the figures are of; the same version gives the same figures.
        state: that of the month in these books.
        as_of: when the books were looked at last and were of this version, UTC; a closed month has
            the moment when it was closed.
        currency: that of the books in the month.
        slot: which of the two folders has the files.
        files: the name of each file → where it is; none where a view is still to be made.
    """

    month: Month
    schema: int = VIEWS_VERSION
    version: str = ""
    state: PeriodState = PeriodState.OPEN
    as_of: datetime | None = None
    currency: str = ""
    slot: str = "b"
    files: dict[str, ViewFile] = {}

    @property
    def is_made(self) -> bool:
        """Whether it can be read."""
        return self.schema == VIEWS_VERSION and bool(self.files)


class ViewPointers:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def get(self, month: Month) -> tuple[ViewPointer, str | None]:
        """The pointer of a month with the token of its document; one without files where there is no usable one."""
        known = await self._control.get_versioned(KIND, month)
        if known is None:
            return ViewPointer(month=month), None
        try:
            return msgspec.convert(known[0], ViewPointer), known[1]
        except msgspec.ValidationError:  # of another version of the product
            return ViewPointer(month=month), known[1]

    async def all(self) -> list[ViewPointer]:
        """The pointers of all months that have one, ascending."""
        found = []
        for document in await self._control.all(KIND):
            try:
                found.append(msgspec.convert(document, ViewPointer))
            except msgspec.ValidationError:
                found.append(ViewPointer(month=Month(str(document.get("month", "")))))
        return sorted(found, key=lambda each: each.month)

    async def swap(self, pointer: ViewPointer, after: str | None) -> str:
        """Set the pointer of its month. Raises `Superseded` if another run set it since `after`."""
        return await self._control.swap(KIND, pointer.month, msgspec.to_builtins(pointer), after)
