"""A file of a day gives back the records that it was made of, and the same records give the same bytes."""

import random
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.errors import Superseded
from chargeback.domain.money.exact import cost
from chargeback.domain.rating.usage_record import Charge, RecordPart, UsageRecord, ndjson, to_document
from chargeback.domain.reports.settled import RECORD_COLUMNS
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.states import LineState
from chargeback.services.settled import pack as packing
from chargeback.services.settled.pack import pack_records
from chargeback.services.settled.unpack import unpack_records
from tests.support.builders import DAY
from tests.support.catalogues import usage_line
from tests.support.examples import few

pytestmark = pytest.mark.anyio

names = st.text(st.characters(codec="utf-8"), max_size=6)
quantities = st.integers(0, 2**62)
prices = st.decimals(0, 10**16 - 1, places=12)
costs = st.decimals(0, 10**20 - 1, places=18)
meters = st.sampled_from(list(Meter))
states = st.sampled_from(list(LineState))
charges = st.builds(
    Charge, meters, quantities, states, *[st.none() | prices] * 3, price_id=names, cost=st.none() | costs
)
parts = st.builds(
    RecordPart,
    st.sampled_from(["2026-03-19", DAY, "2026-03-21"]),
    names,
    names,
    st.lists(charges, min_size=1, max_size=3).map(tuple),
)
lines = st.builds(Line, *[names] * 16, state=st.sampled_from([each for each in LineState if each != "unpriced"]))
records = st.builds(
    UsageRecord,
    st.just(DAY),
    lines,
    st.dictionaries(st.integers(0, 23), st.dictionaries(meters, quantities, max_size=3), max_size=4),
    st.sampled_from(["USD", "EUR"]),
    names,
    names,
    st.lists(parts, min_size=1, max_size=3).map(tuple),
)


def record(number: int = 1, *, quantity: int = 1_000_000, price: str = "2.5", **line: str) -> UsageRecord:
    amount = Decimal(price)
    charge = Charge(Meter.INPUT, quantity, LineState.EXACT, amount, amount, amount, "gpt", cost(quantity, amount))
    free = Charge(Meter.REQUESTS, 3, LineState.EXACT, None, None, None, "", Decimal(0))
    of = usage_line(user=f"user-{number}", **line)
    hours = {9: {Meter.INPUT: quantity, Meter.REQUESTS: 3}}
    return UsageRecord(DAY, of, hours, "USD", "GlobalStandard", "eastus2", (RecordPart(DAY, "a", "r", (charge, free)),))


async def pages(of: Sequence[UsageRecord], size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(of), size):
        yield ndjson(map(to_document, of[start : start + size]))


async def packed(folder: Path, of: Sequence[UsageRecord], *, size: int = 1000) -> Path:
    file = folder / f"{len(list(folder.iterdir()))}.parquet"
    await pack_records(DAY, pages(of, size), folder, file)
    return file


async def unpacked(file: Path) -> list[UsageRecord]:
    return [record async for page in unpack_records(DAY, file) for record in page]


def by_id(of: Sequence[UsageRecord]) -> dict[str, UsageRecord]:
    found = {each.record_id: each for each in of}
    assert len(found) == len(of)
    return found


@settings(max_examples=few(6))
@given(st.lists(records, max_size=5, unique_by=lambda each: each.record_id), st.randoms())
async def test_records_come_back_equal_and_their_order_changes_no_byte(
    of: list[UsageRecord], rng: random.Random
) -> None:
    with TemporaryDirectory() as name:
        first = await packed(Path(name), of)
        rng.shuffle(of)
        second = await packed(Path(name), of, size=1)

        assert by_id(await unpacked(first)) == by_id(of)
        assert first.read_bytes() == second.read_bytes()


async def test_many_records_are_sorted_in_stretches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packing, "BUCKET_CHARGES", 90)
    monkeypatch.setattr(packing, "LOAD_BYTES", 100_000)
    of = [record(number) for number in range(300)]

    file = await packed(tmp_path, of)

    assert by_id(await unpacked(file)) == by_id(of)
    assert sorted(each.name for each in tmp_path.iterdir()) == [file.name]


async def test_a_record_or_part_without_charges_has_no_row(tmp_path: Path) -> None:
    whole = record(1)
    parts = (RecordPart("2026-03-19", "b", "", ()), *whole.parts)
    of = [UsageRecord(DAY, whole.line, whole.hours, "USD", "GlobalStandard", "eastus2", parts)]
    empty = UsageRecord(DAY, record(2).line, {}, "USD", "", "", ())

    assert await unpacked(await packed(tmp_path, [*of, empty])) == [whole]


async def test_the_file_has_the_columns_that_are_promised(tmp_path: Path) -> None:
    file = await packed(tmp_path, [record()])

    described = duckdb.sql(f"DESCRIBE SELECT * FROM '{file}'").fetchall()
    assert {name: kind for name, kind, *_ in described} == RECORD_COLUMNS


async def test_a_day_without_records_is_a_file_without_rows(tmp_path: Path) -> None:
    file = await packed(tmp_path, [])

    assert await unpacked(file) == []
    assert len(duckdb.sql(f"SELECT * FROM '{file}'").columns) == len(RECORD_COLUMNS)


async def test_a_line_that_comes_twice_means_that_the_books_changed(tmp_path: Path) -> None:
    with pytest.raises(Superseded, match="came twice"):
        await packed(tmp_path, [record(1), record(2), record(1)])


@pytest.mark.parametrize(
    ("price", "quantity", "named"),
    [
        ("0.0000000000001", 1, "a price of line .* is 0.0000000000001: it has more than 16 digits or 12 decimals"),
        ("12345678901234567", 1, "a price of line .* is 12345678901234567: it has more than 16 digits"),
        ("9999999999999999", 2**62, "a cost of line .*: it has more than 20 digits or 18 decimals"),
    ],
)
async def test_an_amount_that_does_not_fit_is_refused_and_never_rounded(
    price: str, quantity: int, named: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=named):
        await packed(tmp_path, [record(1), record(2, price=price, quantity=quantity)])
