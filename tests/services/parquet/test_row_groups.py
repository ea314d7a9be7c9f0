"""Parquet files that are joined or divided by their row groups hold the same rows, and a stranger's file is refused."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.errors import InconsistentFile
from chargeback.services.parquet.compact_structs import read_struct, write_struct
from chargeback.services.parquet.row_groups import (
    TAIL_BYTES,
    Footer,
    JoinedFile,
    file_of,
    footer_length,
    read_footer,
)

COLUMNS = (
    "range AS number, 'centre-' || range // 700 AS centre, md5(range::VARCHAR) AS id,"
    " (range * 1.23)::DECIMAL(38, 18) AS cost"
)
NULLABLE = "SET disabled_optimizers = 'statistics_propagation'"


def made(file: Path, first: int, end: int, *, columns: str = COLUMNS, options: str = "") -> Path:
    with duckdb.connect() as engine:
        engine.execute(NULLABLE)
        rows = f"SELECT {columns} FROM range({first}, {end})"
        engine.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet, COMPRESSION zstd{options})")
    return file


def joined(*files: Path) -> bytes:
    one = JoinedFile()
    return b"".join(piece for file in files for piece in one.append(file)) + one.end()


def rows(file: Path, condition: str = "true") -> list[Any]:
    return duckdb.sql(f"SELECT * FROM read_parquet('{file}') WHERE {condition}").fetchall()


def footer(content: bytes) -> Footer:
    length = footer_length(content[-TAIL_BYTES:])
    return read_footer(content[-TAIL_BYTES - length : -TAIL_BYTES])


@pytest.mark.parametrize("options", ["", ", WRITE_BLOOM_FILTER false", ", ROW_GROUP_SIZE 2048"])
def test_joined_files_have_all_rows_in_order_and_answer_filters(tmp_path: Path, options: str) -> None:
    bounds = [(0, 5000), (5000, 5001), (5001, 9000)]
    files = [made(tmp_path / f"{first}.parquet", first, end, options=options) for first, end in bounds]

    whole = tmp_path / "whole.parquet"
    whole.write_bytes(joined(*files))

    assert rows(whole) == rows(made(tmp_path / "once.parquet", 0, 9000))
    assert [number for number, *_ in rows(whole, "centre = 'centre-7' AND number > 5500")] == list(range(5501, 5600))


def test_a_file_of_some_row_groups_has_their_rows(tmp_path: Path) -> None:
    files = [made(tmp_path / f"{first}.parquet", first, first + 3000) for first in (0, 3000, 6000)]
    whole = joined(*files)
    known = footer(whole)

    part = tmp_path / "part.parquet"
    wanted = known.groups[1:]
    part.write_bytes(b"".join(file_of(known, wanted, (whole[group.first : group.end] for group in wanted))))

    assert [number for number, *_ in rows(part)] == list(range(3000, 9000))
    assert [(group.rows, group.least["centre"], group.greatest["centre"]) for group in wanted] == [
        (3000, b"centre-4", b"centre-8"),
        (3000, b"centre-10", b"centre-9"),
    ]


def test_a_joined_file_can_be_joined_again(tmp_path: Path) -> None:
    first, second = (made(tmp_path / f"{start}.parquet", start, start + 100) for start in (0, 100))
    both = tmp_path / "both.parquet"
    both.write_bytes(joined(first, second))

    again = tmp_path / "again.parquet"
    again.write_bytes(joined(both, made(tmp_path / "third.parquet", 200, 300)))

    assert [number for number, *_ in rows(again)] == list(range(300))


def test_files_with_other_columns_are_not_joined(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one.parquet", 0, 9), made(tmp_path / "other.parquet", 0, 9, columns="range AS number")

    with pytest.raises(InconsistentFile, match="different columns"):
        joined(one, other)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no Parquet file at all"])
def test_what_is_no_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "strange"
    file.write_bytes(content)

    with pytest.raises(InconsistentFile):
        joined(file)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_struct_or_refused(content: bytes) -> None:
    try:
        found = read_struct(content)
    except InconsistentFile:
        return
    assert read_struct(write_struct(found)) == found


def test_a_footer_is_written_as_it_was_read(tmp_path: Path) -> None:
    content = made(tmp_path / "one.parquet", 0, 9000, options=", ROW_GROUP_SIZE 2048").read_bytes()
    length = footer_length(content[-TAIL_BYTES:])
    said = content[-TAIL_BYTES - length : -TAIL_BYTES]

    assert write_struct(read_struct(said)) == said
