"""The ports for published files and for the files of the provider's invoice."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from chargeback.domain.invoice.cost_exports import ExportRun


class ReportWriter(Protocol):
    """A file being written; it appears whole when its context ends without an exception, else not at all."""

    async def write(self, data: bytes) -> None:
        """Add bytes."""


class OpenReport(Protocol):
    """A file as it was when it was opened."""

    size: int

    async def read(self, first: int, end: int) -> bytes:
        """The bytes from `first` until before `end`. Raises `Superseded` where the file was replaced since."""


class Reports(Protocol):
    """The published files."""

    def create(
        self, path: str, content_type: str, *, only_if_absent: bool = False
    ) -> AbstractAsyncContextManager[ReportWriter]:
        """Write a file, replacing an older one at once when it is complete.

        `only_if_absent`: an older file stays. Raises `PeriodClosed` unless it holds the same bytes.
        """

    async def paths(self, prefix: str) -> list[str]:
        """The files under a prefix, ascending."""

    def read(self, path: str) -> AsyncIterator[bytes]:
        """A file's content, piece by piece."""

    async def open(self, path: str) -> OpenReport:
        """A file, to be read in parts."""

    async def remove(self, path: str) -> None:
        """Drop a file; one that is not there is no error."""


class Invoices(Protocol):
    """The provider's cost exports: what the invoice is made of."""

    @property
    def place(self) -> str:
        """The place of the exports, for messages."""

    async def runs(self, prefix: str) -> list[ExportRun]:
        """The runs of FOCUS exports below a folder, complete or not; empty: below every one."""

    def read(self, name: str) -> AsyncIterator[bytes]:
        """A file of a run, piece by piece."""
