"""One table of rows feeds every file: the view, the Parquet file and the CSV say the same."""

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.errors import InconsistentFile, InvalidConfig
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.reports.manifest import CHARGEBACK_COLUMNS
from chargeback.domain.terms.shared_costs import Basis, CostKind, Per, SharedCost
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.usage.meters import Meter
from chargeback.services.duck.engine import Engine
from chargeback.services.duck.row_types import row_types
from chargeback.services.publishing import slices, staging
from chargeback.services.publishing.arrange import create_tables
from chargeback.services.publishing.files import Files, whole
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_inputs import Stored
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.publishing.publish import Writer, publish
from chargeback.services.running.progress import Progress
from tests.support.examples import few
from tests.support.published_files import PERIOD, ListedBooks, MemoryReports, charge, month, published, record, rows_of

pytestmark = pytest.mark.anyio

FEE = SharedCost("gateway", "Gateway", CostKind.FEE, Decimal("700.01"), Per.MONTH, "USD", Basis.USAGE)


class Reader:
    """A writer that remembers what it was given to read."""

    def __init__(self, query: str = "SELECT * FROM rows") -> None:
        self._query = query
        self.rows: list[dict[str, Any]] = []
        self.types: dict[str, str] = {}
        self.settled: PeriodTables | None = None

    async def __call__(self, settled: PeriodTables, files: Files, progress: Progress) -> None:
        self.settled = settled
        with settled.frame.open("chargeback.services.publishing", memory_limit_mb=64) as engine:
            self._read(engine, settled, [], [])
            async for found in settled.rows.each():
                self._read(engine, settled, found, [])
            async for found in settled.previous.each():
                self._read(engine, settled, [], found)

    def _read(self, engine: Engine, settled: PeriodTables, rows: list[Path], previous: list[Path]) -> None:
        settled.frame.show(engine, rows)
        settled.frame.show(engine, previous, view="previous_rows")
        result = engine._connection.execute(self._query)
        assert result.description
        names = [column[0] for column in result.description]
        self.types = {column[0]: str(column[1]) for column in result.description}
        self.rows += [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def busy_month(count: int = 40) -> list[UsageRecord]:
    rng = random.Random(9)
    return [
        record(
            charge(quantity=rng.randrange(10**9), cost=f"{rng.random():.12f}"),
            charge(Meter.OUTPUT, 7, None, state="unpriced"),
            charge(Meter.REQUESTS, rng.randrange(99), "0"),
            day=f"2026-03-{rng.randrange(1, 32):02}",
            centre=f"company/{n % 5}",
            user=f"user,{n}",
            company="=1+1",
            currency=("USD", "EUR")[n % 2],
        )
        for n in range(count)
    ]


TYPES = {name: kind.replace(", ", ",") for name, kind in row_types(6).items()}
TERMS = Terms(exchange_rates=[ExchangeRate("EUR", "USD", Decimal("1.0853"), "2026-03-30", "bank")], shared_costs=[FEE])


def printed(value: object) -> str:
    """A value of the view as the CSV has it."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"
    return f"'{value}" if str(value).startswith("=") else str(value)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def busy() -> tuple[Reader, Mapping[str, bytes]]:
    """What a reader was given of a busy month, and its files."""
    reader = Reader()
    _, files = await published(busy_month(), terms=TERMS, writers=[reader])
    return reader, files


async def test_the_view_has_the_columns_and_types_of_the_contract(busy: tuple[Reader, Mapping[str, bytes]]) -> None:
    assert busy[0].types == TYPES


async def test_every_row_of_the_view_is_a_line_of_the_csv(busy: tuple[Reader, Mapping[str, bytes]]) -> None:
    reader, files = busy

    expected = [
        {
            "billing_period": PERIOD,
            **{name: printed(row[name]) for name in CHARGEBACK_COLUMNS[1:]},
            "cost": "" if row["cost"] is None else f"{row['cost']:.6f}",
        }
        for row in reader.rows
    ]
    found = rows_of(files)
    assert len(found) == 40 * 3 + 5
    assert sorted(found, key=lambda row: row["charge_id"]) == sorted(expected, key=lambda row: row["charge_id"])
    assert len({row["charge_id"] for row in found}) == len(found)


async def test_the_parquet_file_holds_the_rows_in_the_order_of_the_csv(
    busy: tuple[Reader, Mapping[str, bytes]], tmp_path: Path
) -> None:
    reader, files = busy

    file = tmp_path / "charges.parquet"
    file.write_bytes(files[f"{PERIOD}/charges-{PERIOD}.parquet"])
    result = duckdb.sql(f"FROM read_parquet('{file}')")
    assert dict(zip(result.columns, map(str, result.types), strict=True)) == TYPES
    rows = [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]
    assert [row["charge_id"] for row in rows] == [row["charge_id"] for row in rows_of(files)]
    assert sorted(rows, key=lambda row: row["charge_id"]) == sorted(reader.rows, key=lambda row: row["charge_id"])


async def test_the_cuts_between_slices_and_loads_leave_no_trace(
    busy: tuple[Reader, Mapping[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = dict(busy[1])

    monkeypatch.setattr(slices, "SLICE_ROWS", 7)
    monkeypatch.setattr(staging, "PART_ROWS", 20)
    monkeypatch.setattr("chargeback.services.publishing.publish.BIN_ROWS", 30)
    _, in_pieces = await published(busy_month()[::-1], terms=TERMS)

    parquet, manifest = f"{PERIOD}/charges-{PERIOD}.parquet", f"{PERIOD}/manifest.json"
    assert rows_of_parquet(in_pieces.pop(parquet)) == rows_of_parquet(at_once.pop(parquet))
    assert without_parquet(in_pieces.pop(manifest)) == without_parquet(at_once.pop(manifest))
    assert in_pieces == at_once


def rows_of_parquet(content: bytes) -> list[Any]:
    with NamedTemporaryFile(suffix=".parquet") as file:
        file.write(content)
        file.flush()
        return duckdb.sql(f"FROM read_parquet('{file.name}')").fetchall()


def without_parquet(manifest: bytes) -> dict[str, Any]:
    """A manifest without the one file whose bytes depend on how its rows were cut."""
    said: dict[str, Any] = json.loads(manifest)
    return said | {"files": [file for file in said["files"] if not file["path"].endswith(".parquet")]}


async def test_what_identifies_a_charge_stays_the_same_when_its_amounts_change() -> None:
    _, before = await published([record(charge(quantity=10, cost="0.000025"))])
    _, after = await published([record(charge(quantity=20, cost="0.00005")), record(user="other")])

    (known,) = rows_of(before)
    assert known["charge_id"] in {row["charge_id"] for row in rows_of(after) if row["user"] == ""}


async def test_lines_that_differ_in_nothing_printed_are_charges_of_their_own() -> None:
    unpriced = charge(Meter.INPUT, 5, None, state="unpriced")

    _, files = await published([record(unpriced), record(unpriced, state="settled")])

    first, second = rows_of(files)
    assert first["charge_id"] != second["charge_id"]


async def test_writers_find_the_period_and_their_files_are_in_the_manifest() -> None:
    reader = Reader()

    async def write_note(settled: PeriodTables, files: Files, progress: Progress) -> None:
        await files.write(f"{PERIOD}/notes/hello.txt", "text/plain", whole(1, settled.frame.period.encode()))

    manifest, files = await published(busy_month(3), terms=TERMS, writers=[reader, write_note])

    assert files[f"{PERIOD}/notes/hello.txt"] == b"2026-03"
    assert [file.path for file in manifest.files] == [
        f"{PERIOD}/chargeback-{PERIOD}.csv",
        f"{PERIOD}/summary-{PERIOD}.csv",
        f"{PERIOD}/charges-{PERIOD}.parquet",
        f"{PERIOD}/notes/hello.txt",
    ]
    assert reader.settled is not None
    frame = reader.settled.frame
    assert (frame.previous_period, frame.currency) == ("2026-02", "USD")
    assert frame.centres == {"product": "Product", "product/search": "Search", "research": "Research"}


def note(name: str, waits_for: asyncio.Event, sets: asyncio.Event) -> Writer:
    async def write(settled: PeriodTables, files: Files, progress: Progress) -> None:
        sets.set()
        await asyncio.wait_for(waits_for.wait(), 30)
        await files.write(f"{PERIOD}/notes/{name}.txt", "text/plain", whole(1, name.encode()))

    return write


async def test_writers_of_a_tuple_write_side_by_side_and_the_manifest_keeps_their_order() -> None:
    first, second, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    side_by_side = note("b", second, first), note("a", first, second)
    manifest, _ = await published([record()], writers=[side_by_side, note("last", done, done)])

    assert [file.path.rpartition("/")[2] for file in manifest.files[3:]] == ["b.txt", "a.txt", "last.txt"]


async def test_one_that_fails_keeps_the_one_beside_it_from_nothing() -> None:
    failed, written = asyncio.Event(), asyncio.Event()

    async def fail(settled: PeriodTables, files: Files, progress: Progress) -> None:
        failed.set()
        raise InconsistentFile("row 7: the costs do not add up")

    left_out: dict[str, str] = {}
    reports = MemoryReports()
    writers = [(fail, note("a", failed, written))]
    manifest = await publish(month(), ListedBooks([record()]), reports, writers=writers, left_out=left_out)  # type: ignore[arg-type]
    with pytest.raises(InconsistentFile, match="row 7"):
        await publish(month(), ListedBooks([record()]), MemoryReports(), writers=writers)  # type: ignore[arg-type]

    assert manifest.files[-1].path == f"{PERIOD}/notes/a.txt"
    assert list(left_out) == ["fail"]


async def test_the_manifest_is_not_written_when_a_writer_fails() -> None:
    async def fail(settled: PeriodTables, files: Files, progress: Progress) -> None:
        raise RuntimeError("no paper")

    class Kept(MemoryReports):
        latest: "Kept"

        def __init__(self) -> None:
            super().__init__()
            Kept.latest = self

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.support.published_files.MemoryReports", Kept)
        with pytest.raises(RuntimeError, match="no paper"):
            await published([record()], writers=[fail])

    assert f"{PERIOD}/manifest.json" not in Kept.latest.files


async def test_the_period_before_is_there_to_compare_with() -> None:
    reader = Reader("SELECT user, cost FROM previous_rows")
    nothing = Reader("SELECT * FROM previous_rows")
    reports = MemoryReports()
    _, reports.files = await published([record(user="before")])

    await published([], previous=Stored(reports, f"{PERIOD}/charges-{PERIOD}.parquet"), writers=[reader])
    await published([], writers=[nothing])

    assert reader.rows == [{"user": "before", "cost": Decimal("0.002500")}]
    assert (nothing.rows, nothing.types) == ([], TYPES)


async def test_another_currency_is_converted_and_the_row_says_how() -> None:
    _, files = await published([record(charge(quantity=1_000_000, cost="2.5"), currency="EUR")], terms=TERMS)

    row = next(row for row in rows_of(files) if row["kind"] == "usage")
    assert (row["unit_price"], row["pricing_currency"], row["currency"]) == ("2.5", "EUR", "USD")
    assert (row["cost"], row["list_cost"]) == ("2.713250", "2.71325")  # 2.5 EUR at 1.0853
    assert (row["exchange_rate"], row["exchange_rate_date"], row["exchange_rate_source"]) == (
        "1.0853",
        "2026-03-30",
        "bank",
    )


async def test_without_an_exchange_rate_nothing_is_published() -> None:
    with pytest.raises(InvalidConfig, match=r"none from GBP to USD that is dated 2026-03-31 or before"):
        await published([record(currency="GBP")], terms=TERMS)


async def test_a_rate_that_does_not_fit_is_refused() -> None:
    terms = Terms(exchange_rates=[ExchangeRate("EUR", "USD", Decimal("1.0000000000001"), "2026-03-30", "bank")])

    with pytest.raises(InvalidConfig, match=r"EUR to USD is 1\.0000000000001; a rate is above zero"):
        await published([record(currency="EUR")], terms=terms)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> PeriodEngine:
    engine = PeriodEngine(tmp_path_factory.mktemp("engine"), decimals=6, memory_limit_mb=64, disk_limit_mb=100)
    create_tables(engine, ())
    return engine


AMOUNTS = st.decimals(-(10**12), 10**12, places=18, allow_nan=False, allow_infinity=False)
RATES = st.decimals("0.000000000001", 999_999, places=12, allow_nan=False, allow_infinity=False)


def convert(engine: PeriodEngine, pairs: Sequence[tuple[Decimal, Decimal]]) -> list[Decimal]:
    values = ", ".join(
        f"({n}, CAST('{amount:f}' AS DECIMAL(38, 18)), CAST('{rate:f}' AS DECIMAL(28, 12)))"
        for n, (amount, rate) in enumerate(pairs)
    )
    query = f"SELECT converted(amount, rate) FROM (VALUES {values}) AS t (n, amount, rate) ORDER BY n"
    return [amount for (amount,) in engine._connection.execute(query).fetchall()]


@settings(max_examples=few(12))
@given(pairs=st.lists(st.tuples(AMOUNTS, RATES), min_size=1, max_size=50))
def test_a_conversion_is_exact_to_18_decimals_half_to_even(
    engine: PeriodEngine, pairs: list[tuple[Decimal, Decimal]]
) -> None:
    expected = [_product(amount, rate) for amount, rate in pairs]

    assert convert(engine, pairs) == expected


def _product(amount: Decimal, rate: Decimal) -> Decimal:
    wide = Context(prec=80)
    return wide.quantize(wide.multiply(amount, rate), Decimal("1e-18"))


@pytest.mark.parametrize(
    ("amount", "rate", "expected"),
    [
        ("0.000000000000000001", "0.5", "0"),
        ("0.000000000000000003", "0.5", "0.000000000000000002"),
        ("0.000000000000000005", "0.5", "0.000000000000000002"),
        ("-0.000000000000000003", "0.5", "-0.000000000000000002"),
        ("-0.000000000000000001", "0.5", "0"),
        ("1.000000000000000001", "1.5", "1.500000000000000002"),
        ("1.000000000000000003", "1.5", "1.500000000000000004"),
        ("0.000000000000000001", "0.500000000001", "0.000000000000000001"),
    ],
)
def test_a_half_goes_to_the_even_neighbour(engine: PeriodEngine, amount: str, rate: str, expected: str) -> None:
    assert convert(engine, [(Decimal(amount), Decimal(rate))]) == [Decimal(expected)]
