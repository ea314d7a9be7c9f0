"""Prints the lines of a journal as the CSV `postings`, and reads them again."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

from chargeback.domain.journals.entries import EntryType, JournalLine
from chargeback.domain.money.currencies import minor_unit_decimals
from chargeback.domain.money.exact import ZERO, round_total
from chargeback.domain.reports.manifest import cell, csv_line, unguarded
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month

POSTING_COLUMNS = (
    "document_id",
    "line",
    "type",
    "period",
    "corrects_period",
    "document_date",
    "posting_date",
    "reversal_date",
    "company_code",
    "partner_company",
    "gl_account",
    "object_type",
    "object",
    "tax_code",
    "debit",
    "credit",
    "currency",
    "markup",
    "reverses_document",
    "text",
    "cost_centre",
    "kind",
    "manifest_sha256",
    "approved_by",
)


def posting_fields(line: JournalLine, manifest: str, approved_by: str) -> dict[str, str]:
    """A line's values by the columns of the file, without any protection for spreadsheets."""
    values = (
        line.document_id,
        str(line.number),
        line.type,
        line.period,
        line.corrects_period,
        line.document_date,
        line.posting_date,
        line.reversal_date,
        line.company,
        line.partner,
        line.account,
        line.object_type,
        line.object,
        line.tax_code,
        _money(line.debit, line.currency),
        _money(line.credit, line.currency),
        line.currency,
        _money(line.markup, line.currency) if line.cost_centre else "",
        line.reverses,
        line.text,
        line.cost_centre,
        line.kind,
        manifest,
        approved_by,
    )
    return dict(zip(POSTING_COLUMNS, values, strict=True))


def render_postings(lines: Iterable[JournalLine], manifest: str, approved_by: str) -> bytes:
    """The file; the same lines give the same bytes."""
    printed = [csv_line(POSTING_COLUMNS)]
    for line in lines:
        fields = posting_fields(line, manifest, approved_by)
        printed.append(csv_line(tuple(_cell(name, value) for name, value in fields.items())))
    return b"".join(printed)


def read_postings(content: bytes) -> list[JournalLine]:
    """The lines of a file."""
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
    return [_line({name: unguarded(value) for name, value in row.items()}) for row in rows]


def _cell(name: str, value: str) -> str:
    """Amounts are numbers, also below 0; everything else is text that a spreadsheet may not run."""
    return value if name in ("debit", "credit", "markup") else cell(value)


def _money(amount: Decimal, currency: str) -> str:
    return format(round_total(amount, minor_unit_decimals(currency)) or ZERO, f".{minor_unit_decimals(currency)}f")


def _line(row: dict[str, str]) -> JournalLine:
    return JournalLine(
        document_id=row["document_id"],
        number=int(row["line"]),
        type=EntryType(row["type"]),
        period=Month(row["period"]),
        corrects_period=Month(row["corrects_period"]),
        document_date=BookDate(row["document_date"]),
        posting_date=BookDate(row["posting_date"]),
        reversal_date=row["reversal_date"],
        company=row["company_code"],
        partner=row["partner_company"],
        account=row["gl_account"],
        object_type=row["object_type"],
        object=row["object"],
        tax_code=row["tax_code"],
        debit=Decimal(row["debit"]),
        credit=Decimal(row["credit"]),
        currency=row["currency"],
        markup=Decimal(row["markup"] or "0"),
        reverses=row["reverses_document"],
        text=row["text"],
        cost_centre=row["cost_centre"],
        kind=row["kind"],
    )
