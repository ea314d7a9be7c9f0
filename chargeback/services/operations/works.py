"""What each kind of operation does; each may be begun again at any time, and what it did before stays as it is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chargeback.domain.errors import Conflict, PostingRefused, SomeFailed
from chargeback.domain.money.exact import to_text
from chargeback.domain.periods.lifecycle import PeriodChange
from chargeback.domain.time.months import Month
from chargeback.services.closing.close_period import Closer
from chargeback.services.closing.correct_period import correct_period
from chargeback.services.closing.finish_days import ClosingRequest
from chargeback.services.closing.publish_drafts import Drafts
from chargeback.services.journals.make_postings import JournalMaker
from chargeback.services.operations.operation import OperationKind, OperationRecord
from chargeback.services.operations.run_operations import OperationWork
from chargeback.services.ports.ledger import Ledger
from chargeback.services.reconciling.reconcile_published import Reconciler
from chargeback.services.reconciling.true_up import remove_true_up, set_true_up
from chargeback.services.reconciling.true_up_documents import TrueUp, TrueUps
from chargeback.services.retry import Retry
from chargeback.services.running.bulkheads import say_nothing
from chargeback.services.usage.replay import Replayed


@dataclass(frozen=True, slots=True)
class OperationWorks:
    """Does the work with the services that commands use.

    Attributes:
        replay: takes the events of the quarantine in again.
        replay_budget: finds out what a budget would have done.
        clock: what time it is, UTC.
    """

    closer: Closer
    drafts: Drafts
    journals: JournalMaker
    ledger: Ledger
    reconciler: Reconciler
    retry: Retry
    replay: Callable[[datetime], Awaitable[Replayed]]
    replay_budget: OperationWork
    clock: Callable[[], datetime]

    def by_kind(self) -> Mapping[OperationKind, OperationWork]:
        """What does each kind."""
        return {
            OperationKind.CLOSE: self.close,
            OperationKind.CORRECT: self.correct,
            OperationKind.TRUE_UP: self.true_up,
            OperationKind.REMOVE_TRUE_UP: self.remove_true_up,
            OperationKind.PUBLISH: self.publish,
            OperationKind.RECONCILE: self.reconcile,
            OperationKind.REPLAY: self.replay_quarantine,
            OperationKind.RETRY: self.retry_set_aside,
            OperationKind.REPLAY_BUDGET: self.replay_budget,
        }

    async def close(self, operation: OperationRecord) -> Mapping[str, str]:
        """Close a month; one that is closed already stays as it is."""
        order = operation.order
        request = ClosingRequest(order.by, self.clock(), order.reason if order.override else "")
        known = await self.closer.close(Month(order.period), request)
        journals = await self.journals.make_due(self.clock(), say_nothing)
        refused = [str(each) for each in journals if isinstance(each, PostingRefused)]
        return {
            "period": order.period,
            "state": str(known.state),
            "manifest": known.manifest,
            **({"journalsRefused": "\n".join(refused)} if refused else {}),
        }

    async def correct(self, operation: OperationRecord) -> Mapping[str, str]:
        """Rate a closed month again."""
        order = operation.order
        change = PeriodChange("rated anew", operation.asked_at, order.by, order.reason)
        done = await correct_period(Month(order.period), self.closer.closing_books, self.ledger, change)
        return {
            "period": order.period,
            "days": str(done.days),
            "lines": str(done.lines),
            "cost": to_text(done.cost),
            "currency": done.currency,
        }

    async def true_up(self, operation: OperationRecord) -> Mapping[str, str]:
        """Set the true-up of a month to what the invoice says beyond its books."""
        order, control = operation.order, self.closer.closing_books.control
        period, at = Month(order.period), operation.asked_at
        known, _ = await TrueUps(control).get(period)
        if known is None or not _is_done(known, operation):
            reconciled = await self.reconciler.reconcile(period, None)
            calendar = (await self.closer.closing_books.catalogues.current()).calendar
            begins = await self.closer.closing_books.periods.first(self.clock(), calendar)
            despite = order.reason if order.override else ""
            known = await set_true_up(control, reconciled, by=order.by, now=at, despite=despite, begins=begins)
        return _set(known)

    async def remove_true_up(self, operation: OperationRecord) -> Mapping[str, str]:
        """Take the true-up of a month back."""
        order, control = operation.order, self.closer.closing_books.control
        period = Month(order.period)
        known, _ = await TrueUps(control).get(period)
        was_there = known is not None and _is_done(known, operation)
        if not was_there:
            was_there = await remove_true_up(control, period, by=order.by, now=operation.asked_at)
        return {"period": period, "wasThere": str(was_there).lower()}

    async def publish(self, operation: OperationRecord) -> Mapping[str, str]:
        """Write the draft of a month as the books are now; a closed month stays as it is."""
        made = await self.drafts.publish(Month(operation.order.period), self.clock())
        return {
            "period": made.billing_period,
            "state": made.state,
            **{f"total {currency}": total for currency, total in sorted(made.totals.items())},
        }

    async def reconcile(self, operation: OperationRecord) -> Mapping[str, str]:
        """Compare a month with the newest export of its invoice."""
        done = await self.reconciler.reconcile(Month(operation.order.period), None)
        return {
            "period": done.period,
            "run": done.invoice.run.name,
            "invoiced": to_text(done.found.invoiced),
            "booked": to_text(done.found.booked),
            "variance": to_text(done.found.variance),
            "currency": done.currency,
            "isComplete": str(done.is_final).lower(),
            "isTolerated": str(not done.exceeded).lower(),
        }

    async def replay_quarantine(self, _: OperationRecord) -> Mapping[str, str]:
        """Take the events of the quarantine in again."""
        done = await self.replay(self.clock())
        if done.failed:
            raise SomeFailed("replaying", done.failed)
        return {
            "accepted": str(done.accepted),
            "duplicate": str(done.duplicate),
            "quarantined": str(done.quarantined),
        }

    async def retry_set_aside(self, _: OperationRecord) -> Mapping[str, str]:
        """Try again what was set aside."""
        left = await self.retry.all(self.clock())
        return {"leftOut": str(sum(each.count for each in left))}


def _is_done(known: TrueUp, operation: OperationRecord) -> bool:
    """Whether an earlier try has set a true-up, or taken it back.

    Raises `Conflict` where somebody has changed it since: what came later counts.
    """
    own = operation.order.by, operation.asked_at.isoformat()
    if (known.by, known.at) == own:
        return True
    if own in {(each.by, each.at) for each in known.history}:
        raise Conflict(f"it was done, and the true-up was changed since by {known.by}")
    return False


def _set(known: TrueUp) -> Mapping[str, str]:
    return {
        "period": str(known.period),
        "amount": to_text(Decimal(known.amount or 0)),
        "currency": known.currency,
        "parts": str(len(known.parts)),
    }
