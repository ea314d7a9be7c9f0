"""Journals on the command line: the documents of a closed month, accruals, and what the ERP answered."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import (
    By,
    Json,
    Overwrite,
    Period,
    book_date_of,
    day_option,
    refuse_existing,
)
from chargeback.cli.signed_in import acting
from chargeback.cli.terminal import run, written
from chargeback.domain.access.permissions import Permission
from chargeback.domain.journals.entries import EntryType, JournalLine
from chargeback.domain.reports.layout import name_of
from chargeback.domain.time.months import month
from chargeback.services.journals.column_template import ColumnTemplate, print_columns, read_template
from chargeback.services.journals.journal_documents import CurrencySums, ErpAnswer, JournalRecord

app = typer.Typer(help="Journal documents for the ERP: closed months and accruals.", no_args_is_help=True)

OutDir = Annotated[
    Path | None,
    typer.Option("--out-dir", metavar="FOLDER", help="Also download the file into this folder. Default: no download."),
]
Template = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="With --out-dir: also write it with the columns of an ERP: sap, oracle, dynamics, or a .toml file.",
        show_default=False,
    ),
]


class PostedDocument(Answer, frozen=True, kw_only=True):
    """A journal document; `erp_number` and `posted` are empty until somebody confirms it."""

    id: str
    type: str
    company: str
    currency: str
    amount: str
    posting_date: str
    reverses: str
    erp_number: str
    posted: str


class PostedJournal(Answer, frozen=True, kw_only=True):
    """A journal.

    Attributes:
        until: the date of an accrual; empty for the charges of a closed month.
        path: where its file is in the container: `closed`, for an accrual `reports`.
        version: the configuration whose posting rules made it.
        unknown: for an accrual, rows of the draft whose cost is not known, and which are not in it.
        already_posted: further accruals of the same month that the ERP has posted; it should have one.
        files: what was written into the folder of --out-dir.
    """

    period: str
    until: str
    container: str
    path: str
    sha256: str
    version: str
    approved_by: str
    documents: tuple[PostedDocument, ...]
    sums: tuple[CurrencySums, ...]
    unknown: int = 0
    already_posted: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class ShownJournals(Answer, frozen=True):
    """The journals of a month: that of its charges, if it has one, then its accruals."""

    period: str
    journals: tuple[PostedJournal, ...]


class ConfirmedDocument(Answer, frozen=True):
    """A document that the ERP has posted; `was_confirmed` where that was on record already."""

    document: str
    erp_number: str
    posted: str
    was_confirmed: bool


@app.command()
def make(
    period: Period,
    out_dir: OutDir = None,
    template: Template = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Make the journal documents of a closed month.

    They are written once, beside the other files of the month; a second run downloads the same ones.

    Example: chargeback postings make 2026-03 --out-dir . --template sap
    """
    columns = _columns(template, out_dir)

    async def work(container: Container) -> None:
        await acting(container, Permission.CHANGE_PERIODS)
        record = await container.journals.make(month(period), datetime.now(UTC))
        lines = await container.journals.lines(record)
        content = b"".join([piece async for piece in container.closed_reports.read(record.path)])
        files = _download(out_dir, record, content, lines, columns, overwrite=overwrite)
        journal = _posted(record, files=files)
        answer(journal, _told(journal), as_json=as_json)

    run(work)


@app.command()
def accrue(
    period: Period,
    until: Annotated[
        str | None, day_option("--until", "The last date that is accrued. Default: the last one that is over.")
    ] = None,
    out_dir: OutDir = None,
    template: Template = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Make the accrual of an open month, with its reversal in the next one.

    It has what the last draft charges by the date; `publish` makes a newer draft.

    Example: chargeback postings accrue 2026-03 --until 2026-03-15
    """
    columns = _columns(template, out_dir)

    async def work(container: Container) -> None:
        from chargeback.services.journals.render_postings import read_postings

        await acting(container, Permission.CHANGE_PERIODS)
        wanted = book_date_of(until) if until else None
        made = await container.accruals.accrue(month(period), wanted, datetime.now(UTC))
        lines = read_postings(made.content)
        files = _download(out_dir, made.record, made.content, lines, columns, overwrite=overwrite)
        earlier = tuple(each.name for each in made.earlier)
        journal = _posted(made.record, unknown=made.unknown, already_posted=earlier, files=files)
        answer(journal, _told(journal), as_json=as_json)
        finish(has_findings=bool(made.unknown or earlier))

    run(work)


@app.command()
def show(period: Period, as_json: Json = False) -> None:
    """Show the journals of a month: documents, sums, and what the ERP answered."""

    async def work(container: Container) -> None:
        found = [each for each in await container.journals.records.all() if each.period == month(period)]
        shown = ShownJournals(period, tuple(_posted(each) for each in found))
        answer(shown, _shown(shown), as_json=as_json)

    run(work)


@app.command()
def confirm(
    document: Annotated[str, typer.Argument(metavar="ID", help="The document, such as CB-2026-03-2000.")],
    erp_number: Annotated[str, typer.Option("--erp-number", metavar="TEXT", help="The number that the ERP gave it.")],
    posted: Annotated[str, day_option("--posted", "The date on which the ERP posted it.")],
    by: By = None,
    as_json: Json = False,
) -> None:
    """Record what the ERP answered to a document.

    The same answer may come again; another one is refused.

    Example: chargeback postings confirm CB-2026-03-2000 --erp-number 1900004711 --posted 2026-04-03
    """

    async def work(container: Container) -> None:
        from chargeback.services.journals.confirm_document import confirm_document

        who = await acting(container, Permission.CHANGE_PERIODS, by)
        said = ErpAnswer(document, erp_number, posted, who.by, "")
        record, was_confirmed = await confirm_document(container.journals.records, said, datetime.now(UTC))
        kept = record.answer_to(document)
        assert kept is not None
        confirmed = ConfirmedDocument(document, kept.erp_number, kept.posted, was_confirmed)
        before = " before; nothing changed" if was_confirmed else ""
        line = f"{document} is {kept.erp_number} in the ERP, posted on {kept.posted}{before}"
        answer(confirmed, [line], as_json=as_json)

    run(work)


def _columns(template: str | None, out_dir: Path | None) -> ColumnTemplate | None:
    if template is not None and out_dir is None:
        raise typer.BadParameter("--template needs --out-dir: where to write the file with these columns")
    return read_template(template) if template is not None else None


def _download(
    out_dir: Path | None,
    record: JournalRecord,
    content: bytes,
    lines: list[JournalLine],
    columns: ColumnTemplate | None,
    *,
    overwrite: bool,
) -> tuple[str, ...]:
    if out_dir is None:
        return ()
    name = name_of(record.path)
    contents = {name: content}
    for company, printed in (print_columns(columns, lines) if columns else {}).items():
        contents[f"{name.removesuffix('.csv')}{f'-{company}' if company else ''}-erp.csv"] = printed
    for each in contents:
        refuse_existing(out_dir / each, overwrite=overwrite)
    for each, printed in contents.items():
        with written(out_dir / each):
            (out_dir / each).write_bytes(printed)
    return tuple(str(out_dir / each) for each in contents)


def _posted(
    record: JournalRecord,
    *,
    unknown: int = 0,
    already_posted: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
) -> PostedJournal:
    documents = []
    for each in record.documents:
        known = record.answer_to(each.id)
        documents.append(
            PostedDocument(
                id=each.id,
                type=each.type,
                company=each.company,
                currency=each.currency,
                amount=each.amount,
                posting_date=each.posting_date,
                reverses=each.reverses,
                erp_number=known.erp_number if known else "",
                posted=known.posted if known else "",
            )
        )
    return PostedJournal(
        period=record.period,
        until=record.until,
        container="reports" if record.until else "closed",
        path=record.path,
        sha256=record.sha256,
        version=record.version,
        approved_by=record.approved_by,
        documents=tuple(documents),
        sums=record.sums,
        unknown=unknown,
        already_posted=already_posted,
        files=files,
    )


def _told(journal: PostedJournal) -> Iterator[str]:
    yield f"{journal.container}/{journal.path}: {len(journal.documents)} documents, sha256 {journal.sha256}"
    for each in journal.documents:
        answered = f"; {each.erp_number} in the ERP, posted on {each.posted}" if each.erp_number else ""
        reverses = f", reverses {each.reverses}" if each.reverses else ""
        waits = ", waits for the next month" if each.type == EntryType.CARRY else ""
        yield f"  {each.id}  {each.type}  {each.amount} {each.currency}{reverses}{waits}{answered}"
    for sums in journal.sums:
        yield (
            f"{sums.currency}: charged {sums.charged}, waited before {sums.waited}, posted {sums.posted},"
            f" waits now {sums.waiting}"
        )
    if journal.unknown:
        yield f"{journal.unknown} rows have no known cost, so they are not accrued"
    for name in journal.already_posted:
        yield f"the ERP has posted {name}, too: have it reverse one of the two"
    yield from (f"  {file}" for file in journal.files)


def _shown(shown: ShownJournals) -> Iterator[str]:
    if not shown.journals:
        yield f"{shown.period} has no journal: `postings make {shown.period}` makes that of a closed month"
    for each in shown.journals:
        yield from _told(each)
