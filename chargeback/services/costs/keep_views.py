"""Brings the views of the months up to the books: missing, outdated and damaged ones are made again.

Why it is safe with any number of runs at once and with a kill between any two steps: a view has two slots, and a run
writes into the one that the pointer does not name, on condition that nobody else wrote there since it looked. The
pointer is swapped last, on condition of its own token. A kill before that leaves the older view as it was; what lies in
the other slot is never read, and the next run replaces it. Whoever still reads the older view has it until the run
after the next one writes.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from chargeback.domain.errors import Superseded
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.reports.layout import charges_path
from chargeback.domain.reports.settled import VIEWS_VERSION, view_folder, view_path
from chargeback.domain.time.months import Month
from chargeback.log_line import log_line
from chargeback.services.costs.books_version import BooksVersions, OpenBooks, closed_version
from chargeback.services.costs.grains import VIEW_FILE_NAMES
from chargeback.services.costs.view_pointers import ViewFile, ViewPointer, ViewPointers
from chargeback.services.costs.write_view import ViewParts, view_of_books, view_of_published
from chargeback.services.ports.settled import SettledFiles
from chargeback.services.publishing.period_inputs import Stored
from chargeback.services.running.bulkheads import do_each
from chargeback.services.running.work_folder import work_folder
from chargeback.services.settled.settle_day import digest_of_file

log = logging.getLogger(__name__)

_ATTEMPTS = 3
_SLOTS = {"a": "b", "b": "a"}


@dataclass(frozen=True, slots=True)
class _Known:
    """What a run found of a month: its pointer with the token of that, and path → token of each file of both slots."""

    pointer: ViewPointer
    after: str | None
    tokens: Mapping[str, str]

    def is_of(self, version: str) -> bool:
        """Whether the view is there, as it was written, and of this version of the books."""
        files = self.pointer.files.values()
        is_whole = self.pointer.is_made and all(self.tokens.get(each.path) == each.token for each in files)
        return is_whole and self.pointer.version == version


@dataclass(frozen=True, slots=True)
class ViewKeeper:
    """Makes the views of the months."""

    versions: BooksVersions
    files: SettledFiles

    @property
    def _pointers(self) -> ViewPointers:
        return ViewPointers(self.versions.periods.control)

    async def refresh(self, now: datetime) -> Sequence[Month]:
        """Make the view of each month that has none of the books as they are; tells of which months.

        The open months come first. Raises `SomeFailed` after everything was tried.
        """
        periods = self.versions.periods
        calendar = (await self.versions.catalogues.current()).calendar
        months = [
            *reversed(await periods.open_periods(now, calendar)),
            *(each.month for each in reversed(await periods.closed())),
        ]
        await self._announce(months)

        async def work(month: Month) -> Month | None:
            return month if await self._keep(month, now) else None

        made = await do_each("viewing", months, work)
        return [month for month in made if month]

    async def _announce(self, months: Sequence[Month]) -> None:
        """Let every month have a pointer, so that a reader knows which figures are still to be made."""
        known = {each.month for each in await self._pointers.all()}
        for month in months:
            if month not in known:
                try:
                    await self._pointers.swap(ViewPointer(month=month), None)
                except Superseded:  # another run announced it
                    continue

    async def _keep(self, month: Month, now: datetime) -> bool:
        for _ in range(_ATTEMPTS):
            # Before the pointer: whoever writes into the other slot from now on keeps this run from writing there.
            tokens = await self.files.tokens(view_folder(month))
            pointer, after = await self._pointers.get(month)
            period, _token = await self.versions.periods.get(month)
            try:
                if period.state is PeriodState.CLOSED:
                    return await self._keep_closed(period, _Known(pointer, after, tokens))
                return await self._keep_open(period, _Known(pointer, after, tokens), now)
            except Superseded:  # by a posting, or by another run like this one
                continue
        raise Superseded(f"the books of {month} changed every time while they were read")

    async def _keep_closed(self, period: BillingPeriod, known: _Known) -> bool:
        version, pointer = closed_version(period), known.pointer
        if known.is_of(version) or not period.is_filed:
            return False  # its files are on their way to where closed files are
        stored = Stored(self.versions.publisher.closed, charges_path(period.month))
        closed_at = next((each.at for each in reversed(period.history) if each.what == "closed"), None)
        config = await self.versions.catalogues.stored_version(period.closed_with)
        currency = config.catalogue.calendar.currency(period.month)
        made = msgspec.structs.replace(
            pointer, version=version, state=period.state, as_of=closed_at, currency=currency, schema=VIEWS_VERSION
        )
        with work_folder("costs") as folder:
            parts = await view_of_published(stored, period.month, Path(folder))
            await self._put(made, known, parts)
        return True

    async def _keep_open(self, period: BillingPeriod, known: _Known, now: datetime) -> bool:
        books, pointer = await self.versions.of_open(period, now), known.pointer
        if known.is_of(books.version):
            await self._pointers.swap(msgspec.structs.replace(pointer, as_of=now), known.after)
            return False
        made = msgspec.structs.replace(
            pointer,
            version=books.version,
            state=period.state,
            as_of=now,
            currency=books.config.catalogue.calendar.currency(period.month),
            schema=VIEWS_VERSION,
        )
        with work_folder("costs") as folder:
            parts = await self._view_of(books, Path(folder))
            now_known, _ = await self.versions.periods.get(period.month)
            if (await self.versions.of_open(now_known, now)).version != books.version:
                raise Superseded(f"the books of {period.month} changed while they were read")
            await self._put(made, known, parts)
        return True

    async def _view_of(self, books: OpenBooks, folder: Path) -> ViewParts:
        publisher = self.versions.publisher
        inputs = await publisher.inputs(books.month, books.config, books.late, is_closed=False)
        return await view_of_books(inputs, publisher.days, publisher.drafts, folder)

    async def _put(self, pointer: ViewPointer, known: _Known, parts: ViewParts) -> None:
        slot = _SLOTS[pointer.slot]
        written: dict[str, ViewFile] = {}
        for name in VIEW_FILE_NAMES:
            path, file = view_path(pointer.month, slot, name), parts[name]
            digest = await asyncio.to_thread(digest_of_file, file)
            token = await self.files.put(path, file, known.tokens.get(path))
            written[name] = ViewFile(path=path, token=token, sha256=digest, bytes=file.stat().st_size)
        await self._pointers.swap(msgspec.structs.replace(pointer, slot=slot, files=written), known.after)
        size = sum(file.bytes for file in written.values())
        log_line(log, "view_made", about=pointer.month, month=pointer.month, state=pointer.state.value, bytes=size)
