"""Closes a period: makes its days final, publishes its files a last time, and keeps both for good.

Safe with any number of runs at once and with a kill between any two steps. An attempt puts its name into the period's
document before it publishes, and concludes on condition that nobody wrote the document since: only the attempt that
began last can succeed. What it published is then named in the document, so that any later run can finish the filing.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from chargeback.domain.errors import ClosingRefused, PeriodClosed, StoreUnavailable, Superseded
from chargeback.domain.periods.approval import closing_faults
from chargeback.domain.periods.lifecycle import (
    BillingPeriod,
    PeriodChange,
    PeriodState,
    begun,
    concluded,
    delivered,
    filed,
)
from chargeback.domain.reports.layout import manifest_path
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.log_line import log_line
from chargeback.services.closing.approve_period import TIMER, UNSIGNED, Signatures, lapse, signatures_of
from chargeback.services.closing.draft_attempts import DraftAttempts
from chargeback.services.closing.file_period import (
    Staged,
    differing,
    drop_drafts,
    file_period,
    sha256_of,
)
from chargeback.services.closing.finish_days import Accepted, ClosingBooks, ClosingRequest
from chargeback.services.closing.invoice_gate import against_invoice
from chargeback.services.closing.late_changes import LateChange, fences_of, late_changes
from chargeback.services.closing.remedies import APPROVE
from chargeback.services.closing.unverified_gate import accept_unverified, require_verified_draft, said_unverified
from chargeback.services.focus.write_hub import deliver_to_hub
from chargeback.services.ports.control import Version
from chargeback.services.ports.reports import Reports
from chargeback.services.reconciling.true_up import true_up_digest
from chargeback.services.running.bulkheads import do_each, reason_of, say_nothing
from chargeback.services.running.progress import Progress, ignore_progress
from chargeback.services.running.set_aside import SetAside, Stage

log = logging.getLogger(__name__)

_ATTEMPTS = 4


class Publish(Protocol):
    """Writes the files of a period; the same books, version and late changes give the same bytes."""

    async def __call__(
        self,
        period: Month,
        into: Reports,
        version: Version,
        late: Sequence[LateChange],
        progress: Progress,
        *,
        is_closed: bool,
        signatures: Signatures = UNSIGNED,
    ) -> Manifest:
        """The manifest of what was written, itself written last."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """Everything that the files of a period are made from; if it changes meanwhile, the files are made again."""

    version: Version
    own: dict[UtcDay, str]
    late: list[LateChange]
    true_up: str
    signatures: Signatures

    @property
    def true_ups(self) -> dict[Month, str]:
        return {each.period: each.true_up for each in self.late}

    def fences(self, period: Month) -> dict[Month, dict[UtcDay, str]]:
        return {period: self.own} | {each.period: each.days for each in self.late}


@dataclass(frozen=True, slots=True)
class Closer:
    """Closes periods.

    Attributes:
        closing_books: makes their days final.
        reports: where an attempt publishes.
        closed: where the files of closed periods are for good.
        publish: writes the files.
        hub: container `ingestion` of a FinOps hub, which gets the files of `write_hub`; None where there is no hub.
    """

    closing_books: ClosingBooks
    reports: Reports
    closed: Reports
    publish: Publish
    hub: Reports | None = None

    @property
    def draft_attempts(self) -> DraftAttempts:
        """The runs that publish drafts."""
        return DraftAttempts(self.closing_books.control)

    async def close(
        self, period: Month, request: ClosingRequest, progress: Progress = ignore_progress
    ) -> BillingPeriod:
        """Close a period; a closed one stays as it is, and what a killed run left undone is finished.

        Raises `ClosingRefused` with every reason, `Superseded` if another run took over or the books kept changing.
        """
        await self.closing_books.periods.give_up_dead(request.by, request.now)
        known, token = await self.closing_books.periods.get(period)
        if known.state is not PeriodState.CLOSED:
            accepted = await self.closing_books.require_closable(period, request)
            rules = (await self.closing_books.catalogues.terms()).closing
            await require_verified_draft(period, request, rules, self.reports)
            await self._close(known, token, request, accepted, progress)
        return await self.finish_filing(period)

    async def close_due(
        self, now: datetime, report: Callable[[BillingPeriod | ClosingRefused], None] = say_nothing
    ) -> list[BillingPeriod | ClosingRefused]:
        """Close every period whose grace period is over, in order, up to the first that cannot be closed.

        Each outcome is also reported at once. Raises `SomeFailed` where a closed period could not be filed.
        """
        periods, catalogues = self.closing_books.periods, self.closing_books.catalogues
        outcomes: list[BillingPeriod | ClosingRefused] = []

        def tell(outcome: BillingPeriod | ClosingRefused) -> None:
            outcomes.append(outcome)
            report(outcome)

        unfinished = await self._unfinished(await periods.closed())
        try:
            await do_each("filing", unfinished, lambda period: self._finish_filing(period, now), tell)
        finally:  # what cannot be filed of one period keeps no other from closing
            calendar = (await catalogues.current()).calendar
            grace = (await catalogues.terms()).closing.grace
            for period in await periods.open_periods(now, calendar):
                if now < calendar.bounds(period)[1] + grace:
                    break
                try:
                    tell(await self.close(period, ClosingRequest(TIMER, now, by_timer=True)))
                except ClosingRefused as refused:
                    tell(refused)
                    break
        return outcomes

    async def _unfinished(self, closed: Sequence[BillingPeriod]) -> list[Month]:
        """The closed periods that lack a file or a delivery, or whose drafts a run may still be publishing."""
        drafting = await self.draft_attempts.unfinished()
        return [
            period.month
            for period in closed
            if not period.is_filed or (self.hub and not period.is_delivered) or period.month in drafting
        ]

    async def verified(self, period: Month) -> Manifest:
        """The manifest of a closed period; raises `PeriodClosed` if any file is not as it was closed."""
        known = await self.finish_filing(period)
        if faults := await differing(known, self.closed):
            raise PeriodClosed(f"the closed files of {period} are not what they were:\n" + "\n".join(faults))
        content = b"".join([piece async for piece in self.closed.read(manifest_path(period))])
        return msgspec.json.decode(content, type=Manifest)

    async def _close(
        self, known: BillingPeriod, token: str | None, request: ClosingRequest, accepted: Accepted, progress: Progress
    ) -> None:
        attempt = secrets.token_hex(4)
        staged = Staged(self.reports, known.month, attempt)
        try:
            await self._attempt(known, token, attempt, staged, request, accepted, progress)
        except Exception as error:
            change = PeriodChange("given up", request.now, request.by, reason_of(error))
            with suppress(StoreUnavailable):  # then it has died, and ends as one that was killed
                await self.closing_books.periods.give_up(known.month, attempt, change)
                if (await self.closing_books.periods.get(known.month))[0].attempt != attempt:
                    await staged.clear()
            raise

    async def _attempt(
        self,
        known: BillingPeriod,
        token: str | None,
        attempt: str,
        staged: Staged,
        request: ClosingRequest,
        accepted: Accepted,
        progress: Progress,
    ) -> None:
        period = known.month
        began = PeriodChange(PeriodState.CLOSING, request.now, request.by, request.override, overridden=accepted.facts)
        for _ in range(_ATTEMPTS):
            basis = await self._basis(period, request, accepted)
            closing = begun(known, attempt, basis.version.name, began)
            token = await self.closing_books.periods.swap(closing, token)
            signed = basis.signatures.closed_by(request.by, request.now, request.override, accepted.facts)
            made = await self.publish(
                period, staged, basis.version, basis.late, progress, is_closed=True, signatures=signed
            )
            await self._require_invoice(period, basis.version, made, accepted)
            accepted = accept_unverified(made, basis.version.terms.closing, request, accepted)
            await self._require_approved(closing, token, basis, made, request)
            if await self._basis(period, request, accepted) == basis:
                break
            # What came meanwhile may be beyond the tolerance, and beyond what was overridden.
            accepted = await self.closing_books.require_closable(period, request, accepted)
            reason = "the books changed while they were published"
            log_line(log, "close_again", about=period, period=period, attempt=attempt, reason=reason)
        else:
            raise Superseded(f"the books of {period} changed each time while they were published: close it again")
        ended = PeriodChange(
            PeriodState.CLOSED, request.now, request.by, request.override, basis.version.name, accepted.facts
        )
        manifest = await sha256_of(staged.read(manifest_path(period)))
        closed = concluded(
            closing, manifest, basis.fences(period), ended, true_up=basis.true_up, true_ups=basis.true_ups
        )
        await self._conclude(closed, token, staged, made)

    async def _require_invoice(self, period: Month, version: Version, made: Manifest, accepted: Accepted) -> None:
        """Compare the finished files with the invoice: what they charge may be known only now."""
        if made.contracted:
            rules = version.terms.reconciliation
            found = await against_invoice(self.closing_books.control, period, rules, Decimal(made.contracted))
            accepted.require_no_more(period, found)

    async def _require_approved(
        self, closing: BillingPeriod, token: str, basis: _Basis, made: Manifest, request: ClosingRequest
    ) -> None:
        """Raise `ClosingRefused` where somebody approved other charges than these; the approval is gone then."""
        if basis.signatures.approval is None:
            return
        if (without := lapse(closing, made, request.by, request.now)) is not None:
            await self.closing_books.periods.swap(without, token)
            remedy = APPROVE.format(closing.month)
            raise ClosingRefused(closing.month, list(closing_faults(without.approval, None, {}, remedy=remedy)))

    async def _basis(self, period: Month, request: ClosingRequest, accepted: Accepted) -> _Basis:
        """What the files are made from; raises `ClosingRefused` if anything more is left out than was accepted."""
        books = self.closing_books
        version = await books.catalogues.version()
        accepted.require_no_more(period, (await books.finish(period, request.now)).left)
        calendar = version.catalogue.calendar
        own = await fences_of(books.books, calendar.utc_days(period))
        late = await late_changes(books.periods, books.books, calendar)
        closer = None if request.by_timer else request.by
        signatures, unsigned = await signatures_of(books.periods, books.catalogues, period, version, closer)
        if unsigned:
            raise ClosingRefused(period, unsigned)
        return _Basis(version, own, late, await true_up_digest(books.control, period), signatures)

    async def _conclude(self, closed: BillingPeriod, token: str, staged: Staged, made: Manifest) -> None:
        try:
            await self.closing_books.periods.swap(closed, token)
        except Superseded as error:
            # Where the answer was lost, the document is ours all the same.
            latest, _ = await self.closing_books.periods.get(closed.month)
            if (latest.state, latest.attempt) != (PeriodState.CLOSED, closed.attempt):
                await staged.clear()
                raise Superseded(f"another run took over the closing of {closed.month}") from error
        log_line(
            log,
            "closed",
            about=closed.month,
            period=closed.month,
            attempt=closed.attempt,
            unverified=said_unverified(made),
        )

    async def finish_filing(self, period: Month) -> BillingPeriod:
        """The closed period with every file in its place, no draft left, and its final figures in the FinOps hub."""
        known, token = await self.closing_books.periods.get(period)
        if not known.is_filed:
            await file_period(known, self.reports, self.closed)
            # What an override left out of it is on its record; nobody can add it any more.
            await SetAside(self.closing_books.control).note(Stage.PUBLISH, period, {})
            # Before it counts as filed: else nobody would come back for the rest of them.
            await drop_drafts(period, self.reports)
            with suppress(Superseded):  # by a run that did the same
                await self.closing_books.periods.swap(filed(known), token)
        await drop_drafts(period, self.reports)
        if self.hub is not None:
            await self._deliver(period, self.hub)
        return (await self.closing_books.periods.get(period))[0]

    async def _finish_filing(self, period: Month, now: datetime) -> BillingPeriod:
        finished = await self.finish_filing(period)
        await self.draft_attempts.forget_dead(period, now)
        return finished

    async def _deliver(self, period: Month, hub: Reports) -> None:
        """Give the final figures to the hub, again where a draft may have come in between."""
        known, token = await self.closing_books.periods.get(period)
        drafting = await self.draft_attempts.of(period)
        if known.is_delivered and not drafting.delivering:
            return
        await deliver_to_hub(self.closed, hub, period)
        if not known.is_delivered:
            with suppress(Superseded):  # by a run that did the same
                await self.closing_books.periods.swap(delivered(known), token)
