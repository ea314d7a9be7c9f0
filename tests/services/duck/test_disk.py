"""A period that the temporary disk cannot hold is refused before it is settled, with what it takes."""

from pathlib import Path

import pytest

from chargeback.domain.errors import NoRoom
from chargeback.services.duck.disk import PEAK_OVER_STAGED, require_room, room_in
from chargeback.services.publishing.period_engine import PeriodEngine


def test_what_the_peak_of_the_work_needs_must_be_there() -> None:
    require_room(100, 100 * PEAK_OVER_STAGED, 1)

    with pytest.raises(NoRoom, match=r"7,000,000 charges need about 1,600 MB .* there are 800 MB: publish from"):
        require_room(200_000_000, 800_000_000, 7_000_000)


def test_the_room_is_what_the_host_gives_or_what_is_free(tmp_path: Path) -> None:
    assert room_in(tmp_path, 1) == 1_000_000
    assert room_in(tmp_path, 1 << 40) == pytest.approx(room_in(tmp_path, None), rel=0.2)


def test_an_engine_spills_no_more_than_its_room_and_says_so(tmp_path: Path) -> None:
    engine = PeriodEngine(tmp_path, decimals=6, memory_limit_mb=40, disk_limit_mb=2)
    many = "SELECT list(i) FROM (SELECT range AS i, hash(range) % 7 AS part FROM range(20_000_000)) GROUP BY part"
    engine._statements = {"too much": f"CREATE TEMP TABLE large AS {many}"}

    with pytest.raises(NoRoom, match="neither memory nor temporary disk hold the period"):
        engine.run("too much")
    engine.close()


def test_what_an_engine_takes_is_known(tmp_path: Path) -> None:
    engine = PeriodEngine(tmp_path, decimals=6, memory_limit_mb=40)
    (tmp_path / "documents.ndjson").write_bytes(b"x" * 5000)

    assert engine.size() >= 5000
    engine.close()
