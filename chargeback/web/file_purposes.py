"""Says in plain words what each file of a month is for, and sorts the files as people look for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from chargeback.api.periods.files import FileAnswer, FileAnswers
from chargeback.domain.reports.layout import PublishedKind, centre_of_statement, published_kind
from chargeback.domain.time.months import Month

_SIZES = ("bytes", "kB", "MB", "GB", "TB")


class FileGroup(StrEnum):
    """Files that people look for together."""

    MAIN = "main"
    STATEMENTS = "statements"
    INVOICE = "invoice"
    EVIDENCE = "evidence"


PURPOSES: Mapping[PublishedKind, str] = {
    PublishedKind.CHARGEBACK: "Every charge of the month: bill from it",
    PublishedKind.SUMMARY: "What each cost centre pays",
    PublishedKind.WORKBOOK: "The month as a workbook, for spreadsheets",
    PublishedKind.JOURNAL: "Journal documents for the ERP",
    PublishedKind.ACCRUAL: "Accrual for the ERP, before the month is closed",
    PublishedKind.PLAN_VARIANCE: "How the month differs from its plan",
    PublishedKind.PLAN: "Plan of the month, made from its forecast",
    PublishedKind.FOCUS: "The charges in FOCUS, for FinOps tools",
    PublishedKind.FOCUS_METADATA: "Version and columns of the FOCUS file",
    PublishedKind.CHARGES: "Every row with its exact amounts, for programs",
    PublishedKind.MANIFEST: "Totals, prices, who approved and closed, and the SHA-256 of each file",
    PublishedKind.RECONCILIATION_ROWS: "Every difference between invoice and books",
    PublishedKind.RECONCILIATION_SUMS: "The comparison with the invoice, in sums",
    PublishedKind.EXPORT_PART: "The rows of the invoice that were compared",
    PublishedKind.EVIDENCE_USAGE: "Usage of a day, by line and hour, as it was charged",
    PublishedKind.EVIDENCE_CONFIGURATION: "Configuration that was in force",
    PublishedKind.EVIDENCE: "What the month is computed from",
    PublishedKind.STATEMENT_PAGE: "Statement to read and print",
    PublishedKind.STATEMENT_ROWS: "The rows of the statement",
    PublishedKind.OTHER: "Another file of the month",
}

_GROUPS = {
    PublishedKind.STATEMENT_PAGE: FileGroup.STATEMENTS,
    PublishedKind.STATEMENT_ROWS: FileGroup.STATEMENTS,
    PublishedKind.RECONCILIATION_ROWS: FileGroup.INVOICE,
    PublishedKind.RECONCILIATION_SUMS: FileGroup.INVOICE,
    PublishedKind.EXPORT_PART: FileGroup.INVOICE,
    PublishedKind.EVIDENCE_USAGE: FileGroup.EVIDENCE,
    PublishedKind.EVIDENCE_CONFIGURATION: FileGroup.EVIDENCE,
    PublishedKind.EVIDENCE: FileGroup.EVIDENCE,
}
"""Every other file is one of the main ones."""

_PLACES = {kind: place for place, kind in enumerate(PublishedKind)}


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file as a page lists it.

    Attributes:
        centre: whose statement it is; empty for any other file.
    """

    name: str
    purpose: str
    size: str
    sha256: str
    centre: str = ""

    @property
    def kind(self) -> str:
        """What its name ends with, such as CSV."""
        return self.name.rpartition(".")[2].upper()


def shown_files(found: FileAnswers) -> dict[FileGroup, list[ShownFile]]:
    """The files of a month by group, each group in the order in which people look for them."""
    period = Month(found.period)
    shown: dict[FileGroup, list[ShownFile]] = {group: [] for group in FileGroup}

    def kind_of(file: FileAnswer) -> PublishedKind:
        return published_kind(file.name, period)

    for each in sorted(found.value, key=lambda file: (_PLACES[kind_of(file)], file.name)):
        kind, centre = kind_of(each), centre_of_statement(each.name, period)
        file = ShownFile(each.name, PURPOSES[kind], size_words(each.bytes), each.sha256, centre)
        shown[_GROUPS.get(kind, FileGroup.MAIN)].append(file)
    return shown


def size_words(count: int) -> str:
    """A size that people read, such as 12.4 kB."""
    size = float(count)
    for unit in _SIZES:
        if size < 1000 or unit == _SIZES[-1]:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError
