"""The FOCUS files as files: two versions from one pass, whole or not at all, the same bytes for the same rows."""

import asyncio
import json
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.errors import InconsistentFile
from chargeback.domain.reports.focus_columns import FocusVersion, focus_columns
from chargeback.services.focus import focus_rows
from chargeback.services.focus.write_focus import write_focus
from chargeback.services.publishing.files import Files
from chargeback.services.running.progress import ignore_progress
from tests.services.focus.test_write_focus import focus, two_folders
from tests.support.period_tables import period_tables, row
from tests.support.rows_of_every_kind import (
    csv_rows,
    every_kind,
    shared,
    written,
)


def test_both_versions_have_the_same_charges_and_their_own_columns(tmp_path: Path) -> None:
    files = written(write_focus, period_tables(tmp_path, every_kind()))

    older, newer = (csv_rows(files[f"focus-{version}-2026-03.csv"]) for version in FocusVersion)

    assert [list(each[0]) for each in (older, newer)] == [list(focus_columns(version)) for version in FocusVersion]
    assert older == [{name: each[name] for name in older[0]} for each in newer]
    for version in FocusVersion:
        told = json.loads(files[f"focus-{version}-2026-03.metadata.json"])
        content = files[f"focus-{version}-2026-03.csv"]
        assert told["Schema"]["FocusVersion"] == version
        assert told["x_File"] == {
            "name": f"focus-{version}-2026-03.csv",
            "rows": len(older),
            "bytes": len(content),
            "sha256": sha256(content).hexdigest(),
        }


def test_a_file_that_cannot_be_written_leaves_neither_version(tmp_path: Path) -> None:
    reports = MemoryReports()
    wrong = row(list_cost=Decimal("2.500000000000000001"))

    with pytest.raises(InconsistentFile):
        asyncio.run(write_focus(period_tables(tmp_path, [row(), wrong]), Files(reports), ignore_progress))

    assert reports.files == {}


def test_what_a_caller_chose_is_text_and_stays_one_cell(tmp_path: Path) -> None:
    (told,) = focus(tmp_path, [row(deployment='=cmd("x"),\r\n', subscription_id='a"b\\c\n')])

    assert told["ResourceName"] == '\'=cmd("x"),\r\n'
    assert json.loads(told["Tags"])["chargeback/subscription"] == 'a"b\\c\n'


def test_a_period_without_rows_is_a_header(tmp_path: Path) -> None:
    assert focus(tmp_path, []) == []


def test_the_same_rows_in_another_order_are_the_same_bytes(tmp_path: Path) -> None:
    rows = [each | {"charge_id": f"{number:032x}"} for number, each in enumerate(every_kind())]

    one, other = (
        written(write_focus, period_tables(tmp_path / name, given))
        for name, given in zip(two_folders(tmp_path), (rows, rows[::-1]), strict=True)
    )

    assert one == other


def test_batches_of_a_day_make_the_file_of_one_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    period = period_tables(tmp_path, every_kind())
    whole = written(write_focus, period)

    monkeypatch.setattr(focus_rows, "_BATCH_ROWS", 1)

    assert written(write_focus, period) == whole


def test_a_cost_that_is_not_price_times_quantity_stops_the_file(tmp_path: Path) -> None:
    wrong = row(list_cost=Decimal("2.500000000000000001"), cost_centre="research")

    with pytest.raises(InconsistentFile, match=r"research.*ListCost is ListUnitPrice times PricingQuantity"):
        focus(tmp_path, [row(), wrong])


def test_parts_that_do_not_make_a_whole_stop_the_file(tmp_path: Path) -> None:
    with pytest.raises(InconsistentFile, match=r"ptu-east .* sum to 0.25"):
        focus(tmp_path, [shared("0.25")])


def test_tags_hold_no_separator_after_which_a_spreadsheet_sees_a_formula(tmp_path: Path) -> None:
    text = 'x;=1+1|=2\\;"'

    files = written(write_focus, period_tables(tmp_path, [row(model=text, app_id=text)]))

    content = files["focus-1.3-2026-03.csv"].decode()
    assert ";=" not in content
    assert "|=" not in content
    (told,) = csv_rows(files["focus-1.3-2026-03.csv"])
    assert text in json.loads(told["Tags"]).values()
