"""Which file holds the sums of a month, and from which files of days it was made."""

import msgspec

from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control

KIND = "settled-month"


class TotalsPointer(msgspec.Struct, frozen=True, kw_only=True):
    """The file of a month's sums; without one that says so, no file is trusted.

    Attributes:
        schema: the version of its columns.
        token: that of the file when it was written.
        sha256: the digest of its bytes, hexadecimal.
        days: UTC day → the fence of the books that its sums were made from; other days are not in the file.
    """

    schema: int
    token: str
    sha256: str
    days: dict[str, str]


class TotalsPointers:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def get(self, month: Month) -> tuple[TotalsPointer | None, str | None]:
        """The pointer of a month with its token; none where nothing of the month was ever settled."""
        known = await self._control.get_versioned(KIND, month)
        if known is None:
            return None, None
        try:
            return msgspec.convert(known[0], TotalsPointer), known[1]
        except msgspec.ValidationError:  # of another version of the product
            return None, known[1]

    async def swap(self, month: Month, pointer: TotalsPointer, after: str | None) -> None:
        """Set the pointer of a month. Raises `Superseded` if another run set it since `after`."""
        await self._control.swap(KIND, month, msgspec.to_builtins(pointer), after)
