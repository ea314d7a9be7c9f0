"""Watches the books: looks after each posting what people must know of usage, the ledger, events and periods.

Everything is read from what the other services leave behind, so that it does not matter who did something, a timer or
a person, and nothing is missed where one of them died. One look that fails keeps no other from being done.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from chargeback.domain.alerts.alert import Matter
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.domain.alerts.tolerances import AlertTolerances
from chargeback.domain.alerts.watching import Look
from chargeback.domain.errors import ClosingRefused, PostingRefused
from chargeback.domain.periods.lifecycle import BillingPeriod
from chargeback.domain.periods.open_items import dearest_prices
from chargeback.domain.reports.layout import manifest_path
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.time.days import UtcDay, shifted, utc_day
from chargeback.domain.time.effective import ALWAYS, hull
from chargeback.domain.time.months import Month
from chargeback.domain.usage.states import LineState
from chargeback.services.alerts.ledger_sightings import (
    LedgerFacts,
    conflict_sightings,
    facts_of_readable_events,
    facts_of_whole_ledger,
    loss_sightings,
    short_sightings,
)
from chargeback.services.alerts.open_usage import (
    OpenKey,
    OpenRules,
    UnfinishedUsage,
    facts_of_closed_usage,
    is_overdue,
    open_usage,
    unpriced_sightings,
    unsettled_sightings,
)
from chargeback.services.alerts.period_sightings import (
    closed_sighting,
    facts_of_closed_at_last,
    facts_of_equal_invoice,
    facts_of_posted,
    news_of_closing,
    refused_sightings,
    unposted_sightings,
    variance_sightings,
)
from chargeback.services.alerts.quarantine_sightings import (
    QuarantineReader,
    facts_of_empty_quarantine,
    quarantine_sightings,
)
from chargeback.services.alerts.raise_alerts import Alerts
from chargeback.services.periods.periods import Periods
from chargeback.services.ports.control import Catalogues, Control
from chargeback.services.ports.ledger import Ledger, Quarantine
from chargeback.services.ports.reports import Reports
from chargeback.services.reconciling.reconciled_documents import Comparisons
from chargeback.services.running.bulkheads import do_each
from chargeback.services.running.day_fence import fence_of_day
from chargeback.services.running.set_aside import SetAside
from chargeback.services.settled.settled_days import SettledDays
from chargeback.services.usage.audit_results import AuditResults
from chargeback.services.usage.ingest import is_open, open_days
from chargeback.services.usage.ledger_parts import LedgerParts


@dataclass(frozen=True, slots=True)
class BooksSources:
    """Where the facts come from.

    Attributes:
        closed: the files of closed periods.
        tolerances: how much is not told.
        link: where the messages lead.
    """

    days: SettledDays
    ledger: Ledger
    control: Control
    catalogues: Catalogues
    quarantine: Quarantine
    closed: Reports
    tolerances: AlertTolerances
    link: str = ""


class BooksWatch:
    """Looks at the books, and has people told."""

    def __init__(self, alerts: Alerts, sources: BooksSources) -> None:
        self._alerts = alerts
        self._of = sources
        self._periods = Periods(sources.control, sources.ledger)
        self._parts = LedgerParts(sources.ledger, sources.control)
        self._waiting = QuarantineReader(sources.quarantine)
        self._read: dict[UtcDay, tuple[str, dict[OpenKey, UnfinishedUsage]]] = {}
        """Open usage of a day, with the fence of the records that it was made from."""

    async def watch(self, now: datetime) -> None:
        """Look at everything. Raises `SomeFailed` after all of it was tried."""
        looks: dict[str, Callable[[datetime], Awaitable[None]]] = {
            "open usage": self._look_at_open_usage,
            "the ledger": self._look_at_ledger,
            "quarantine": self._look_at_quarantine,
            "periods": self._look_at_periods,
            "invoices": self._look_at_invoices,
        }
        await do_each("watching", looks, lambda name: looks[name](now))

    async def refused(self, outcomes: Sequence[BillingPeriod | ClosingRefused], now: datetime) -> None:
        """The periods that were due were closed as far as possible: tell which were not."""
        found = [each for each in outcomes if isinstance(each, ClosingRefused)]
        closed = {each.month: each for each in await self._periods.closed()}
        calendar, grace = (
            (await self._of.catalogues.current()).calendar,
            (await self._of.catalogues.terms()).closing.grace,
        )
        due = {each.period: calendar.bounds(Month(each.period))[1] + grace for each in found}
        link = self._of.link
        await self._alerts.see(
            Look(
                AlertKind.CLOSING,
                now,
                tuple(refused_sightings(found, due, link)),
                clears=lambda alert: facts_of_closed_at_last(alert, closed, link),
            )
        )

    async def unposted(self, refused: Sequence[PostingRefused], now: datetime) -> None:
        """The journals that were due were made as far as possible: tell which closed period cannot have one."""
        closed = {each.month: each for each in await self._periods.closed()}
        link = self._of.link
        await self._alerts.see(
            Look(
                AlertKind.POSTING,
                now,
                tuple(unposted_sightings(refused, closed, link)),
                clears=lambda alert: facts_of_posted(alert, link),
            )
        )

    async def _look_at_open_usage(self, now: datetime) -> None:
        version = await self._of.catalogues.current()
        months = await self._periods.open_periods(now, version.calendar)
        unpriced: dict[OpenKey, UnfinishedUsage] = {}
        unsettled: dict[OpenKey, UnfinishedUsage] = {}
        yesterday = shifted(utc_day(now), -1)
        days = await self._days_with_open_usage(months, now, yesterday)
        self._read = {day: read for day, read in self._read.items() if day in days}
        for day in days:
            usage = await self._open_usage(day, months)
            for key, each in usage.items():
                unpriced.setdefault(key, UnfinishedUsage()).merge(each)
                if is_overdue(day, yesterday):
                    unsettled.setdefault(key, UnfinishedUsage()).merge(each)
        time = hull([version.calendar.time_of(month) for month in months]) if months else ALWAYS
        closing = (await self._of.catalogues.terms()).closing
        rules = OpenRules(
            self._of.tolerances, closing, dearest_prices(version, time), version.currency, version.calendar
        )
        link = self._of.link
        for kind, sightings in (
            (AlertKind.UNPRICED, unpriced_sightings(unpriced, rules, link)),
            (AlertKind.UNSETTLED, unsettled_sightings(unsettled, rules, link)),
        ):
            clears = lambda alert: facts_of_closed_usage(alert, months, link)  # noqa: E731
            await self._alerts.see(Look(kind, now, tuple(sightings), clears=clears))

    async def _days_with_open_usage(self, months: Sequence[Month], now: datetime, yesterday: UtcDay) -> list[UtcDay]:
        """The days of open periods on which something has no price, or has no tokens for too long."""
        calendar = (await self._of.catalogues.current()).calendar
        audits = await AuditResults(self._of.control).all()
        found = []
        for day in sorted({day for month in months for day in calendar.utc_days(month)}):
            if is_open(day, now):
                summary = await self._of.days.books.summary(day)
                states = summary[0]["total"]["states"] if summary else {}
                is_candidate = LineState.UNPRICED in states or (
                    LineState.UNSETTLED in states and is_overdue(day, yesterday)
                )
            else:
                audit = audits.get(day)
                is_candidate = audit is not None and bool(audit.unpriced or audit.unsettled)
            if is_candidate:
                found.append(day)
        return found

    async def _open_usage(self, day: UtcDay, months: Sequence[Month]) -> dict[OpenKey, UnfinishedUsage]:
        fence = await fence_of_day(self._of.days.books, day)
        if day not in self._read or self._read[day][0] != fence:
            usage: dict[OpenKey, UnfinishedUsage] = {}
            async for page in self._of.days.records(day):
                for key, each in open_usage(page, months).items():
                    usage.setdefault(key, UnfinishedUsage()).merge(each)
            self._read[day] = fence, usage
        return self._read[day][1]

    async def _look_at_ledger(self, now: datetime) -> None:
        audits = await AuditResults(self._of.control).all()
        gone = {day: lost for day in open_days(now) if (lost := len(await self._parts.lost(day)))}
        facts = LedgerFacts(audits, await SetAside(self._of.control).all(), gone)
        link = self._of.link
        conflicts = tuple(conflict_sightings(facts, self._of.tolerances, now, link))
        await self._alerts.see(Look(AlertKind.CONFLICTS, now, conflicts))
        await self._alerts.see(
            Look(
                AlertKind.EVENTS_LOST,
                now,
                tuple(loss_sightings(facts, now, link)),
                clears=lambda alert: facts_of_readable_events(alert, link),
            )
        )
        await self._alerts.see(
            Look(
                AlertKind.LEDGER_SHORT,
                now,
                tuple(short_sightings(facts, link)),
                clears=lambda alert: facts_of_whole_ledger(alert, facts, link),
            )
        )

    async def _look_at_quarantine(self, now: datetime) -> None:
        found, is_all = await self._waiting.waiting()
        link = self._of.link
        await self._alerts.see(
            Look(
                AlertKind.QUARANTINE,
                now,
                tuple(quarantine_sightings(found, self._of.tolerances, link)),
                covers=lambda _: is_all,
                clears=lambda alert: facts_of_empty_quarantine(alert, link),
            )
        )

    async def _look_at_periods(self, now: datetime) -> None:
        periods = await self._periods.closed()
        closed = {each.month: each for each in periods}
        link = self._of.link
        news = [closed_sighting(each, await self._manifest(each), link) for each in news_of_closing(periods, now)]
        await self._alerts.see(Look(AlertKind.CLOSED, now, tuple(news)))
        # Whether a period that is open can be closed is known only when somebody tries.
        is_closed: Callable[[Matter], bool] = lambda matter: matter.scope in closed  # noqa: E731
        clears = lambda alert: facts_of_closed_at_last(alert, closed, link)  # noqa: E731
        await self._alerts.see(Look(AlertKind.CLOSING, now, (), is_closed, clears))

    async def _manifest(self, period: BillingPeriod) -> Manifest | None:
        """What a closed period's files hold; None until they are filed."""
        if not period.is_filed:
            return None
        content = b"".join([piece async for piece in self._of.closed.read(manifest_path(period.month))])
        return msgspec.json.decode(content, type=Manifest)

    async def _look_at_invoices(self, now: datetime) -> None:
        compared = await Comparisons(self._of.control).all()
        rules = (await self._of.catalogues.terms()).reconciliation
        link = self._of.link
        await self._alerts.see(
            Look(
                AlertKind.VARIANCE,
                now,
                tuple(variance_sightings(compared, rules, link)),
                clears=lambda alert: facts_of_equal_invoice(alert, compared, link),
            )
        )
