"""Usage that has no price or no tokens yet, by month and deployment, as alerts tell it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from chargeback.domain.alerts.alert import Alert, Matter, Sighting
from chargeback.domain.alerts.facts import MOVERS_TOLD, AlertFigure, Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.tolerances import AlertTolerances
from chargeback.domain.money.numerals import grouped, said_amount
from chargeback.domain.periods.open_items import OpenItems
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.terms.terms import ClosingRules
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.time.months import Month, month_of
from chargeback.domain.usage.meters import Meter
from chargeback.services.alerts.wording import said_date, said_month, said_number


@dataclass(frozen=True, slots=True, order=True)
class OpenKey:
    """What open usage is told by."""

    month: Month
    deployment: str
    model: str

    @property
    def scope(self) -> str:
        """Such as `chat (gpt-5.5)`."""
        return f"{self.deployment} ({self.model})"


@dataclass(slots=True)
class UnfinishedUsage:
    """The usage of one deployment and model in a month, on the days on which something of it is open.

    Attributes:
        items: added up as for closing.
        first: the first date with anything that is open.
        callers: how many of the calls that are open each cost centre made.
    """

    items: OpenItems = field(default_factory=OpenItems)
    first: BookDate | None = None
    callers: Counter[str] = field(default_factory=Counter)

    def merge(self, other: "UnfinishedUsage") -> None:
        """Add that of another day."""
        self.items.merge(other.items)
        self.callers.update(other.callers)
        firsts = [each.first for each in (self, other) if each.first is not None]
        self.first = min(firsts, default=None)


def open_usage(records: Iterable[UsageRecord], months: Sequence[Month]) -> dict[OpenKey, UnfinishedUsage]:
    """The usage of some records in these months."""
    found: dict[OpenKey, UnfinishedUsage] = {}
    for record in records:
        for month in {month_of(part.date) for part in record.parts}.intersection(months):
            key = OpenKey(month, record.line.deployment, record.line.model or "unknown model")
            usage = found.setdefault(key, UnfinishedUsage())
            usage.items.add([record], month)
            if record.is_unpriced or record.is_unsettled:
                usage.first = min([*filter(None, [usage.first]), *_dates(record, month)])
                usage.callers.update(_callers(record, month))
    return found


@dataclass(frozen=True, slots=True)
class OpenRules:
    """What decides whether open usage is told, and how urgent it is.

    Attributes:
        closing: beyond its amounts the month does not close.
        dearest: by meter, the highest price per million.
        currency: that of the rate card.
        calendar: that of the books.
    """

    tolerances: AlertTolerances
    closing: ClosingRules
    dearest: Mapping[Meter, Decimal]
    currency: str
    calendar: Calendar

    def since(self, usage: UnfinishedUsage) -> datetime | None:
        """Since when something of it is open."""
        return self.calendar.midnight(usage.first) if usage.first else None


def unpriced_sightings(usage: Mapping[OpenKey, UnfinishedUsage], rules: OpenRules, link: str) -> Iterator[Sighting]:
    """Deployments whose usage has no price; how much it is, because nobody can say what it costs."""
    for key, each in sorted(usage.items()):
        items = each.items
        if items.unpriced <= rules.tolerances.unpriced:
            continue
        worth = items.worth_of_unpriced(rules.dearest)
        quantities = [
            AlertFigure(meter.value.replace("_", " ").capitalize(), grouped(quantity))
            for meter, quantity in sorted(items.unpriced_quantities.items())
        ]
        yield Sighting(
            Matter(AlertKind.UNPRICED, scope=key.scope, period=key.month),
            _severity(worth, rules.closing.unpriced_amount),
            Facts(
                f"Usage of {key.model} (deployment {key.deployment}) in {said_month(key.month)} has no price:"
                f" {said_number(items.unpriced, 'call')}",
                (
                    *_callers_said(each),
                    *quantities,
                    AlertFigure("Worth at the dearest price", _worth(worth, rules.currency)),
                ),
                since=rules.since(each),
                advice=(
                    f"Without a price from {_first(each)} on, {said_month(key.month)} may not close: add it to the rate"
                    " card, then `chargeback config apply`."
                ),
                link=link,
            ),
        )


def unsettled_sightings(usage: Mapping[OpenKey, UnfinishedUsage], rules: OpenRules, link: str) -> Iterator[Sighting]:
    """Deployments with calls whose tokens are not known for longer than they may be."""
    for key, each in sorted(usage.items()):
        items = each.items
        if items.unsettled <= rules.tolerances.unsettled:
            continue
        worth = items.worth_of_unsettled()
        yield Sighting(
            Matter(AlertKind.UNSETTLED, scope=key.scope, period=key.month),
            _severity(worth, rules.closing.unsettled_amount),
            Facts(
                f"The tokens of {said_number(items.unsettled, 'call')} of {key.model} (deployment {key.deployment}) in"
                f" {said_month(key.month)} are not known yet",
                (
                    *_callers_said(each),
                    AlertFigure("Worth if they are like the other calls", _worth(worth, rules.currency)),
                ),
                since=rules.since(each),
                advice="See whether `settle_streams` runs and the gateway logs: it writes how many tokens a call took.",
                link=link,
            ),
        )


def facts_of_closed_usage(alert: Alert, open_months: Sequence[Month], link: str) -> Facts:
    """What is said when no usage is open any more."""
    month, scope = Month(alert.matter.period), alert.matter.scope
    what = "has a price" if alert.matter.kind is AlertKind.UNPRICED else "has its tokens"
    if month not in open_months:
        return Facts(f"Usage of {scope} stays as it is", cause=f"{said_month(month)} was closed with it", link=link)
    return Facts(f"All usage of {scope} in {said_month(month)} {what} now", cause=_cause(alert), link=link)


def _cause(alert: Alert) -> str:
    if alert.matter.kind is AlertKind.UNPRICED:
        return "A price was added, or the usage was corrected"
    return "The tokens were found or estimated, or the usage was corrected"


def _dates(record: UsageRecord, month: Month) -> Iterator[BookDate]:
    return (part.date for part in record.parts if month_of(part.date) == month)


def _callers(record: UsageRecord, month: Month) -> Counter[str]:
    """The calls of a record in a month, by cost centre; one that only corrects quantities counts as one."""
    found: Counter[str] = Counter()
    for part in record.parts:
        if month_of(part.date) == month:
            calls = sum(charge.quantity for charge in part.charges if charge.meter is Meter.REQUESTS)
            found[part.cost_centre] += max(calls, 1)
    return found


def _callers_said(usage: UnfinishedUsage) -> Iterator[AlertFigure]:
    """Who made most of the calls: it is they who can say what they need."""
    most = sorted(usage.callers.items(), key=lambda each: (-each[1], each[0]))[:MOVERS_TOLD]
    if most:
        yield AlertFigure("Called most by", "; ".join(f"{centre} ({said_number(n, 'call')})" for centre, n in most))


def _first(usage: UnfinishedUsage) -> str:
    return said_date(date.fromisoformat(usage.first)) if usage.first else "an unknown date"


def _worth(worth: Decimal | None, currency: str) -> str:
    return "nobody can say" if worth is None else f"about {said_amount(worth, currency)}"


def _severity(worth: Decimal | None, limit: Decimal | None) -> Severity:
    is_dear = worth is None or (limit is not None and worth > limit)
    return Severity.MONEY_AT_RISK if is_dear else Severity.LOOK_TODAY


def is_overdue(day: UtcDay, yesterday: UtcDay) -> bool:
    """Whether the tokens of a day's calls should be known: today's and yesterday's may still be settled."""
    return day < yesterday
