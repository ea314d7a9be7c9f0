"""Settled days on real stores, with the rights that the app has in Azure: written by the audit, read by anybody."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from chargeback.bootstrap import Container
from chargeback.domain.money.exact import total
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.reports.settled import records_path, totals_path
from chargeback.domain.time.days import shifted, utc_day
from stack.stack import Stack
from tests.support.builders import usage_event

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
DAY = shifted(utc_day(NOW), -1)
LATER = NOW + timedelta(days=7)


@pytest.fixture
async def settled(clean_stores: Stack, container: Container) -> Container:
    """A day of three lines that is no longer open, audited."""
    events = [usage_event(time=f"{DAY}T09:00:00Z", username=f"user-{number}") for number in range(3)]
    await container.ingest.ingest(events, NOW)
    await container.auditor.audit(LATER)
    return container


async def read(container: Container) -> tuple[bool, dict[str, UsageRecord]]:
    async with container.settled_days.open(DAY) as file:
        is_settled = file is not None
    return is_settled, {each.record_id: each async for page in container.settled_days.records(DAY) for each in page}


async def booked(container: Container) -> dict[str, UsageRecord]:
    return {each.record_id: each async for page in container.books.records(DAY) for each in page}


async def test_a_settled_day_is_read_from_a_file_that_equals_the_books(settled: Container, tmp_path: Path) -> None:
    in_books = await booked(settled)

    assert await read(settled) == (True, in_books)
    assert len(in_books) == 3
    assert await settled.settled_files.fetch(records_path(DAY), tmp_path / "records.parquet")
    assert await settled.settled_files.fetch(totals_path(DAY[:7]), tmp_path / "totals.parquet")
    for name in ("records", "totals"):
        ((cost,),) = duckdb.sql(f"SELECT sum(cost) FROM '{tmp_path}/{name}.parquet'").fetchall()
        assert cost == total(each.cost for each in in_books.values())


async def test_a_damaged_file_is_not_read_and_the_next_audit_writes_it_again(
    settled: Container, tmp_path: Path
) -> None:
    path = records_path(DAY)
    await settled.settled_files.fetch(path, tmp_path / "before")
    (tmp_path / "other").write_bytes(b"PAR1 of somebody else")
    await settled.settled_files.put(path, tmp_path / "other", await settled.settled_files.token(path))

    assert await read(settled) == (False, await booked(settled))
    await settled.auditor.audit(LATER + timedelta(days=1))

    assert await read(settled) == (True, await booked(settled))
    await settled.settled_files.fetch(path, tmp_path / "after")
    assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()


async def test_a_late_call_is_in_the_file_after_the_next_audit(settled: Container) -> None:
    await settled.ingest.ingest([usage_event(time=f"{DAY}T10:00:00Z", username="late")], NOW)
    await settled.ledger.mark(DAY)

    await settled.auditor.audit(LATER + timedelta(days=1))

    in_books = await booked(settled)
    assert len(in_books) == 4
    assert await read(settled) == (True, in_books)
