"""Workbooks as somebody reads them: by a library that did not write them, and by the XML of their parts."""

import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from python_calamine import CalamineWorkbook

from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.workbook.write_workbook import write_workbook
from tests.support.period_tables import framed, period_tables
from tests.support.rows_of_every_kind import written

NAME = "chargeback-2026-03.xlsx"

Lines = list[list[Any]]
Book = dict[str, Lines]


def workbook_of(tables: PeriodTables) -> bytes:
    """The file."""
    return written(write_workbook, tables)[NAME]


def read_workbook(content: bytes) -> Book:
    """Sheet → its lines."""
    read = CalamineWorkbook.from_filelike(BytesIO(content))
    return {name: read.get_sheet_by_name(name).to_python() for name in read.sheet_names}


def book(folder: Path, rows: Sequence[Mapping[str, Any]], **fields: Any) -> Book:
    """The workbook of a period with these rows and facts."""
    return read_workbook(workbook_of(framed(period_tables(folder, rows), **fields)))


def table(lines: Lines, key: str) -> dict[Any, dict[str, Any]]:
    """The lines below the header that has this column, by their value in it."""
    start = next(number for number, line in enumerate(lines) if key in line)
    header, *rest = lines[start:]
    return {line[header.index(key)]: dict(zip(header, line, strict=True)) for line in rest}


def parts(content: bytes, folder: str) -> dict[str, str]:
    """The XML of the parts in a folder, such as `xl/tables/`."""
    with ZipFile(BytesIO(content)) as found:
        return {name: found.read(name).decode() for name in found.namelist() if name.startswith(folder)}


def found(pattern: str, content: bytes, folder: str) -> list[str]:
    """Every match in the parts of a folder."""
    return [each for xml in parts(content, folder).values() for each in re.findall(pattern, xml)]
