"""The page on settled days lists the columns that the files have, with their types."""

import re
from pathlib import Path

from chargeback.domain.reports.settled import RECORD_COLUMNS, TOTAL_COLUMNS, records_path, totals_path

PAGE = (Path(__file__).parents[3] / "docs/settled-days.md").read_text("utf-8")


def columns_below(title: str) -> dict[str, str]:
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.M))


def test_the_page_lists_the_columns_of_a_day() -> None:
    assert list(columns_below("The columns of a day").items()) == list(RECORD_COLUMNS.items())


def test_the_page_lists_the_columns_of_a_month() -> None:
    assert list(columns_below("The columns of a month").items()) == list(TOTAL_COLUMNS.items())


def test_the_page_says_where_the_files_are() -> None:
    assert records_path("2026-11-03") in PAGE
    assert totals_path("2026-11") in PAGE


def test_no_folder_names_a_column_that_the_file_has() -> None:
    """Readers that take the names of folders as columns, such as pyarrow, refuse a column with two types."""
    for path, columns in ((records_path("2026-11-03"), RECORD_COLUMNS), (totals_path("2026-11"), TOTAL_COLUMNS)):
        assert not set(re.findall(r"(\w+)=", path)) & set(columns)
