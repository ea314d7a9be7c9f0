"""A period that the temporary disk cannot hold is refused before it is settled, with what it takes."""

from pathlib import Path
from shutil import disk_usage

import duckdb
import pytest

from chargeback.domain.errors import NoRoom
from chargeback.services.duck.connection import translated_errors
from chargeback.services.duck.disk import PEAK_OVER_STAGED, require_room, room_in
from chargeback.services.publishing.period_engine import PeriodEngine


def test_what_the_peak_of_the_work_needs_must_be_there() -> None:
    require_room(100, int(100 * PEAK_OVER_STAGED), 1)

    with pytest.raises(NoRoom, match=r"7\u202f000\u202f000 charges of a few dates need about 500 MB .* 400 MB: see"):
        require_room(200_000_000, 400_000_000, 7_000_000)


def test_the_room_is_what_the_host_gives_or_what_is_free(tmp_path: Path) -> None:
    assert room_in(tmp_path, 1) == 1_000_000
    assert room_in(tmp_path, 1 << 40) == pytest.approx(disk_usage(tmp_path).free, rel=0.2)


def test_an_engine_spills_no_more_than_its_room_and_says_so(tmp_path: Path) -> None:
    engine = PeriodEngine(tmp_path, decimals=6, memory_limit_mb=40, disk_limit_mb=2)
    many = "SELECT list(i) FROM (SELECT range AS i, hash(range) % 7 AS part FROM range(5_000_000)) GROUP BY part"
    engine._statements = {"too much": f"CREATE TEMP TABLE large AS {many}"}

    with pytest.raises(NoRoom, match="neither memory nor temporary disk hold the period"):
        engine.run("too much")
    engine.close()


def test_a_disk_that_others_fill_meanwhile_is_no_fault_of_the_data() -> None:
    with pytest.raises(NoRoom, match="the temporary disk is full"), translated_errors():
        raise duckdb.IOException('IO Error: Could not write file "spill": No space left on device')
