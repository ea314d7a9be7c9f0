"""The files of days and months follow the books, whatever was lost, damaged or changed since."""

import logging
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from msgspec.structs import replace

from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.memory.stores import MemoryBooks, MemoryControl
from chargeback.domain.errors import SomeFailed, StoreUnavailable
from chargeback.domain.money.exact import to_text, total
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.reports.settled import TOTAL_COLUMNS, records_path, totals_path
from chargeback.services.running.set_aside import SetAside
from chargeback.services.settled.keep_settled import SettledUpkeep
from chargeback.services.settled.totals_pointer import TotalsPointers
from tests.services.settled.test_pack import record
from tests.services.settled.test_settle_day import Dying, Killed

pytestmark = pytest.mark.anyio

DAYS = ["2026-02-27", "2026-03-01", "2026-03-02"]


class Kept:
    """Books of three days in two months, with their files."""

    def __init__(self) -> None:
        self.books, self.files, self.control = MemoryBooks(), MemorySettledFiles(), MemoryControl()
        self.upkeep = SettledUpkeep(self.books, self.files, self.control)

    async def write(self, day: str, *records: UsageRecord) -> None:
        after = (await self.books.postings(day)).get(0)
        await self.books.write(day, 0, after, (None, "digest"), [of_day(day, each) for each in records])

    async def totals(self, folder: Path) -> dict[str, tuple[int, str]]:
        """Day → charges and cost of the month's file."""
        found: dict[str, tuple[int, str]] = {}
        for month in ("2026-02", "2026-03"):
            if await self.files.fetch(totals_path(month), folder / "totals.parquet"):
                sql = f"SELECT CAST(day AS VARCHAR), sum(charges), sum(cost) FROM '{folder}/totals.parquet' GROUP BY 1"
                found |= {day: (int(count), to_text(cost)) for day, count, cost in duckdb.sql(sql).fetchall()}
        return found

    def expected(self) -> dict[str, tuple[int, str]]:
        return {
            day: (
                sum(len(each.charges) for each in of_day.values()),
                to_text(total(each.cost for each in of_day.values())),
            )
            for day, of_day in self.books.days.items()
        }


def of_day(day: str, of: UsageRecord) -> UsageRecord:
    return replace(of, day=day, parts=tuple(replace(part, date=day) for part in of.parts))


@pytest.fixture
async def kept() -> Kept:
    found = Kept()
    for number, day in enumerate(DAYS):
        await found.write(day, record(number, quantity=1 + number), record(7, price="0.123456789012"))
    return found


async def test_days_and_months_are_written_once(kept: Kept, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await kept.upkeep.keep(DAYS)
    files = dict(kept.files.files)

    await kept.upkeep.keep(DAYS)

    assert set(files) == {*map(records_path, DAYS), totals_path("2026-02"), totals_path("2026-03")}
    assert await kept.totals(tmp_path) == kept.expected()
    assert kept.files.files == files
    assert caplog.text.count("days_settled") == 1
    assert '"days":3,"months":2' in caplog.text


async def test_a_late_change_writes_its_day_and_its_month_again(kept: Kept, tmp_path: Path) -> None:
    await kept.upkeep.keep(DAYS)
    files = dict(kept.files.files)
    await kept.write("2026-03-01", record(9))

    await kept.upkeep.keep(DAYS)

    assert {path for path, file in kept.files.files.items() if file != files[path]} == {
        records_path("2026-03-01"),
        totals_path("2026-03"),
    }
    assert await kept.totals(tmp_path) == kept.expected()


@pytest.mark.parametrize("path", [records_path("2026-03-01"), totals_path("2026-03")])
@pytest.mark.parametrize("damage", [None, b"", b"other bytes"])
async def test_what_is_missing_or_damaged_is_written_again(
    kept: Kept, path: str, damage: bytes | None, tmp_path: Path
) -> None:
    await kept.upkeep.keep(DAYS)
    content, _ = kept.files.files.pop(path)
    if damage is not None:
        (tmp_path / "damaged").write_bytes(damage)
        await kept.files.put(path, tmp_path / "damaged", None)

    await kept.upkeep.keep(DAYS)

    assert kept.files.files[path][0] == content


async def test_a_month_made_step_by_step_has_the_same_bytes_as_one_made_at_once(kept: Kept) -> None:
    for number in range(len(DAYS)):
        await kept.upkeep.keep(DAYS[: number + 1])
    step_by_step = kept.files.files[totals_path("2026-03")][0]
    del kept.files.files[totals_path("2026-03")]

    await kept.upkeep.keep(DAYS)

    assert kept.files.files[totals_path("2026-03")][0] == step_by_step


async def test_a_day_that_does_not_fit_is_set_aside_and_the_others_are_written(kept: Kept, tmp_path: Path) -> None:
    await kept.write("2026-03-02", record(3, price="9999999999999999", quantity=2**62))

    await kept.upkeep.keep(DAYS)

    (left,) = await SetAside(kept.control).all()
    assert (left.stage, left.day) == ("pack", "2026-03-02")
    assert "more than 20 digits" in left.parts["file"]
    assert records_path("2026-03-02") not in kept.files.files
    assert set(await kept.totals(tmp_path)) == {"2026-02-27", "2026-03-01"}

    await kept.write("2026-03-02", record(3))
    await kept.upkeep.keep(DAYS)

    assert await SetAside(kept.control).all() == []
    assert await kept.totals(tmp_path) == kept.expected()


async def test_a_store_that_fails_for_one_day_stops_no_other(kept: Kept) -> None:
    put = kept.files.put

    async def failing(path: str, file: Path, after: str | None) -> str:
        if path == records_path("2026-03-02"):
            raise StoreUnavailable("away")
        return await put(path, file, after)

    kept.files.put = failing  # type: ignore[method-assign]

    await kept.upkeep.keep(DAYS)

    (left,) = await SetAside(kept.control).all()
    assert (left.day, left.parts) == ("2026-03-02", {"file": "away"})
    assert {records_path("2026-02-27"), records_path("2026-03-01"), totals_path("2026-03")} <= set(kept.files.files)


@pytest.mark.parametrize("death", range(1, 9))
async def test_a_kill_while_a_month_is_written_leaves_a_file_that_the_next_run_replaces(
    kept: Kept, death: int, tmp_path: Path
) -> None:
    await kept.upkeep.keep(DAYS)
    await kept.write("2026-03-01", record(9))
    await kept.upkeep.settle("2026-03-01")
    deaths = [death]
    dying: Any = SettledUpkeep(
        kept.books,
        Dying(kept.files, ("token", "put"), deaths),
        Dying(kept.control, ("get_versioned", "swap"), deaths),
    )

    with suppress(Killed, SomeFailed):
        await dying.keep(DAYS)
    await kept.upkeep.keep(DAYS)

    assert await kept.totals(tmp_path) == kept.expected()
    pointer, _ = await TotalsPointers(kept.control).get("2026-03")
    assert pointer is not None
    assert pointer.token == kept.files.files[totals_path("2026-03")][1]


async def test_the_sums_have_the_columns_that_are_promised(kept: Kept, tmp_path: Path) -> None:
    await kept.upkeep.keep(DAYS)
    await kept.files.fetch(totals_path("2026-03"), tmp_path / "totals.parquet")

    described = duckdb.sql(f"DESCRIBE SELECT * FROM '{tmp_path}/totals.parquet'").fetchall()
    assert {name: kind for name, kind, *_ in described} == TOTAL_COLUMNS
    rows = duckdb.sql(
        f"SELECT application, model, meter, quantity, cost FROM '{tmp_path}/totals.parquet'"
        " WHERE day = '2026-03-02' AND meter = 'input_tokens'"
    ).fetchall()
    assert rows == [("search", "gpt-4o-2024-11-20", "input_tokens", 1_000_003, Decimal("0.1234642890120000"))]
