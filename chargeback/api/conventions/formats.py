"""Gives rows in the format that a request accepts: JSON, CSV or Parquet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from fastapi import Request

from chargeback.api.errors import ApiError
from chargeback.domain.money.exact import to_text
from chargeback.domain.reports.manifest import cell, csv_line
from chargeback.services.duck.table_file import write_table

Cell = str | int | bool | Decimal | None


class MediaType(StrEnum):
    """A format of an answer."""

    JSON = "application/json"
    CSV = "text/csv"
    PARQUET = "application/vnd.apache.parquet"


class CellType(StrEnum):
    """What a column of an answer holds, by the type that it has in a Parquet file."""

    TEXT = "VARCHAR"
    DATE = "DATE"
    COUNT = "BIGINT"
    FLAG = "BOOLEAN"
    AMOUNT = "DECIMAL(38, 18)"


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """The rows of an answer.

    Attributes:
        columns: name → what it holds, in order.
        rows: each with a cell for each column; an amount that is not known is None.
    """

    columns: Mapping[str, CellType]
    rows: Sequence[Sequence[Cell]]


def media_type_of(request: Request, offered: Sequence[MediaType] = tuple(MediaType)) -> MediaType:
    """The format that whoever asks likes best; 406 if there is none of those that are offered."""
    ranges = [_range(each) for each in ",".join(request.headers.getlist("accept")).split(",") if each.strip()]
    if not ranges:
        return offered[0]
    liked = {each: _quality(each, ranges) for each in offered}
    best = max(offered, key=lambda each: liked[each])  # the first of equals
    if liked[best] <= 0:
        raise ApiError(406, "NotAcceptable", f"accept one of {', '.join(offered)}", target="Accept")
    return best


def _range(text: str) -> tuple[str, float]:
    kind, *parameters = (each.strip().lower() for each in text.split(";"))
    quality = next((each.removeprefix("q=") for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, min(1.0, max(0.0, float(quality)))
    except ValueError:
        return kind, 0.0


def _quality(media_type: MediaType, ranges: Sequence[tuple[str, float]]) -> float:
    """By the most specific range that covers it (RFC 9110, section 12.5.1)."""
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        found = [quality for kind, quality in ranges if kind == name]
        if found:
            return max(found)
    return 0.0


def as_objects(table: AnswerTable) -> list[dict[str, Cell]]:
    """The rows as JSON has them: amounts are strings, so that no digit is lost."""
    names = tuple(table.columns)
    return [dict(zip(names, map(_json, row), strict=True)) for row in table.rows]


def as_csv(table: AnswerTable) -> bytes:
    """The rows as CSV, with nothing in it that a spreadsheet would run."""
    lines = [csv_line(tuple(table.columns)), *(csv_line(tuple(map(_cell, row))) for row in table.rows)]
    return b"".join(lines)


def as_parquet(table: AnswerTable) -> bytes:
    """The rows as a Parquet file, with amounts as decimals."""
    types = {name: str(kind) for name, kind in table.columns.items()}
    return write_table(types, (tuple(map(_json, row)) for row in table.rows))


def _json(value: Cell) -> Cell:
    return to_text(value) if isinstance(value, Decimal) else value


def _cell(value: Cell) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case Decimal():
            return to_text(value)
    return cell(value)
