"""Brings the files of settled days and months up to the books: missing, outdated and damaged ones are written again."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chargeback.domain.errors import NoRoom, StoreUnavailable
from chargeback.domain.reports.settled import RECORDS_FOLDER
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.log_line import log_line
from chargeback.services.ports.books import Books
from chargeback.services.ports.control import Control
from chargeback.services.ports.settled import SettledFiles
from chargeback.services.running.bulkheads import do_each, reason_of
from chargeback.services.running.set_aside import SetAside, Stage
from chargeback.services.running.together import together
from chargeback.services.settled.pointer import Pointer, current_pointer
from chargeback.services.settled.settle_day import settle_day
from chargeback.services.settled.settle_month import settle_month

log = logging.getLogger(__name__)

_ASKED_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class SettledUpkeep:
    """Writes the files of settled days and months."""

    books: Books
    files: SettledFiles
    control: Control

    async def settle(self, day: UtcDay) -> Pointer | None:
        """Write the file of a day; one that cannot be written is set aside, and the books alone have the day.

        So neither an amount without room nor a container that is away keeps an audit from its end. Raises `Superseded`
        where another run wrote the day meanwhile, and `StoreUnavailable` where the books are away.
        """
        fault: dict[str, str] = {}
        pointer = None
        try:
            pointer = await settle_day(self.books, self.files, day)
        except (ValueError, NoRoom, StoreUnavailable) as error:
            fault = {"file": reason_of(error)}
        await SetAside(self.control).note(Stage.PACK, day, fault)
        return pointer

    async def keep(self, days: Collection[UtcDay]) -> None:
        """Write the file of each of these days that has none of the books as they are, then the sums of their months.

        The latest come first, because they are read most. Raises `SomeFailed` after everything was tried.
        """
        pointers = await self._usable(sorted(days, reverse=True))
        lacking = [day for day, pointer in pointers.items() if pointer is None]
        months = sorted({Month(day[:7]) for day in days}, reverse=True)

        async def settle(day: UtcDay) -> None:
            pointers[day] = await self.settle(day)

        async def add_up(month: Month) -> bool:
            of_month = {day: pointer for day, pointer in pointers.items() if pointer and day[:7] == month}
            return bool(of_month) and await settle_month(self.control, self.files, month, of_month)

        try:
            await do_each("settling", lacking, settle)
        finally:
            written = await do_each("adding up", months, add_up)
            settled = sum(pointers[day] is not None for day in lacking)
            if settled or any(written):
                log_line(log, "days_settled", days=settled, months=sum(written))

    async def _usable(self, days: Sequence[UtcDay]) -> dict[UtcDay, Pointer | None]:
        """The pointer of each day whose file is that of the books as they are."""
        tokens = await self.files.tokens(RECORDS_FOLDER)
        found: list[Pointer | None] = []
        for first in range(0, len(days), _ASKED_AT_ONCE):
            some = days[first : first + _ASKED_AT_ONCE]
            found += await together(*(current_pointer(self.books, day) for day in some))
        return {
            day: pointer if pointer and tokens.get(pointer.path) == pointer.token else None
            for day, pointer in zip(days, found, strict=True)
        }
