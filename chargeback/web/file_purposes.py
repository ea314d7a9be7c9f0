"""Says in plain words what each file of a month is for, and sorts the files as people look for them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from chargeback.api.periods.files import FileAnswer

_SIZES = ("bytes", "kB", "MB", "GB", "TB")
_ESCAPED = re.compile(r"(?:~[0-9a-f]{2})+")


class FileGroup(StrEnum):
    """Files that people look for together."""

    MAIN = "main"
    STATEMENTS = "statements"
    INVOICE = "invoice"
    EVIDENCE = "evidence"


_PURPOSES = (
    (r"chargeback-[\d-]+\.csv", "Every charge of the month: bill from it"),
    (r"summary-[\d-]+\.csv", "What each cost centre pays"),
    (r"chargeback-[\d-]+\.xlsx", "The month as a workbook, for spreadsheets"),
    (r"postings-[\d-]+\.csv", "Journal documents for the ERP"),
    (r"accruals/.+", "Accrual for the ERP, before the month is closed"),
    (r"plans/plan-variance-.+", "How the month differs from its plan"),
    (r"plans/.+", "Plan of the month, made from its forecast"),
    (r"focus-[\d.]+-[\d-]+\.csv", "The charges in FOCUS, for FinOps tools"),
    (r"focus-.+\.metadata\.json", "Version and columns of the FOCUS file"),
    (r"charges-[\d-]+\.parquet", "Every row with its exact amounts, for programs"),
    (r"manifest\.json", "Totals, prices, who approved and closed, and the SHA-256 of each file"),
    (r"finops-hub/.+", "For a FinOps hub"),
    (r"reconciliation/.+\.csv", "Every difference between invoice and books"),
    (r"reconciliation/.+\.json", "The comparison with the invoice, in sums"),
    (r"reconciliation/export-.+", "The rows of the invoice that were compared"),
    (r"evidence/usage/.+", "Usage of a day, by line and hour, as it was charged"),
    (r"evidence/configuration/.+", "Configuration that was in force"),
    (r"evidence/.+", "What the month is computed from"),
    (r"statements/.+\.html", "Statement to read and print"),
    (r"statements/.+\.csv", "The rows of the statement"),
)
"""How a name begins and ends, in the order of the list on the page → what it is for."""


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


def shown_files(files: Iterable[FileAnswer]) -> dict[FileGroup, list[ShownFile]]:
    """The files by group, each group in the order in which people look for them."""
    found: dict[FileGroup, list[ShownFile]] = {group: [] for group in FileGroup}
    for each in sorted(files, key=lambda file: (_place(file.name), file.name)):
        shown = ShownFile(each.name, _purpose(each.name), size_words(each.bytes), each.sha256, _centre(each.name))
        found[_group(each.name)].append(shown)
    return found


def size_words(count: int) -> str:
    """A size that people read, such as 12.4 kB."""
    size = float(count)
    for unit in _SIZES:
        if size < 1000 or unit == _SIZES[-1]:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def _place(name: str) -> int:
    return next((place for place, (form, _) in enumerate(_PURPOSES) if re.fullmatch(form, name)), len(_PURPOSES))


def _purpose(name: str) -> str:
    place = _place(name)
    return _PURPOSES[place][1] if place < len(_PURPOSES) else "Another file of the month"


def _group(name: str) -> FileGroup:
    match name.partition("/")[0]:
        case "statements":
            return FileGroup.STATEMENTS
        case "reconciliation":
            return FileGroup.INVOICE
        case "evidence":
            return FileGroup.EVIDENCE
    return FileGroup.MAIN


def _centre(name: str) -> str:
    """Whose statement a file is, by the name of its folder; a shortened name stays as it is."""
    if not name.startswith("statements/"):
        return ""
    folder = name.removeprefix("statements/").rpartition("/")[0]
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[0].replace("~", "")).decode("utf-8", "replace"), folder)
