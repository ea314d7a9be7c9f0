"""Prints plans and how months differ from them as CSV, and reads plans that finance wrote."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.journals.plans import Plan, PlanLine, PlanVariance
from chargeback.domain.money.currencies import currency_fault, minor_unit_decimals
from chargeback.domain.money.exact import to_text
from chargeback.domain.reports.manifest import cell, csv_line, unguarded
from chargeback.domain.time.months import Month, month

PLAN_COLUMNS = ("version", "company_code", "object", "gl_account", "period", "amount", "currency")
VARIANCE_COLUMNS = (
    *PLAN_COLUMNS[:5],
    "planned",
    "actual",
    "variance",
    "expected",
    "currency",
)

_VERSION = re.compile(r"[0-9A-Za-z_.-]{1,40}", re.A)
_AMOUNT = re.compile(r"-?\d{1,15}(\.(\d+))?", re.A)
_LONGEST = 40
_MOST_LINES = 10_000


def print_plan(plan: Plan) -> bytes:
    """The file of a plan; an amount that nobody can say is empty."""
    rows = [
        (plan.version, line.company, line.object, line.account, plan.period, line.amount, line.currency)
        for line in plan.lines
    ]
    return _printed(PLAN_COLUMNS, rows, (5,))


def print_variances(plan: Plan, found: Iterable[PlanVariance]) -> bytes:
    """The file of how a month differs from a plan."""
    rows = []
    for each in found:
        company, object_, account, currency = each.key
        amounts = tuple(_text(amount) for amount in (each.planned, each.actual, each.variance, each.expected))
        rows.append((plan.version, company, object_, account, plan.period, *amounts, currency))
    return _printed(VARIANCE_COLUMNS, rows, (5, 6, 7, 8))


def _printed(columns: Sequence[str], rows: Iterable[tuple[str, ...]], numbers: tuple[int, ...]) -> bytes:
    cells = (tuple(text if index in numbers else cell(text) for index, text in enumerate(row)) for row in rows)
    return b"".join([csv_line(tuple(columns)), *map(csv_line, cells)])


def _text(amount: Decimal | None) -> str:
    return "" if amount is None else to_text(amount)


def read_plans(content: bytes, file: str) -> list[Plan]:
    """The plans in a file, by month and version. Raises `InvalidConfig` with every fault as `file:line: reason`."""
    head, *rows = _rows(content, file)
    if tuple(head) != PLAN_COLUMNS:
        raise InvalidConfig([f"{file}:1: the columns are {','.join(head) or 'none'}, not {','.join(PLAN_COLUMNS)}"])
    plans: dict[tuple[str, str], dict[tuple[str, ...], PlanLine]] = {}
    faults: list[str] = []
    for number, row in enumerate(rows, 2):
        if not row:
            continue
        found = [unguarded(value) for value in row]
        reasons = list(_faults(found))
        if not reasons:
            version, company, object_, account, period, amount, currency = found
            line = PlanLine(company, object_, account, _exact(amount), currency)
            lines = plans.setdefault((period, version), {})
            if line.key in lines:
                reasons = [f"{company}, {object_}, {account} in {currency} is there twice"]
            lines[line.key] = line
        faults += [f"{file}:{number}: {reason}" for reason in reasons]
    if not plans and not faults:
        faults.append(f"{file}: has no line")
    if any(len(lines) > _MOST_LINES for lines in plans.values()):
        faults.append(f"{file}: a version has more than {_MOST_LINES} lines")
    if faults:
        raise InvalidConfig(faults)
    return [
        Plan(Month(period), version, tuple(line for _, line in sorted(lines.items())))
        for (period, version), lines in sorted(plans.items())
    ]


def _rows(content: bytes, file: str) -> list[list[str]]:
    """At least one."""
    try:
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))) or [[]]
    except UnicodeDecodeError as error:
        raise InvalidConfig([f"{file}: is not UTF-8: {error.reason} at byte {error.start}"]) from error
    except csv.Error as error:
        raise InvalidConfig([f"{file}: is not CSV: {error}; a quote may have no end"]) from error


def _faults(row: Sequence[str]) -> Iterator[str]:
    if len(row) != len(PLAN_COLUMNS):
        yield f"{len(row)} cells, not {len(PLAN_COLUMNS)}"
        return
    version, company, object_, account, period, amount, currency = row
    if not _VERSION.fullmatch(version):
        yield f"version: {version!r} is not 1 to 40 letters, digits, `_`, `.` and `-`"
    for name, text in (("company_code", company), ("object", object_), ("gl_account", account)):
        if not text or text != text.strip() or not text.isprintable() or len(text) > _LONGEST:
            yield f"{name}: {text!r} is empty, has blanks around it, is longer than {_LONGEST}, or cannot be printed"
    try:
        month(period)
    except InvalidConfig as error:
        yield f"period: {error}"
    if fault := currency_fault(currency):
        yield f"currency: {fault}"
        return
    known = _AMOUNT.fullmatch(amount)
    if amount and (known is None or len(known[2] or "") > minor_unit_decimals(currency)):
        yield (
            f"amount: {amount!r} is not a number with a decimal point and at most {minor_unit_decimals(currency)}"
            " places, nor empty"
        )


def _exact(amount: str) -> str:
    return to_text(Decimal(amount)) if amount else ""
