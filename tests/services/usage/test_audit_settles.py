"""The audit writes the file of a day that is no longer open, and writes it again after a late change."""

from datetime import datetime, timedelta

import pytest

from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.reports.settled import records_path, totals_path
from chargeback.services.settled.settled_days import SettledDays
from chargeback.services.usage.audit import Auditor
from tests.support.builders import DAY, NOW, usage_event
from tests.support.catalogues import catalogue
from tests.support.product_in_memory import ProductInMemory, in_memory

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(days=7)


class Audits:
    """A product in memory whose audit keeps files."""

    def __init__(self) -> None:
        self.product: ProductInMemory = in_memory(catalogue())
        self.files = MemorySettledFiles()
        self.days = SettledDays(self.product.books, self.files)

    async def take(self, *events: bytes, now: datetime = NOW) -> None:
        await self.product.ingest.ingest(list(events), now)

    async def audit(self, now: datetime) -> None:
        of = self.product
        await Auditor(of.ledger, of.counter, of.books, of.control, of.catalogues, of.poster, self.files).audit(now)

    async def read(self) -> tuple[bool, dict[str, UsageRecord]]:
        async with self.days.open(DAY) as file:
            is_settled = file is not None
        return is_settled, {each.record_id: each async for page in self.days.records(DAY) for each in page}

    @property
    def booked(self) -> dict[str, UsageRecord]:
        return {name: each for name, each in self.product.books.days[DAY].items() if each.charges}


async def test_an_open_day_has_no_file_and_a_settled_one_has() -> None:
    audits = Audits()
    await audits.take(usage_event(), usage_event(username="b"))

    await audits.audit(NOW + timedelta(days=1))
    assert audits.files.files == {}

    await audits.audit(LATER)
    assert set(audits.files.files) == {records_path(DAY), totals_path(DAY[:7])}
    assert await audits.read() == (True, audits.booked)


async def test_a_late_event_is_in_the_file_after_the_next_audit() -> None:
    audits = Audits()
    await audits.take(usage_event())
    await audits.audit(LATER)
    await audits.take(usage_event(username="late"), now=LATER)

    await audits.audit(LATER + timedelta(days=1))

    assert len(audits.booked) == 2
    assert await audits.read() == (True, audits.booked)


async def test_a_file_that_is_gone_is_written_by_the_next_audit_although_its_day_is_not_audited_again() -> None:
    audits = Audits()
    await audits.take(usage_event())
    await audits.audit(LATER)
    content, _ = audits.files.files.pop(records_path(DAY))

    await audits.audit(LATER + timedelta(days=1))

    assert audits.files.files[records_path(DAY)][0] == content
    assert await audits.read() == (True, audits.booked)


async def test_a_person_who_is_removed_from_the_ledger_is_no_longer_in_the_file() -> None:
    audits = Audits()
    named = usage_event(username="person@example.com", userObjectId="0c1b7f3e-0000-4000-8000-000000000001")
    await audits.take(named, usage_event(username="another"))
    await audits.audit(LATER)
    settled = audits.files.files[records_path(DAY)][0]

    without = named.replace(b"person@example.com", b"removed").replace(b"0c1b7f3e", b"00000000")
    events = audits.product.ledger.events[DAY]
    events[events.index(next(each for each in events if b"person@example.com" in each))] = without
    await audits.product.ledger.mark(DAY)
    await audits.audit(LATER + timedelta(days=1))

    _, records = await audits.read()
    assert b"person@example.com" in settled
    assert {each.line.user for each in records.values()} == {"removed", "another"}
    assert all(b"person@example.com" not in content for content, _ in audits.files.files.values())
