"""Statements that are written in tests, and readers of what was written."""

import csv
import io
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.reports.layout import statement_path
from chargeback.services.publishing.files import Files
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.running.progress import ignore_progress
from chargeback.services.statements.write_statements import write_statements
from tests.support.period_tables import PERIOD, period_tables

THIN = "\N{NARROW NO-BREAK SPACE}"
_PLAIN = {ord(THIN): "_", ord("\N{MINUS SIGN}"): "-", ord("\N{EN DASH}"): "-"}
_VOID = {"meta", "br", "link", "img", "hr", "input"}


async def written(of: PeriodTables, *, workers: int | None = None) -> tuple[Files, dict[str, bytes]]:
    reports = MemoryReports()
    files = Files(reports)
    await write_statements(of, files, ignore_progress, workers=workers)
    return files, reports.files


async def pages(folder: Path, rows: Sequence[Mapping[str, Any]], **given: Any) -> "Pages":
    """The pages of a period by cost centre; those that are asked for by name exist."""
    _, files = await written(period_tables(folder, rows, **given))
    return Pages({path: Page(content.decode()) for path, content in files.items() if path.endswith(".html")})


class Pages(dict[str, "Page"]):
    """Pages by path; by cost centre with `of`."""

    def of(self, centre: str) -> "Page":
        return self[statement_path(centre, PERIOD, "html")]


def csv_rows(files: Mapping[str, bytes], centre: str) -> list[dict[str, str]]:
    text = files[statement_path(centre, PERIOD, "csv")].decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def plain(text: str) -> str:
    """A text as tests write it: `_` for a thin space, `-` for a minus sign or dash, one space for any white space."""
    return " ".join(text.translate(_PLAIN).split())


class Page(HTMLParser):
    """A page read strictly: every element is closed in order, so that no text can have become markup.

    Attributes:
        tags: those of every element, with its attributes.
        text: that of all elements but the style sheet, `plain`.
        tables: by the id of the heading of the section they are in, or of the section itself, rows of `plain` cells.
        charts: by the id of the section, the number of charts.
    """

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source = source
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.charts: dict[str, int] = {}
        self._open: list[str] = []
        self._section = ""
        self._texts: list[str] = []
        self._cell: list[str] | None = None
        self.feed(source)
        self.close()
        assert not self._open, self._open
        self.text = plain("".join(self._texts))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), attrs
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "section":
            self._section = dict(attrs).get("aria-labelledby") or dict(attrs).get("id") or ""
        if tag == "svg" and dict(attrs).get("class") == "chart":
            self.charts[self._section] = self.charts.get(self._section, 0) + 1
        if tag == "tr":
            self.tables.setdefault(self._section, []).append([])
        if tag in ("td", "th"):
            self._cell = []
        if tag in ("p", "h1", "h2", "h3", "dt", "dd", "tr", "td", "th", "div", "br"):
            self._texts.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"nothing is open for </{tag}>"
        assert self._open.pop() == tag, tag
        if tag in ("td", "th"):
            assert self._cell is not None
            self.tables[self._section][-1].append(plain("".join(self._cell)))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self._texts.append(data)
        if self._cell is not None:
            self._cell.append(data)

    def row(self, section: str, first: str) -> list[str]:
        """The cells of the row of a table that begins with this."""
        (row,) = [row for row in self.tables[section] if row[0] == first]
        return row
