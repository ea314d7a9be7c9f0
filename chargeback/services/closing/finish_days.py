"""Brings the whole ledger of a period into its books before closing, and names everything that keeps it open."""

import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from chargeback.domain.errors import ClosingRefused, InvalidConfig
from chargeback.domain.money.exact import EXACT
from chargeback.domain.periods.lifecycle import ClosingStatus, refusals
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.periods.open_items import Excess, OpenItems, beyond_tolerance, dearest_prices
from chargeback.domain.rating.promises import Expired
from chargeback.domain.terms.terms import age_of, rates_of
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.states import LineState
from chargeback.log_line import log_line
from chargeback.services.closing.approve_period import signatures_of
from chargeback.services.closing.expired_promises import expired_promises, read_expired
from chargeback.services.closing.invoice_gate import against_invoice
from chargeback.services.closing.remedies import ADD_RATE, AUDIT, OVERRIDE, REMEDY_OF_STATE
from chargeback.services.periods.periods import Periods
from chargeback.services.ports.books import Books
from chargeback.services.ports.control import Catalogues, Control, Document, Version
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.set_aside import ROW_OF_LOG, Left, SetAside, Stage
from chargeback.services.usage.audit import Auditor
from chargeback.services.usage.ingest import is_open
from chargeback.services.usage.post import Poster
from chargeback.services.usage.summarise import refresh_summary

log = logging.getLogger(__name__)

_NOT_BILLED_EXACTLY = (LineState.UNPRICED, LineState.UNSETTLED, LineState.ESTIMATED)


@dataclass(frozen=True, slots=True)
class ClosingRequest:
    """Who closes a period and when.

    Attributes:
        by: a name, for the history.
        now: UTC.
        override: why the period is closed although usage is unsettled or unpriced beyond the tolerance; else empty.
        by_timer: whether the grace period has to be over.
    """

    by: str
    now: datetime
    override: str = ""
    by_timer: bool = False


@dataclass(frozen=True, slots=True)
class ClosingBooks:
    """The books of periods that are about to close, with what makes their days final.

    Attributes:
        periods: how far each period is.
        poster: posts what is still counted.
        auditor: audits what was not audited since a period ended.
    """

    periods: Periods
    books: Books
    catalogues: Catalogues
    poster: Poster
    auditor: Auditor
    control: Control

    async def require_closable(
        self, period: Month, request: ClosingRequest, accepted: "Accepted | None" = None
    ) -> "Accepted":
        """Make the days final; returns what is beyond the tolerance or left out, and overridden.

        `accepted`: what the override was found to cover before. Raises `ClosingRefused` with every reason at once.
        """
        version = await self.catalogues.version()
        calendar, rules = version.catalogue.calendar, version.terms.closing
        ends = calendar.bounds(period)[1]
        oldest = (await self.periods.open_periods(request.now, calendar))[0]
        status = ClosingStatus(period, ends, ends + rules.grace, oldest)
        reasons, left = refusals(status, request.now, by_timer=request.by_timer, remedy=AUDIT), []
        if not reasons:
            finished = await self.finish(period, request.now)
            left = finished.left
            reasons = refusals(
                replace(status, unaudited=finished.marked), request.now, by_timer=request.by_timer, remedy=AUDIT
            )
        closer = None if request.by_timer else request.by
        _, unsigned = await signatures_of(self.periods, self.catalogues, period, version, closer)
        reasons += unsigned
        found = await self._open_items(period, calendar)
        expired = await read_expired(self.books, period, version.catalogue, calendar.utc_days(period))
        items = [*left, *await self.excess(period, version, found, expired)]
        missing_rates, old_rates = exchange_rates_of(period, version)
        reasons += missing_rates
        # Whoever closes by hand has looked at the rate, so its age only goes on the record.
        if request.by_timer:
            items, old_rates = [*items, *old_rates], []
        if reasons or (items and not request.override):
            named = [f"{each.fact}; {each.remedy}" for each in items]
            raise ClosingRefused(period, [*reasons, *named], override="" if reasons else OVERRIDE)
        if accepted is not None:
            accepted.require_no_more(period, items)
        known = [*items, *old_rates]
        return Accepted(tuple(each.fact for each in known), {k: n for each in known for k, n in each.parts.items()})

    async def excess(self, period: Month, version: Version, found: OpenItems, expired: Expired) -> list[Excess]:
        """What is beyond the tolerance of a period, by its open items, its prices and its invoice."""
        catalogue = version.catalogue
        # The whole rate card is looked through, and most months have nothing without a price.
        dearest = dearest_prices(catalogue, catalogue.calendar.time_of(period)) if found.unpriced_quantities else {}
        return [
            *beyond_tolerance(found, version.terms.closing, dearest, catalogue.currency, REMEDY_OF_STATE),
            *expired_promises(expired, catalogue.currency),
            *await against_invoice(self.control, period, version.terms.reconciliation),
        ]

    async def finish(self, period: Month, now: datetime) -> "Finished":
        """Audit what was not audited since the period ended, post what is still counted."""
        in_force = await self.catalogues.in_force()
        calendar = in_force.current.calendar
        days, ends = calendar.utc_days(period), calendar.bounds(period)[1]
        before = await self.auditor.marks(days)
        faults: dict[str, str] = {}
        for day in await self.auditor.unaudited_days(days, ends):
            faults |= await _fault_of(f"audit {day}", self.auditor.audit_day(day, now))
        for day in days:
            if is_open(day, now):
                faults |= await _fault_of(f"post {day}", self.poster.post_day(day, in_force, now))
        marks = await self.auditor.marks(days)
        marked = [day for day in await self.auditor.unaudited_days(days, ends) if marks.get(day) != before.get(day)]
        for day in await self.auditor.unaudited_days(days, ends):
            if day not in marked:
                faults.setdefault(f"audit {day}", "the audit left the day as it is")
        undone = [
            _left(ObstacleKind.UNAUDITED, f"not done since it ended: {what}: {reason}", {what: 1})
            for what, reason in faults.items()
        ]
        return Finished([*undone, *await self.left_aside(period, days)], tuple(marked))

    async def left_aside(self, period: Month, days: Sequence[UtcDay]) -> list[Excess]:
        """What was set aside of a period and its days, as far as the books lack it."""
        found = await SetAside(self.control).of_days({*days, period})
        return [
            _left(
                ObstacleKind.SET_ASIDE,
                f"set aside by {each.stage} of {each.day}: {each.count} parts,"
                f" such as {next(iter(each.parts.items()), ('', ''))}",
                {f"{each.stage} {each.day} {part}": 1 for part in each.digests()},
            )
            for each in found
            if _is_of_the_books(each)
        ]

    async def _open_items(self, period: Month, calendar: Calendar) -> OpenItems:
        """The usage of a period that cannot be billed exactly yet."""
        items = OpenItems()
        for day in calendar.utc_days(period):
            items.merge(await self.open_items_of(day, period, calendar))
        return items

    async def open_items_of(self, day: UtcDay, period: Month, calendar: Calendar) -> OpenItems:
        """That of one day; reads its records only where it has any."""
        items = OpenItems()
        total = await self._sums(day)
        is_whole = all(date.startswith(period) for date in calendar.dates(day))
        if total and is_whole and not any(state in total["states"] for state in _NOT_BILLED_EXACTLY):
            items.requests += total["quantities"].get(Meter.REQUESTS.value, 0)
            items.cost = EXACT.add(items.cost, Decimal(total["cost"]))
            return items
        async for page in self.books.records(day):
            items.add(page, period)
        return items

    async def _sums(self, day: UtcDay) -> Document | None:
        """The total of a day's summary, if it was made from the books as they are now."""
        try:
            await refresh_summary(self.books, day)
            summary = await self.books.summary(day)
        except Exception as error:  # noqa: BLE001 the records say the same
            log_line(log, "summary_unusable", level=logging.WARNING, day=day, reason=reason_of(error))
            return None
        return summary[0]["total"] if summary else None


@dataclass(frozen=True, slots=True)
class Finished:
    """The state of the days of a period.

    Attributes:
        left: what is left out of them, each with its reason.
        marked: days that got late events while they were audited: audit them again.
    """

    left: list[Excess]
    marked: tuple[UtcDay, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The open items that an override accepts.

    Attributes:
        facts: for the record.
        parts: what these facts are about, with how much there is of each.
    """

    facts: tuple[str, ...]
    parts: Mapping[str, int]

    def with_more(self, found: Sequence[Excess]) -> "Accepted":
        """These items as well, each once."""
        facts = [each.fact for each in found if each.fact not in self.facts]
        return Accepted(
            (*self.facts, *facts), {**self.parts, **{k: n for each in found for k, n in each.parts.items()}}
        )

    def require_no_more(self, period: Month, found: Sequence[Excess]) -> None:
        """Raise `ClosingRefused` if anything was found that nobody accepted: an override covers only what it named."""
        further = [each.fact for each in found if any(n > self.parts.get(part, 0) for part, n in each.parts.items())]
        if further:
            raise ClosingRefused(period, further, override=OVERRIDE)


def _is_of_the_books(left: Left) -> bool:
    """A pending call is unsettled in the books, which the tolerance looks at; a row of the log may be of none.

    A day that could not be packed into a file is whole in the books.
    """
    if left.stage is Stage.SETTLE:
        return any(part.startswith(ROW_OF_LOG) for part in left.parts)
    return left.stage is not Stage.PACK


def _left(kind: ObstacleKind, fact: str, parts: Mapping[str, int]) -> Excess:
    return Excess(kind, fact, "see `chargeback set-aside`; run `chargeback audit --day …` after the repair", parts)


def exchange_rates_of(period: Month, version: Version) -> tuple[list[str], list[Excess]]:
    """Why a period cannot be settled for want of an exchange rate; and the rates that are older than allowed."""
    catalogue, terms = version.catalogue, version.terms
    try:
        rates = rates_of(terms, period, catalogue.calendar, catalogue.currency)
    except InvalidConfig as error:
        return [f"{fault}; {ADD_RATE}" for fault in error.faults], []
    return [], [
        Excess(
            ObstacleKind.RATE,
            f"the exchange rate from {rate.from_currency} to {rate.to_currency} is from {rate.date},"
            f" {age.days} days before the month's end; allowed are {terms.closing.rate_age.days}",
            ADD_RATE,
            {f"rate {rate.from_currency} {rate.to_currency} {rate.date}": 1},
        )
        for rate in rates
        if (age := age_of(rate, period)) > terms.closing.rate_age
    ]


async def _fault_of(what: str, work: Awaitable[object]) -> dict[str, str]:
    """Do the work for one day and return why it failed, if it did: the other days are still made final."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 whatever is wrong with one day
        log_line(log, "part_failed", level=logging.WARNING, doing="closing", part=what, reason=reason_of(error))
        return {what: reason_of(error)}
    return {}
