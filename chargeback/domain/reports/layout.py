"""The path of each published file: the only module that builds or reads such a path.

A path begins at the top of its container: `reports` for drafts and reconciliations, `closed` for the final files of a
period, both with the same paths. Only the drop for a FinOps hub has other paths in the hub's own container.
"""

import re
from enum import StrEnum, auto
from hashlib import sha256
from posixpath import basename

from chargeback.domain.reports.focus_columns import FocusVersion
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.time.months import Month

_CHARGES = re.compile(r"(\d{4}-\d\d)/charges-\1\.parquet")
_STATEMENTS = re.compile(r"(?P<folder>\d{4}-\d\d/statements/).+")
_HUB = "finops-hub"
_EVIDENCE = "evidence"
_LONGEST_COMPONENT = 200
_LONGEST_FOLDER = 600
_KEPT = "-_"


def period_folder(period: Month) -> str:
    """The beginning of the path of each file of a period."""
    return f"{period}/"


def chargeback_path(period: Month) -> str:
    """Every row, with its costs to the last digit."""
    return f"{period}/chargeback-{period}.csv"


def summary_path(period: Month) -> str:
    """What each cost centre pays."""
    return f"{period}/summary-{period}.csv"


def charges_path(period: Month) -> str:
    """The exact rows of a period."""
    return f"{period}/charges-{period}.parquet"


def period_of_charges(path: str) -> Month | None:
    """The period whose exact rows a file has; None for any other file."""
    found = _CHARGES.fullmatch(path)
    return Month(found[1]) if found else None


def focus_path(period: Month, version: FocusVersion) -> str:
    """The FOCUS file of a version."""
    return f"{period}/focus-{version}-{period}.csv"


def focus_metadata_path(period: Month, version: FocusVersion) -> str:
    """What FOCUS calls the metadata of that file."""
    return f"{period}/focus-{version}-{period}.metadata.json"


def workbook_path(period: Month) -> str:
    """The workbook."""
    return f"{period}/chargeback-{period}.xlsx"


def manifest_path(period: Month) -> str:
    """The manifest of a period's files."""
    return f"{period}/manifest.json"


def statement_path(cost_centre: str, period: Month, suffix: str) -> str:
    """A cost centre's statement; `suffix` is csv or html."""
    return f"{period}/statements/{statement_folder(cost_centre)}/statement-{period}.{suffix}"


def statement_folder(cost_centre: str) -> str:
    """The folder of a cost centre's statements: its path, safe as a blob's name, and never that of another centre.

    Letters and digits of any script, `-` and `_` stay; other characters become `~` and two hexadecimal digits for each
    of their bytes in UTF-8. What would be too long for a blob's name becomes `~~` and a digest.
    """
    components = [_component(component) for component in cost_centre.split("/")]
    folder = "/".join(components)
    if len(folder) > _LONGEST_FOLDER or max(map(len, components)) > _LONGEST_COMPONENT or not all(components):
        return f"~~{sha256(cost_centre.encode()).hexdigest()}"
    return folder


def _component(text: str) -> str:
    return "".join(
        letter if letter.isalnum() or letter in _KEPT else "".join(f"~{byte:02x}" for byte in letter.encode())
        for letter in text
    )


def folder_of_statement(path: str) -> str | None:
    """The folder of all statements of a period where the file is one of them; None for any other file."""
    found = _STATEMENTS.fullmatch(path)
    return found["folder"] if found else None


def staging_folder(period: Month, attempt: str) -> str:
    """Where an attempt at closing publishes: in this folder instead of the period's own."""
    return f"{_stagings(period)}{attempt}/"


def staged_path(path: str, period: Month, attempt: str) -> str:
    """Where an attempt at closing puts a file of its period; a path outside the period stays as it is."""
    return _moved(path, period_folder(period), staging_folder(period, attempt))


def unstaged_path(path: str, period: Month, attempt: str) -> str:
    """The path that a staged file has once it is filed."""
    return _moved(path, staging_folder(period, attempt), period_folder(period))


def is_staged(path: str, period: Month) -> bool:
    """Whether a file is of any attempt at closing the period."""
    return path.startswith(_stagings(period))


def _stagings(period: Month) -> str:
    return f"{period}/closing-"


def _moved(path: str, start: str, to: str) -> str:
    return to + path.removeprefix(start) if path.startswith(start) else path


def work_path(run: str, name: str) -> str:
    """Where a run that publishes keeps a file that its disk has no room for, until it ends.

    It is not in the folder of a period, so no other run takes it for a file of the period.
    """
    return f"work/{run}/{name}"


def reconciliation_path(period: Month, suffix: str) -> str:
    """A period's comparison with its invoice; `suffix` is csv or json.

    It is not in the folder of the period, because the drafts there are removed when the period closes.
    """
    return f"reconciliation/reconciliation-{period}.{suffix}"


def journal_path(period: Month) -> str:
    """The journal documents of a closed period, beside its other files."""
    return f"{period}/postings-{period}.csv"


def accrual_path(period: Month, until: BookDate) -> str:
    """The accrual of a period up to a date.

    It is not in the folder of the period, because the drafts there are removed when the period closes.
    """
    return f"accruals/postings-{period}-accrual-{until}.csv"


def plan_path(period: Month) -> str:
    """The plan of a period, made from its forecast."""
    return f"plans/plan-{period}.csv"


def plan_variance_path(period: Month, version: str) -> str:
    """How a period differs from a version of its plan."""
    return f"plans/plan-variance-{period}-{version}.csv"


def export_part_path(period: Month, digest: str) -> str:
    """The rows of a cost export that a comparison used; `digest` is that of the export, so that each is kept."""
    return f"reconciliation/export-{digest}-{period}.parquet"


def starts_beside(period: Month) -> tuple[str, ...]:
    """Under what the files about a period are that are not in its folder; most files there are about others.

    Each is one question to the store. Only the accruals are many, one for each day on which one is made.
    """
    return ("reconciliation/", f"accruals/postings-{period}-accrual-", "plans/")


def is_beside(path: str, period: Month) -> bool:
    """Whether a file is about a period and not in its folder."""
    if path.startswith("reconciliation/export-"):
        return path.endswith(f"-{period}.parquet")
    return path.startswith(
        (
            f"reconciliation/reconciliation-{period}.",
            f"accruals/postings-{period}-accrual-",
            f"plans/plan-{period}.",
            f"plans/plan-variance-{period}-",
        )
    )


def evidence_folder(period: Month) -> str:
    """Below it is what recomputes a closed period."""
    return f"{period}/{_EVIDENCE}/"


def evidence_index_path(period: Month) -> str:
    """The list of the evidence."""
    return f"{evidence_folder(period)}index.json"


def evidence_record_path(period: Month) -> str:
    """What else decided the period."""
    return f"{evidence_folder(period)}record.json"


def evidence_usage_path(period: Month, day: UtcDay) -> str:
    """The usage of a UTC day, by line and hour, as it was charged."""
    return f"{evidence_folder(period)}usage/utc_day={day}/records.parquet"


def evidence_configuration_path(period: Month, name: str) -> str:
    """A stored configuration by its name."""
    return f"{evidence_folder(period)}configuration/{name}.json"


def evidence_billed_path(period: Month, billed: Month) -> str:
    """The exact rows of a month that was billed before."""
    return f"{evidence_folder(period)}billed/charges-{billed}.parquet"


def evidence_invoice_path(period: Month, name: str) -> str:
    """A file about the provider's invoice: the rows that were used, or the comparison."""
    return f"{evidence_folder(period)}invoice/{name}"


def evidence_table_path(period: Month, name: str) -> str:
    """A table for people: `prices` with their sources, or `exchange-rates`."""
    return f"{evidence_folder(period)}{name}.csv"


def folder_of_evidence(path: str) -> str | None:
    """The folder of the evidence of a period where the file is of it; None for any other file."""
    folder = evidence_folder(Month(path.split("/")[0]))
    return folder if path.startswith(folder) else None


def hub_folder(period: Month) -> str:
    """Below it, the files of a period are as they have to be in the container of a FinOps hub."""
    return f"{period}/{_HUB}/"


def hub_path(period: Month, scope: str) -> str:
    """The one file of a period for a FinOps hub."""
    return f"{_hub_drop(period, scope)}/chargeback__costs.parquet"


def hub_manifest_path(period: Month, scope: str) -> str:
    """The file whose appearance makes a FinOps hub read the other one."""
    return f"{_hub_drop(period, scope)}/manifest.json"


def path_in_hub(path: str, period: Month) -> str:
    """Where a file below `hub_folder` belongs in the hub's own container."""
    return path.removeprefix(hub_folder(period))


def is_hub_manifest(path: str) -> bool:
    """Whether a file below `hub_folder` is the manifest."""
    return name_of(path) == "manifest.json"


def _hub_drop(period: Month, scope: str) -> str:
    year, month = period.split("-")
    return f"{hub_folder(period)}Costs/{year}/{month}/{scope}"


def name_of(path: str) -> str:
    """The last part of a path, for people who have the file before them."""
    return basename(path)


class PublishedKind(StrEnum):
    """What a published file is, in the order in which people look for files."""

    CHARGEBACK = auto()
    SUMMARY = auto()
    WORKBOOK = auto()
    JOURNAL = auto()
    ACCRUAL = auto()
    PLAN_VARIANCE = auto()
    PLAN = auto()
    FOCUS = auto()
    FOCUS_METADATA = auto()
    CHARGES = auto()
    MANIFEST = auto()
    RECONCILIATION_ROWS = auto()
    RECONCILIATION_SUMS = auto()
    EXPORT_PART = auto()
    EVIDENCE_USAGE = auto()
    EVIDENCE_CONFIGURATION = auto()
    EVIDENCE = auto()
    STATEMENT_PAGE = auto()
    STATEMENT_ROWS = auto()
    OTHER = auto()


_KINDS = (
    (PublishedKind.CHARGEBACK, r"chargeback-[\d-]+\.csv"),
    (PublishedKind.SUMMARY, r"summary-[\d-]+\.csv"),
    (PublishedKind.WORKBOOK, r"chargeback-[\d-]+\.xlsx"),
    (PublishedKind.JOURNAL, r"postings-[\d-]+\.csv"),
    (PublishedKind.ACCRUAL, r"accruals/.+"),
    (PublishedKind.PLAN_VARIANCE, r"plans/plan-variance-.+"),
    (PublishedKind.PLAN, r"plans/.+"),
    (PublishedKind.FOCUS, r"focus-[\d.]+-[\d-]+\.csv"),
    (PublishedKind.FOCUS_METADATA, r"focus-.+\.metadata\.json"),
    (PublishedKind.CHARGES, r"charges-[\d-]+\.parquet"),
    (PublishedKind.MANIFEST, r"manifest\.json"),
    (PublishedKind.RECONCILIATION_ROWS, r"reconciliation/.+\.csv"),
    (PublishedKind.RECONCILIATION_SUMS, r"reconciliation/.+\.json"),
    (PublishedKind.EXPORT_PART, r"reconciliation/export-.+"),
    (PublishedKind.EVIDENCE_USAGE, rf"{_EVIDENCE}/usage/.+"),
    (PublishedKind.EVIDENCE_CONFIGURATION, rf"{_EVIDENCE}/configuration/.+"),
    (PublishedKind.EVIDENCE, rf"{_EVIDENCE}/.+"),
    (PublishedKind.STATEMENT_PAGE, r"statements/.+\.html"),
    (PublishedKind.STATEMENT_ROWS, r"statements/.+\.csv"),
)
_ESCAPED = re.compile(r"(?:~[0-9a-f]{2})+")


def published_kind(path: str, period: Month) -> PublishedKind:
    """What a file about a period is, by its path."""
    name = path.removeprefix(period_folder(period))
    return next((kind for kind, form in _KINDS if re.fullmatch(form, name)), PublishedKind.OTHER)


def centre_of_statement(path: str, period: Month) -> str:
    """Whose statement a file is; empty for any other file. A folder whose name was too long stays as it is."""
    folder = path.removeprefix(period_folder(period)).rpartition("/")[0]
    start, _, centre = folder.partition("/")
    if start != "statements":
        return ""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[0].replace("~", "")).decode("utf-8", "replace"), centre)
