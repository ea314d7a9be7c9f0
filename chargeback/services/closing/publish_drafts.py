"""Publishes the periods that are still open: their files are drafts, written again every day until the period closes.

A draft and a closing may overlap, and two drafts. Before any file of a draft appears, its run looks whether the period
is still open and whether no other run has begun since. If the period closed meanwhile, the run takes away what it wrote
and gives the final figures to the FinOps hub; if it dies before that, the timer that closes periods does.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.errors import PeriodClosed, Superseded
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.layout import period_folder
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.time.months import Month
from chargeback.services.closing.close_period import Closer
from chargeback.services.closing.file_period import drop_unnamed, sha256_of
from chargeback.services.closing.finish_days import ClosingBooks
from chargeback.services.closing.late_changes import late_changes
from chargeback.services.focus.write_hub import deliver_to_hub
from chargeback.services.ports.control import Version
from chargeback.services.ports.reports import Reports, ReportWriter
from chargeback.services.running.bulkheads import do_each, say_nothing
from chargeback.services.running.progress import Progress, ignore_progress

_ATTEMPTS = 3


class _Guarded:
    """Reports in which no file appears before one last check."""

    def __init__(self, reports: Reports, look: Callable[[], Awaitable[None]]) -> None:
        self._reports = reports
        self._look = look
        self.paths, self.read, self.open, self.remove = reports.paths, reports.read, reports.open, reports.remove

    @asynccontextmanager
    async def create(
        self, path: str, content_type: str, *, only_if_absent: bool = False
    ) -> AsyncIterator[ReportWriter]:
        async with self._reports.create(path, content_type, only_if_absent=only_if_absent) as file:
            yield file
            await self._look()


@dataclass(frozen=True, slots=True)
class Drafts:
    """Publishes into the reports, with the corrections of closed periods in the oldest open one."""

    closing_books: ClosingBooks
    closer: Closer

    async def open_periods(self, now: datetime) -> list[Month]:
        """The periods to publish, ascending."""
        books = self.closing_books
        return await books.periods.open_periods(now, (await books.catalogues.current()).calendar)

    async def publish_open(
        self, now: datetime, report: Callable[[tuple[Month, Manifest]], None] = say_nothing
    ) -> list[tuple[Month, Manifest]]:
        """Publish every open period; each is also reported as it is done.

        Raises `SomeFailed` after all were tried.
        """

        async def work(period: Month) -> tuple[Month, Manifest]:
            return period, await self.publish(period, now)

        return await do_each("publishing", await self.open_periods(now), work, report)

    async def publish(self, period: Month, now: datetime, progress: Progress = ignore_progress) -> Manifest:
        """Write the files of a period. For a closed one nothing is written: its files are compared with their hashes.

        Raises `PeriodClosed` where a closed file is not as it was closed, or the period lies before the books;
        `Superseded` where another run began to publish the same period.
        """
        closer, books = self.closer, self.closing_books
        known, _ = await books.periods.get(period)
        if known.state is PeriodState.CLOSED:
            return await closer.verified(period)
        version = await books.catalogues.version()
        version.catalogue.calendar.bounds(period)
        oldest = next(iter(await self.open_periods(now)), period)
        closed = await books.periods.closed()
        if closed and period < closed[0].month:
            raise PeriodClosed(
                f"{period} lies before {closed[0].month}, the first closed period:"
                f" usage of it that came since is a correction in {oldest}"
            )
        for _ in range(_ATTEMPTS):
            manifest = await self._attempt(period, now, version, progress, is_oldest=period == oldest)
            if manifest is not None:
                return manifest
        raise Superseded(f"other runs published {period} at the same time, every time: publish it again")

    async def _attempt(
        self, period: Month, now: datetime, version: Version, progress: Progress, *, is_oldest: bool
    ) -> Manifest | None:
        """One run; None where another one has mixed its files with ours and has ended."""
        closer, attempts = self.closer, self.closer.draft_attempts
        attempt = await attempts.begin(period, now)
        try:
            manifest = await self._write(period, attempt, version, progress, is_oldest=is_oldest)
        except _ClosedMeanwhileError:
            manifest = await closer.verified(period)  # which takes the drafts away and puts the hub right
        except Superseded:
            await attempts.end(period, attempt)
            if (await attempts.of(period)).attempts:
                raise  # the other run sees to it that its files are whole
            return None
        else:
            if (await attempts.of(period)).attempts != (attempt,) and not await self._is_whole(manifest):
                await attempts.end(period, attempt)
                return None
        # A run that failed stays on the list: what it wrote may still lie there when the period closes.
        await attempts.end(period, attempt)
        return manifest

    async def _is_whole(self, manifest: Manifest) -> bool:
        """Whether no other run has written any of the files since."""
        reports = self.closer.reports
        present = set(await reports.paths(period_folder(manifest.billing_period)))
        return present >= {file.path for file in manifest.files} and all(
            [await sha256_of(reports.read(file.path)) == file.sha256 for file in manifest.files]
        )

    async def _write(
        self, period: Month, attempt: str, version: Version, progress: Progress, *, is_oldest: bool
    ) -> Manifest:
        closer, books = self.closer, self.closing_books

        async def look() -> None:
            if (await books.periods.get(period))[0].state is PeriodState.CLOSED:
                raise _ClosedMeanwhileError
            await closer.draft_attempts.require_latest(period, attempt)

        late = await late_changes(books.periods, books.books, version.catalogue.calendar) if is_oldest else []
        into = _Guarded(closer.reports, look)
        manifest = await closer.publish(period, into, version, late, progress, is_closed=False)
        await look()
        await drop_unnamed(manifest, closer.reports)
        if closer.hub is not None:
            await closer.draft_attempts.deliver(period, attempt)
            await deliver_to_hub(closer.reports, _Guarded(closer.hub, look), period)
            await look()
        return manifest


class _ClosedMeanwhileError(PeriodClosed):
    """The period was closed while its draft was published."""
