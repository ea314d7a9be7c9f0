"""What is wrong in the books is told once by month and deployment, and taken back when it is repaired."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chargeback.adapters.memory.outbox import MemoryDueAlerts, MemoryOutbox
from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.alerts.alert import Alert
from chargeback.domain.alerts.facts import AlertFigure
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.tolerances import AlertTolerances
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import ClosingRefused, PostingRefused
from chargeback.domain.periods.lifecycle import PeriodChange, begun, concluded
from chargeback.domain.periods.open_items import OpenItems
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.services.alerts.raise_alerts import Alerts
from chargeback.services.alerts.watch_books import BooksSources, BooksWatch
from chargeback.services.periods.periods import Periods
from chargeback.services.ports.ledger import Rejected
from chargeback.services.reconciling.reconciled_documents import Compared, Comparisons
from chargeback.services.running.set_aside import SetAside, Stage
from chargeback.services.usage.audit_results import AcceptedLoss, AuditResult, AuditResults
from tests.support.alerts import TO_CHAT
from tests.support.builders import NOW, tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.product_in_memory import ProductInMemory, in_memory

pytestmark = pytest.mark.anyio

QUARTER = timedelta(minutes=15)
DAY = f"{NOW:%Y-%m-%d}"
MONTH = Month(f"{NOW:%Y-%m}")
INPUT = dated(Meter.INPUT, (START, "2.5"))
UNPRICED = {"model": "gpt-4o-2024-11-20", "usage": tokens(1_000, 500)}


def priced(*prices: Any) -> Catalogue:
    return catalogue(*prices, account="oai-swedencentral")


@dataclass
class WatchedBooks:
    """A product in memory whose books are watched; input has a price, output has none."""

    now: datetime = NOW
    tolerances: AlertTolerances = field(default_factory=AlertTolerances)
    of: ProductInMemory = field(default_factory=lambda: in_memory(priced(INPUT)))
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)

    def __post_init__(self) -> None:
        of = self.of
        alerts = Alerts(self.outbox, MemoryDueAlerts(), TO_CHAT)
        sources = BooksSources(
            of.settled_days, of.ledger, of.control, of.catalogues, of.quarantine, MemoryReports(), self.tolerances
        )
        self.watch = BooksWatch(alerts, sources)

    async def take(self, *events: bytes) -> None:
        await self.of.ingest.ingest(events, self.now)
        await self.of.poster.post(self.now)

    async def look(self, kind: AlertKind) -> list[Alert]:
        self.now += QUARTER
        await self.watch.watch(self.now)
        return [each for each in self.outbox.alerts if each.matter.kind is kind]

    async def audited(self, day: str = DAY, **facts: Any) -> None:
        results = AuditResults(self.of.control)
        _, token = await results.get(day)
        given = {"events": 10, "calls": 10, "duplicates": 0, "unreadable": 0, "at": self.now.isoformat()} | facts
        await results.swap(AuditResult(day=day, final=False, **given), token)


async def test_usage_without_a_price_is_told_once_for_each_deployment_with_its_amounts() -> None:
    books = WatchedBooks()
    await books.take(*(usage_event(id=f"call-{n}", **UNPRICED) for n in range(3)))

    (alert,) = await books.look(AlertKind.UNPRICED)
    await books.take(usage_event(id="another", **UNPRICED))
    again = await books.look(AlertKind.UNPRICED)

    facts = alert.raised.facts
    assert facts.headline.endswith(" has no price: 3 calls")
    assert ("Output tokens", "1\u202f500") in [(each.label, each.value) for each in facts.figures]
    assert facts.figures[0] == AlertFigure("Called most by", "unallocated (3 calls)")
    assert facts.since == datetime.fromisoformat(f"{DAY}T00:00:00+00:00")
    assert (alert.matter.period, alert.severity) == (MONTH, Severity.MONEY_AT_RISK)
    assert [each.id for each in again] == [alert.id]


async def test_the_amounts_are_those_that_keep_the_month_from_closing() -> None:
    books = WatchedBooks()
    await books.take(*(usage_event(id=f"call-{n}", **UNPRICED, username=f"u{n}") for n in range(3)))
    items = OpenItems()
    async for page in books.of.books.records(DAY):
        items.add(page, MONTH)

    (alert,) = await books.look(AlertKind.UNPRICED)

    said = {each.label: each.value for each in alert.raised.facts.figures}
    assert f": {items.unpriced} calls" in alert.raised.facts.headline
    assert {meter.value: f"{n:,}".replace(",", "\u202f") for meter, n in items.unpriced_quantities.items()} == {
        label.lower().replace(" ", "_"): value for label, value in said.items() if label.endswith("tokens")
    }


async def test_a_price_takes_it_back() -> None:
    books = WatchedBooks()
    await books.take(usage_event(id="call", **UNPRICED))
    await books.look(AlertKind.UNPRICED)
    books.of.catalogues.catalogue = priced(INPUT, dated(Meter.OUTPUT, (START, "10")))
    await books.of.poster.post(books.now)
    await books.look(AlertKind.UNPRICED)

    (alert,) = await books.look(AlertKind.UNPRICED)

    assert alert.cleared is not None
    assert alert.cleared.facts.headline.endswith(" has a price now")


async def test_what_is_tolerated_is_not_told() -> None:
    books = WatchedBooks(tolerances=AlertTolerances(unpriced=3, quarantine=1))
    await books.take(*(usage_event(id=f"call-{n}", **UNPRICED) for n in range(3)), b"{}")

    await books.look(AlertKind.UNPRICED)

    assert books.outbox.alerts == []


async def test_tokens_that_are_not_known_are_told_once_they_should_be() -> None:
    books = WatchedBooks()
    pending = usage_event(id="stream", type="pending", stream=True, usage=None, model=None)
    await books.take(pending)
    today = await books.look(AlertKind.UNSETTLED)
    books.now += timedelta(days=2)
    await books.of.poster.post(books.now)

    (alert,) = await books.look(AlertKind.UNSETTLED)

    assert today == []
    assert alert.raised.facts.headline.startswith("The tokens of 1 call of ")
    assert alert.raised.facts.since == datetime.fromisoformat(f"{DAY}T00:00:00+00:00")
    assert alert.raised.facts.figures[0] == AlertFigure("Called most by", "unallocated (1 call)")


async def test_unusable_events_are_told_by_their_reason_and_taken_back_when_they_are_gone() -> None:
    books = WatchedBooks()
    await books.take(b"{}", b"[]")
    told = await books.look(AlertKind.QUARANTINE)
    for batch in await books.of.quarantine.batches():
        await books.of.quarantine.remove(batch)
    await books.look(AlertKind.QUARANTINE)

    after = await books.look(AlertKind.QUARANTINE)

    assert told
    assert all("so nobody is charged for" in each.raised.facts.headline for each in told)
    assert {each.raised.facts.since for each in told} == {datetime.fromisoformat(f"{DAY}T00:00:00+00:00")}
    assert all(each.cleared is not None for each in after)


async def test_more_events_of_a_reason_that_stands_are_not_told_again() -> None:
    books = WatchedBooks()
    for n in range(3):
        await books.of.quarantine.put([Rejected("no-source", "it has none", b"%d" % n, "a")], DAY)
        told = await books.look(AlertKind.QUARANTINE)

    assert [(each.matter.rule, each.raised.facts.headline[:7]) for each in told] == [("no-source", "1 event")]


async def test_contradictions_are_told_once_for_each_day_and_again_when_there_are_ten_times_as_many() -> None:
    books = WatchedBooks()
    counts = []
    for conflicts in (0, 3, 4, 40):
        await books.audited(conflicts=conflicts)
        counts.append(len(await books.look(AlertKind.CONFLICTS)))

    assert counts == [0, 1, 1, 2]


async def test_events_that_cannot_be_read_are_told_until_they_can_be() -> None:
    books = WatchedBooks()
    await books.audited(unreadable=2)
    (standing,) = await books.look(AlertKind.EVENTS_LOST)
    await books.audited(unreadable=0)
    await books.look(AlertKind.EVENTS_LOST)

    (alert,) = await books.look(AlertKind.EVENTS_LOST)

    assert standing.raised.facts.headline.startswith("2 events of ")
    assert alert.cleared is not None


async def test_a_ledger_that_lacks_something_is_told_until_the_loss_is_accepted() -> None:
    books = WatchedBooks()
    await SetAside(books.of.control).note(Stage.AUDIT, DAY, {"ledger": "3 appends are missing"})
    (standing,) = await books.look(AlertKind.LEDGER_SHORT)
    await SetAside(books.of.control).note(Stage.AUDIT, DAY, {})
    loss = AcceptedLoss(reason="a disk", by="Ann", at=books.now.isoformat(), events=7, missing=3, books_stand=True)
    await books.audited(losses=(loss,))
    await books.look(AlertKind.LEDGER_SHORT)

    (alert,) = await books.look(AlertKind.LEDGER_SHORT)

    assert standing.raised.facts.figures[0].value == "3 appends are missing"
    assert alert.cleared is not None
    assert alert.cleared.facts.cause == "Ann accepted the loss: a disk"
    (lost,) = [each for each in books.outbox.alerts if each.matter.rule == "accepted"]
    assert lost.raised.facts.headline.endswith("which Ann accepted; the books of that day stand")


async def test_a_part_of_the_ledger_that_is_gone_is_told_before_any_audit() -> None:
    books = WatchedBooks()
    await books.take(usage_event(id="call"))
    await books.watch._parts.look(books.now)
    books.of.ledger.events.clear()
    books.of.ledger._stamps.clear()

    told = await books.look(AlertKind.LEDGER_SHORT)

    assert [each.matter.scope for each in told] == [DAY]


async def test_a_refused_closing_is_told_once_and_taken_back_when_somebody_closes_the_month() -> None:
    books = WatchedBooks()
    await books.take(usage_event(id="call"))
    refused = ClosingRefused(MONTH, ["3 calls are unpriced", "the invoice is not complete"])
    for _ in range(2):
        await books.watch.refused([refused], books.now)
    (standing,) = await books.look(AlertKind.CLOSING)
    await close(books, reason="it is urgent")
    await books.look(AlertKind.CLOSING)

    (alert,) = await books.look(AlertKind.CLOSING)

    assert [each.value for each in standing.raised.facts.figures] == refused.reasons
    assert standing.raised.facts.since == datetime(2026, 4, 4, tzinfo=UTC)
    assert alert.cleared is not None
    assert alert.cleared.facts.cause == "Ann closed it all the same: it is urgent"
    (closed,) = [each for each in books.outbox.alerts if each.matter.kind is AlertKind.CLOSED]
    assert closed.is_event


async def test_a_closed_month_that_cannot_be_posted_is_told_until_it_is() -> None:
    books = WatchedBooks()
    refused = PostingRefused(MONTH, ["costCentres: no entry for 'research' or above it on 2026-03-10; it has 12 EUR"])
    await books.watch.unposted([refused], books.now)
    (standing,) = [each for each in books.outbox.alerts if each.matter.kind is AlertKind.POSTING]

    for days in (1, 2):
        await books.watch.unposted([], books.now + timedelta(days=days))

    (alert,) = [each for each in books.outbox.alerts if each.matter.kind is AlertKind.POSTING]
    assert [each.value for each in standing.raised.facts.figures] == refused.reasons
    assert alert.cleared is not None


async def close(books: WatchedBooks, reason: str) -> None:
    periods = Periods(books.of.control, books.of.ledger)
    known, token = await periods.get(MONTH)
    began = PeriodChange("closing", books.now, "Ann", reason)
    ended = PeriodChange("closed", books.now, "Ann", reason)
    await periods.swap(concluded(begun(known, "a1", "v1", began), "sha", {}, ended, true_up="", true_ups={}), token)


async def test_an_invoice_that_differs_is_told_until_it_does_not() -> None:
    books = WatchedBooks()
    kept = Comparisons(books.of.control)
    compared = Compared(
        MONTH, "run-1", is_final=False, invoiced="1000", booked="800", published="800", currency="USD",
        overdue="200", cause="bypassed-gateway",
        movers=(("gpt-4o input_tokens at east", "150"), ("capacity at west", "50")),
    )  # fmt: skip
    await kept.keep(compared)
    (standing,) = await books.look(AlertKind.VARIANCE)
    await kept.keep(Compared(MONTH, "run-2", True, "1000", "999", "999", "USD", overdue="1"))
    await books.look(AlertKind.VARIANCE)

    (alert,) = await books.look(AlertKind.VARIANCE)

    assert "is 200.00 USD above the books" in standing.raised.facts.headline
    assert ("Mostly because of", "bypassed gateway") in [
        (each.label, each.value) for each in standing.raised.facts.figures
    ]
    movers = [(each.what, each.amount) for each in standing.raised.facts.movers]
    assert movers == [("gpt-4o input_tokens at east", Decimal(150)), ("capacity at west", Decimal(50))]
    assert standing.raised.facts.currency == "USD"
    assert alert.cleared is not None
    assert alert.cleared.facts.cause == "The export run-2 and the books differ by 1.00 USD now"
    assert Decimal(compared.overdue) == 200
    assert books.now > NOW.replace(tzinfo=UTC)
