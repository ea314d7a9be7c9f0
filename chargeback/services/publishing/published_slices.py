"""The rows of a published period as slices: row groups of its file, fetched when they are read."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from chargeback.services.parquet.row_groups import TAIL_BYTES, Footer, RowGroup, file_of, footer_length, read_footer
from chargeback.services.ports.reports import OpenReport
from chargeback.services.publishing.period_inputs import Stored
from chargeback.services.publishing.row_slices import RowSlice, RowSlices

_SLICE_BYTES = 8_000_000
_LEAST, _GREATEST = "", "\U0010ffff"


async def published_slices(stored: Stored, folder: Path) -> RowSlices:
    """The rows of a file of `write_charges`; files that are fetched go into a folder while they are read."""
    report = await stored.reports.open(stored.path)
    length = footer_length(await report.read(report.size - TAIL_BYTES, report.size))
    footer = read_footer(await report.read(report.size - TAIL_BYTES - length, report.size - TAIL_BYTES))
    published = _Published(report, footer, folder, {})
    return RowSlices(published.slices(), published.local)


@dataclass(frozen=True, slots=True)
class _Published:
    report: OpenReport
    footer: Footer
    folder: Path
    groups: dict[str, list[RowGroup]]

    def slices(self) -> list[RowSlice]:
        """Row groups together as long as they are small."""
        together: list[list[RowGroup]] = []
        for group in self.footer.groups:
            if together and group.end - together[-1][0].first <= _SLICE_BYTES:
                together[-1].append(group)
            else:
                together.append([group])
        return [self._slice(groups) for groups in together]

    def _slice(self, groups: Sequence[RowGroup]) -> RowSlice:
        name = f"groups-{groups[0].first:012}"
        self.groups[name] = list(groups)
        rows = sum(group.rows for group in groups)
        dates, centres, kinds = (_bounds(groups, column) for column in ("charge_date", "cost_centre", "kind"))
        return RowSlice(name, rows, dates, centres, kinds == ("usage", "usage"))

    @asynccontextmanager
    async def local(self, names: Sequence[str]) -> AsyncIterator[list[Path]]:
        """The files of some slices."""
        files: list[Path] = []
        try:
            for name in names:
                files.append(self.folder / f"{name}-{token_hex(4)}.parquet")
                await self._fetch(self.groups[name], files[-1])
            yield files
        finally:
            for file in files:
                file.unlink(missing_ok=True)

    async def _fetch(self, groups: Sequence[RowGroup], file: Path) -> None:
        content = await self.report.read(groups[0].first, groups[-1].end)
        start = groups[0].first
        contents = (content[group.first - start : group.end - start] for group in groups)
        with file.open("wb") as local:
            local.writelines(file_of(self.footer, groups, contents))


def _bounds(groups: Sequence[RowGroup], column: str) -> tuple[str, str]:
    """Between which values a column lies; a bound that was cut within a character stands for none."""
    if any(column not in group.least for group in groups):
        return _LEAST, _GREATEST
    try:
        least = min(group.least[column] for group in groups).decode()
        return least, max(group.greatest[column] for group in groups).decode()
    except UnicodeDecodeError:
        return _LEAST, _GREATEST
