"""How the files of a period are printed: the columns of the CSV files, cells safe for spreadsheets, the manifest.

Files are RFC 4180 with CRLF line ends, UTF-8 without a byte order mark, decimal points and no exponents.
"""

import re
from datetime import datetime
from typing import Any

import msgspec

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.reports.unverified import UnverifiedAmount
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month, month
from chargeback.domain.usage.meters import Meter

MAX_DECIMALS = 12

FRONT = (
    "cost_centre",
    "subscription_id",
    "product_id",
    "user",
    "company",
    "billing_code",
    "operation",
    "provider",
    "model",
    "deployment",
    "deployment_type",
    "region",
    "service_tier",
)
"""The columns between the date and the meter."""

BACK = ("tenant_id", "app_id", "user_object_id", "apim_user_id", "backend", "variant", "allocation_rule")
"""The columns after the price: what else tells one row from another."""

FURTHER = (
    "kind",
    "list_unit_price",
    "contracted_unit_price",
    "list_cost",
    "contracted_cost",
    "charge_id",
    "corrects_period",
    "corrects_charge_id",
    "shared_cost",
    "allocation_basis",
    "allocated_ratio",
    "pricing_currency",
    "exchange_rate",
    "exchange_rate_date",
    "exchange_rate_source",
    "correction_reason",
    "price_verified",
)
"""The columns at the end: what else is known of a row's price, and what it stands for if it is not usage."""

CHARGEBACK_COLUMNS = (
    "billing_period",
    "charge_date",
    *FRONT,
    "meter",
    "quantity",
    "unit",
    "unit_price",
    "price_unit",
    "currency",
    "cost",
    "state",
    "requests",
    "price_id",
    *BACK,
    *FURTHER,
)

SUMMARY_METERS = tuple(meter for meter in Meter if meter is not Meter.REQUESTS)

SUMMARY_COLUMNS = (
    "billing_period",
    "cost_centre",
    "currency",
    "cost",
    "requests",
    *SUMMARY_METERS,
    "rows",
    "unpriced_rows",
    "unsettled_requests",
    "estimated_cost",
    "usage_cost",
    "shared_cost",
    "corrections",
)

_BLANKS = r" \x0b\x0c\x{a0}\x{1680}\x{2000}-\x{200f}\x{2028}\x{2029}\x{202f}\x{205f}\x{2060}\x{3000}\x{feff}"
_SIGNS = r"\-=+@\x{ff0d}\x{ff1d}\x{ff0b}\x{ff20}"
FORMULA = rf"(^|[;|\t\r\n])('*[{_BLANKS}\"]*[{_SIGNS}])"
"""Where a spreadsheet may see a formula: where a cell begins, also in a language whose lists are divided by `;` or `|`
or where tabs divide cells; after blanks, also those without a width, and after quotes, which a program that divides
at `;` takes for those around a cell; and in the full-width forms of its signs.

Apostrophes in front belong to it, so that one more can be taken away again. In the syntax of RE2, with two groups.
"""

LEADING = r"^()('*[\t\r\n])"
"""Some programs drop these where a cell begins, and look at what follows. Guarded after the formulas."""

GUARD = r"\1'\2"
"""The character that is put in front."""

CARE = ',"\r\n\t;|'
"""A string with one of these characters may need quotes or an apostrophe."""

CARE_AT_START = r"\x1f[^0-9A-Za-z\x1f]"
"""Likewise one that begins like this, where several are joined with the character 31 before each."""

_FORMULA = re.compile(re.sub(r"\\x\{(\w+)\}", lambda found: chr(int(found[1], 16)), FORMULA))
_LEADING = re.compile(LEADING)


def guarded(text: str) -> str:
    """The string with an apostrophe before anything that a spreadsheet would read as a formula."""
    return _LEADING.sub(GUARD, _FORMULA.sub(GUARD, text))


def unguarded(text: str) -> str:
    """The inverse of `guarded`."""
    for pattern in (_LEADING, _FORMULA):
        text = re.sub(pattern.pattern.replace("('*", "'('*"), r"\1\2", text)
    return text


def cell(text: str) -> str:
    """A text cell: guarded against formulas, and quoted where RFC 4180 asks."""
    text = guarded(text)
    if "," in text or '"' in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_line(cells: tuple[str, ...]) -> bytes:
    """A line of finished cells."""
    return (",".join(cells) + "\r\n").encode()


class PriceUsed(msgspec.Struct, frozen=True, rename="camel"):
    """A price of the period and how much usage was charged with it; the prices are in `currency`."""

    price_id: str
    meter: str
    unit_price: str
    list_unit_price: str
    contracted_unit_price: str
    price_unit: str
    currency: str
    quantity: int


class StateSums(msgspec.Struct, frozen=True, rename="camel"):
    """The rows of one state, with the quantities of their meters."""

    rows: int
    cost: dict[str, str]
    quantities: dict[str, int]


class PublishedFile(msgspec.Struct, frozen=True, rename="camel"):
    """A file as it was written."""

    path: str
    rows: int
    bytes: int
    sha256: str


class UsedRate(msgspec.Struct, frozen=True, rename="camel"):
    """The exchange rate used for a currency: what one unit of it is worth in the currency of the books."""

    currency: str
    rate: str
    date: str
    source: str


class CorrectionCost(msgspec.Struct, frozen=True, rename="camel"):
    """How much of the period's cost corrects a closed period."""

    period: Month
    currency: str
    rows: int
    cost: str


class CentrePart(msgspec.Struct, frozen=True, rename="camel"):
    """A cost centre's part of a shared cost: exact, and as printed."""

    cost_centre: str
    ratio: str
    exact_cost: str
    cost: str


class Shared(msgspec.Struct, frozen=True, rename="camel"):
    """How a shared cost was split; the ratios sum to 1."""

    shared_cost: str
    corrects_period: str
    basis: str
    currency: str
    exact_cost: str
    cost: str
    parts: list[CentrePart]


class Deed(msgspec.Struct, frozen=True, rename="camel"):
    """What a person or a timer did that decides a closed period.

    Attributes:
        what: `approved`, `closed`, `overrode`, `trued up`, `took the true-up back`, `changed the configuration` or
            `corrected` (a closed period, by which this one carries its corrections).
        at: UTC.
        reason: why, where the command asks for one.
        about: what it was done to, a line each: the period corrected, the prices changed, what was overridden.
    """

    what: str
    by: str
    at: datetime
    reason: str = ""
    about: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What a period's files hold; the same input gives the same manifest.

    Attributes:
        state: open or closed.
        days: the UTC days that the period touches.
        start: UTC, inclusive.
        end: UTC, exclusive.
        catalogue: digest of prices, deployments and rules.
        terms: digest of exchange rates, shared costs and what else decides how a period is settled.
        totals: cost by currency, as printed: the sum of the rows and of the summary.
        states: rows, cost by currency and quantities by meter for each state of a row; `unpriced` and `unsettled`
            rows have no cost.
        contracted: what the rows that meet the provider's invoice come to at contracted prices, exact; no corrections.
        corrections: by closed period.
        previous_manifest: SHA-256 of the closed manifest before; empty where there is none.
        lineage: by UTC day, what its records come from.
        unverified: what rests on prices that neither the provider's list nor an invoice shows, the largest first; None
            in a manifest of an older version.
        approved_by: who approved what was closed; None where the books ask for no approval.
        deeds: who did what to a closed period, by time; none of an open one.
        kept_until: the last day on which its files have to be there, YYYY-MM-DD; empty where the books do not say.
    """

    billing_period: Month
    state: str
    start: datetime
    end: datetime
    time_zone: str
    currency: str
    days: list[UtcDay]
    catalogue: str
    terms: str
    decimals: int
    totals: dict[str, str]
    requests: int
    states: dict[str, StateSums]
    prices: list[PriceUsed]
    exchange_rates: list[UsedRate]
    shared_costs: list[Shared]
    corrections: list[CorrectionCost]
    files: list[PublishedFile]
    previous_manifest: str
    lineage: dict[str, Any]
    contracted: str = ""
    unverified: list[UnverifiedAmount] | None = None
    approved_by: str | None = None
    deeds: list[Deed] = []
    kept_until: str = ""

    def sha256_of(self, path: str) -> str:
        """The digest of one of its files; empty where it names no such file."""
        return next((file.sha256 for file in self.files if file.path == path), "")

    def to_json(self) -> bytes:
        """The manifest as it is published."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=2) + b"\n"


def require_period(period: Month, decimals: int) -> None:
    """Raise `InvalidConfig` unless the period is `YYYY-MM` and the decimals are in bounds."""
    faults = []
    try:
        month(period)
    except InvalidConfig as error:
        faults += error.faults
    if not 0 <= decimals <= MAX_DECIMALS:
        faults.append(f"decimals is {decimals}; allowed are 0 to {MAX_DECIMALS}")
    if faults:
        raise InvalidConfig(faults)
