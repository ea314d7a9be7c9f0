"""The glossary explains what the reports print, all of it and nothing else."""

import re
from pathlib import Path

from chargeback.domain import focus
from chargeback.domain.meters import Meter
from chargeback.domain.report import COLUMNS, SUMMARY_COLUMNS, SUMMARY_METERS
from chargeback.services.reconciling.render_reconciliation import RECONCILIATION_COLUMNS

GLOSSARY = (Path(__file__).parents[1] / "docs" / "glossary.md").read_text()


def explained(heading: str) -> list[str]:
    section = GLOSSARY.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    first_cells = re.findall(r"^\| (`.*?) \|", section, re.M)
    return [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]


def test_every_column_of_the_chargeback_file_is_explained_in_its_order() -> None:
    assert explained("The columns of `chargeback-<period>.csv`") == list(COLUMNS)


def test_every_column_of_the_summary_is_explained_in_its_order() -> None:
    own = [column for column in SUMMARY_COLUMNS if column not in SUMMARY_METERS]

    assert explained("The columns of `summary-<period>.csv`") == own


def test_every_meter_is_explained() -> None:
    assert sorted(explained("Meters")) == sorted(Meter)


def test_every_column_of_ours_in_the_focus_file_is_explained_in_its_order() -> None:
    own = [column for column in focus.COLUMNS if column.startswith("x_")]

    assert explained("Our own columns of `focus-<period>.csv`") == own


def test_every_column_of_the_reconciliation_is_explained_in_its_order() -> None:
    assert explained("The columns of `reconciliation-<period>.csv`") == list(RECONCILIATION_COLUMNS)
