"""A period is published in parts: how it is cut and where its parts wait changes no file, and nothing stays behind."""

import random
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.memory.stores import MemoryBooks
from chargeback.domain.rating.usage_record import Charge, UsageRecord
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.services.focus.write_focus import write_focus
from chargeback.services.focus.write_hub import write_hub
from chargeback.services.ports.reports import ReportWriter
from chargeback.services.publishing import arrange, row_slices, slices, staging, work_files
from chargeback.services.publishing import publish as publishing
from chargeback.services.publishing.period_inputs import Stored
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.publishing.publish import publish
from chargeback.services.publishing.published_slices import published_slices
from chargeback.services.settled.settle_day import settle_day
from chargeback.services.settled.settled_days import SettledDays
from chargeback.services.statements import draw_statements, write_statements
from chargeback.services.workbook.write_workbook import write_workbook
from tests.services.publishing.test_publish_rows import TERMS, rows_of_parquet, without_parquet
from tests.support.catalogues import catalogue
from tests.support.examples import few
from tests.support.published_files import PERIOD, ListedBooks, charge, month, published, record

pytestmark = pytest.mark.anyio

WRITERS = (write_focus, write_hub, write_workbook, partial(write_statements.write_statements, workers=0))
MANIFEST = f"{PERIOD}/manifest.json"
DAYS = (1, 2, 14, 20, 31)


FEW = 15
"""So many records have days, cost centres and currencies with several of them; a row that is cut alone takes long."""


def priced_month(count: int) -> list[UsageRecord]:
    """Usage of a few cost centres at 2.5 for a million, in two currencies, with texts that need quotes."""
    rng = random.Random(count)

    def used() -> Charge:
        quantity = rng.randrange(10**9)
        return charge(quantity=quantity, cost=format(quantity * Decimal("0.0000025"), "f"))

    return [
        record(
            used(),
            charge(Meter.REQUESTS, rng.randrange(99), "0"),
            day=f"2026-03-{rng.choice(DAYS):02}",
            centre=f"company/{n % 5}",
            user=f"user,{n}",
            company="=1+1",
            currency=("USD", "EUR")[n % 2],
        )
        for n in range(count)
    ]


def told(files: Mapping[str, bytes]) -> dict[str, object]:
    """The files of a period; a file whose bytes depend on how its rows were cut is told by these rows."""
    found: dict[str, object] = {}
    for path, content in files.items():
        if path.endswith(".parquet"):
            found[path] = rows_of_parquet(content)
        elif path == MANIFEST:
            found[path] = without_parquet(content)
        elif not path.endswith("manifest.json"):
            found[path] = content
    return found


async def settled_month(records: Sequence[UsageRecord], calendar: Calendar) -> tuple[SettledDays, SettledDays]:
    """The same books without files and with one for each day."""
    books, files = MemoryBooks(), MemorySettledFiles()
    by_day: dict[UtcDay, list[UsageRecord]] = {}
    for each in records:
        by_day.setdefault(each.day, []).append(each)
    for day, some in by_day.items():
        await books.write(day, 1, None, (None, "digest"), some)
        await settle_day(books, files, day)
    assert set(calendar.utc_days(Month(PERIOD))) >= by_day.keys()
    return SettledDays(books, MemorySettledFiles()), SettledDays(books, files)


async def test_every_file_of_a_month_is_the_same_bytes_whether_its_days_are_settled_or_not() -> None:
    calendar = Calendar((BooksSetting("2026-01", "Europe/Berlin", "USD"),))
    inputs = month(catalogue=catalogue(calendar=calendar), terms=TERMS)
    unsettled, settled = await settled_month(priced_month(60), calendar)
    read_from_books, read_from_files = MemoryReports(), MemoryReports()

    await publish(inputs, unsettled, read_from_books, writers=WRITERS)
    await publish(inputs, settled, read_from_files, writers=WRITERS)

    async with settled.open(UtcDay("2026-03-14")) as used, unsettled.open(UtcDay("2026-03-14")) as absent:
        assert (used is None, absent) == (False, None)
    assert read_from_files.files == read_from_books.files
    assert len(read_from_files.files) > 10


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def uncut() -> Mapping[str, bytes]:
    """The files of a month that is published in one piece."""
    return (await published(priced_month(FEW), terms=TERMS, writers=WRITERS))[1]


@settings(max_examples=few(2))
@given(
    part=st.integers(1, 90),
    cut=st.integers(1, 40),
    together=st.integers(1, 60),
    kept=st.sampled_from([0, 20_000, 10**9]),
)
async def test_no_file_says_how_its_period_was_cut_or_where_its_parts_waited(
    uncut: Mapping[str, bytes], part: int, cut: int, together: int, kept: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "PART_ROWS", part)
        patch.setattr(staging, "SETS_AT_ONCE", cut)
        patch.setattr(arrange, "SETS_AT_ONCE", cut)
        patch.setattr(slices, "SLICE_ROWS", cut)
        patch.setattr(publishing, "BIN_ROWS", together)
        patch.setattr(row_slices, "_ROWS_AT_ONCE", together)
        patch.setattr(write_statements, "_FETCHED_ROWS", together)
        patch.setattr(write_statements, "_PART_ROWS", cut)
        patch.setattr(draw_statements, "LARGE_ROWS", cut)
        patch.setitem(work_files.WorkFiles.__init__.__kwdefaults__, "kept_bytes", kept)
        _, found = await published(priced_month(FEW), terms=TERMS, writers=WRITERS)

    assert told(found) == told(uncut)


async def test_lines_that_come_again_in_a_later_part_are_in_their_order_beside_new_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    every_day, later = ["m", "b", "x"], ["a", "n", "z"]
    records = [
        record(charge(), day=f"2026-03-{day:02}", user=user)
        for day, users in ((1, every_day), (2, every_day), (14, [*every_day, *later]), (20, every_day[1:]), (31, later))
        for user in users
    ]
    _, expected = await published(records)

    monkeypatch.setattr(staging, "PART_ROWS", 1)
    monkeypatch.setattr(arrange, "SETS_AT_ONCE", 2)
    _, found = await published(records)

    assert told(found) == told(expected)


class WatchedReports(MemoryReports):
    """Reports that remember every file that was ever in them."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: set[str] = set()

    def create(
        self, path: str, content_type: str, *, only_if_absent: bool = False
    ) -> AbstractAsyncContextManager[ReportWriter]:
        self.ever.add(path)
        return super().create(path, content_type, only_if_absent=only_if_absent)


@pytest.mark.parametrize("fails", [False, True])
async def test_what_the_disk_has_no_room_for_waits_in_the_reports_and_is_gone_at_the_end(
    monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    async def fail(_: PeriodTables, *__: object) -> None:
        raise RuntimeError("no paper")

    monkeypatch.setitem(work_files.WorkFiles.__init__.__kwdefaults__, "kept_bytes", 0)
    reports = WatchedReports()
    run = publish(month(terms=TERMS), ListedBooks(priced_month(5)), reports, writers=[fail] if fails else WRITERS)

    if fails:
        with pytest.raises(RuntimeError, match="no paper"):
            await run
    else:
        await run

    assert len([path for path in reports.ever if path.startswith("work/")]) > 2
    assert [path for path in reports.files if path.startswith("work/")] == []


async def test_the_parts_on_disk_do_not_grow_with_the_month(monkeypatch: pytest.MonkeyPatch) -> None:
    """`benchmarks.publish --within=400` shows it for all temporary files, on a file system of that size."""
    on_disk, sent = [0], [0]
    kept = 30_000

    class MeasuredFiles(work_files.WorkFiles):
        async def put(self, file: Path) -> None:
            size = file.stat().st_size
            await super().put(file)
            on_disk.append(sum(each.stat().st_size for each in file.parent.glob("*.parquet")))
            sent[0] += 0 if file.exists() else size

    monkeypatch.setattr(publishing, "WorkFiles", MeasuredFiles)
    monkeypatch.setattr(staging, "PART_ROWS", 10)
    monkeypatch.setattr(slices, "SLICE_ROWS", 10)
    monkeypatch.setitem(work_files.WorkFiles.__init__.__kwdefaults__, "kept_bytes", kept)

    await publish(month(terms=TERMS), ListedBooks(priced_month(120)), MemoryReports())

    assert sent[0] > 2 * kept, "so little that all of it had room"
    assert max(on_disk) < 2 * kept


async def test_usage_of_a_date_that_is_not_of_its_day_is_refused_once_its_part_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(staging, "PART_ROWS", 1)
    one = record(day="2026-03-20")
    strange = replace(one, parts=(replace(one.parts[0], date=BookDate("2026-03-01")),))

    with pytest.raises(ValueError, match="has usage of 2026-03-01, which is not a date of that day: post it again"):
        await publish(month(), ListedBooks([record(day="2026-03-02"), strange]), MemoryReports())


async def test_a_published_file_is_read_by_its_row_groups_and_only_where_they_may_have_what_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_ROWS", 10)
    monkeypatch.setattr("chargeback.services.publishing.published_slices._SLICE_BYTES", 1)
    rng = random.Random(3)
    records = [record(charge(quantity=n + 1), day=f"2026-03-{n + 1:02}", user=str(rng.random())) for n in range(28)]
    reports = MemoryReports()
    _, reports.files = await published(records)

    rows = await published_slices(Stored(reports, f"{PERIOD}/charges-{PERIOD}.parquet"), tmp_path)

    async with rows.between(dates=("2026-03-14", "2026-03-14")) as files:
        some = [row for file in files for row in rows_of_parquet(file.read_bytes())]
    everything = [row async for files in rows.each() for file in files for row in rows_of_parquet(file.read_bytes())]
    assert len(everything) == 28
    assert {row[2] for row in some} >= {"2026-03-14"}
    assert len(some) <= 10
