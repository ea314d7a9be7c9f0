"""Prints a journal with the columns of an ERP's import, by a template that is data: which column has which field."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path

import msgspec

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.journals.entries import EntryType, JournalLine
from chargeback.domain.reports.manifest import cell, csv_line
from chargeback.services.journals.render_postings import POSTING_COLUMNS, posting_fields

SHIPPED = ("sap", "oracle", "dynamics")

_AMOUNT, _ROW, _POSTING_MONTH = "amount", "row", "posting_month"
_NUMBERS = ("debit", "credit", "markup", _AMOUNT)
_FIELDS = (*POSTING_COLUMNS, _AMOUNT, _ROW, _POSTING_MONTH)


class TemplateColumn(msgspec.Struct, frozen=True, rename={"fields": "from"}, forbid_unknown_fields=True):
    """A column of the import.

    Attributes:
        fields: the columns of the postings that it has, or `amount` (the debit, or the credit below 0), `row` (the
            number of the line in the file), `posting_month`.
        text: what it always has, where it has no field.
        join: stands between several fields; those that are empty are left out.
        date: how a date is written, as in `strftime`.
        zero: stands for an amount of 0.
        when: field → the values with which the column has anything.
    """

    name: str
    fields: tuple[str, ...] = ()
    text: str = ""
    join: str = " "
    date: str = ""
    zero: str | None = None
    when: dict[str, tuple[str, ...]] = {}


class ColumnTemplate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The columns of an import.

    Attributes:
        source: who says what the columns are called.
        each_company: whether there is a file for each company.
    """

    source: str
    columns: tuple[TemplateColumn, ...]
    each_company: bool = False


def read_template(name: str) -> ColumnTemplate:
    """A shipped template by its name, or one of your own by its path. Raises `InvalidConfig`."""
    if name in SHIPPED:
        content = files("chargeback.services.journals").joinpath("templates", f"{name}.toml").read_text("utf-8")
    elif name.endswith(".toml"):
        try:
            content = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidConfig([f"{name}: {error}"]) from error
    else:
        raise InvalidConfig(
            [f"there is no template {name!r}: name {', '.join(SHIPPED)} or a file that ends with .toml"]
        )
    try:
        template = msgspec.convert(tomllib.loads(content), ColumnTemplate)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidConfig([f"{name}: {error}"]) from error
    unknown = [
        f"{name}: {column.name}: no such field {field!r}; there are {', '.join(_FIELDS)}"
        for column in template.columns
        for field in (*column.fields, *column.when)
        if field not in _FIELDS
    ]
    if unknown:
        raise InvalidConfig(unknown)
    return template


def print_columns(template: ColumnTemplate, lines: Iterable[JournalLine]) -> dict[str, bytes]:
    """Company → its file, or one file of all under an empty string; what waits is for no ERP."""
    printed: dict[str, list[bytes]] = {}
    head = csv_line(tuple(cell(column.name) for column in template.columns))
    for line in lines:
        if line.type is EntryType.CARRY:
            continue
        of = line.company if template.each_company else ""
        rows = printed.setdefault(of, [head])
        rows.append(csv_line(tuple(_cells(template, line, len(rows)))))
    return {company: b"".join(found) for company, found in sorted(printed.items())}


def _cells(template: ColumnTemplate, line: JournalLine, row: int) -> Iterator[str]:
    fields = posting_fields(line, "", "") | {_ROW: str(row), _POSTING_MONTH: line.posting_date[:7]}
    fields[_AMOUNT] = f"-{fields['credit']}" if line.credit else fields["debit"]
    for column in template.columns:
        if any(fields[field] not in values for field, values in column.when.items()):
            yield ""
        elif len(column.fields) == 1 and column.fields[0] in _NUMBERS:
            is_zero = not fields[column.fields[0]].strip("-0.")
            yield fields[column.fields[0]] if column.zero is None or not is_zero else column.zero
        else:
            yield cell(_text(column, fields))


def _text(column: TemplateColumn, fields: Mapping[str, str]) -> str:
    if not column.fields:
        return column.text
    values = [fields[field] for field in column.fields if fields[field]]
    if column.date:
        values = [date.fromisoformat(value).strftime(column.date) for value in values]
    return column.join.join(values)
