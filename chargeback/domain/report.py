"""How a period's usage is printed: the columns of the CSV files, and cells that a spreadsheet takes as plain text.

Files are RFC 4180 with CRLF line ends, UTF-8 without a byte order mark, decimal points and no exponents.
"""

import msgspec

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.lines import Line
from chargeback.domain.meters import UNITS, Meter
from chargeback.domain.records import Part, UsageRecord

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

COLUMNS = (
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
)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(text: str) -> str:
    """A text cell: a leading apostrophe keeps a spreadsheet from taking it as a formula; quoted where RFC 4180 asks."""
    if text.startswith(_FORMULA_STARTS):
        text = "'" + text
    if "," in text or '"' in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_line(cells: tuple[str, ...]) -> bytes:
    """A line of finished cells."""
    return (",".join(cells) + "\r\n").encode()


def front(record: UsageRecord, part: Part) -> tuple[str, ...]:
    """The values of the FRONT columns."""
    line = record.line
    return (
        part.cost_centre,
        line.subscription,
        line.product,
        line.user,
        line.company,
        line.billing_code,
        line.operation,
        line.provider,
        line.model,
        line.deployment,
        record.deployment_type,
        record.region,
        line.service_tier,
    )


def back(line: Line, part: Part) -> tuple[str, ...]:
    """The values of the BACK columns."""
    return (
        line.tenant,
        line.app,
        line.user_object_id,
        line.apim_user,
        line.backend,
        line.variant,
        part.rule,
    )


def price_unit(meter: Meter) -> str:
    """What a unit price is the price of."""
    return f"1000000 {UNITS[meter]}"


class PriceUsed(msgspec.Struct, frozen=True, rename="camel"):
    """A price of the period and how much was charged with it."""

    price_id: str
    meter: str
    unit_price: str
    price_unit: str
    currency: str
    quantity: int


class State(msgspec.Struct, frozen=True, rename="camel"):
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


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What a period's files hold; the same input gives the same manifest.

    Attributes:
        totals: cost by currency, as printed: the sum of the rows and of the summary.
        states: rows, cost by currency and quantities by meter for each state of a row; `unpriced` and `unsettled`
            rows have no cost.
    """

    billing_period: str
    days: list[str]
    catalogue: str
    decimals: int
    totals: dict[str, str]
    requests: int
    states: dict[str, State]
    prices: list[PriceUsed]
    files: list[PublishedFile]

    def to_json(self) -> bytes:
        """The manifest as it is published."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=2) + b"\n"


def require_period(period: str, days: list[str], decimals: int) -> None:
    """Raise `InvalidConfig` unless the period is `YYYY-MM`, the days lie in it and the decimals are in bounds."""
    faults = []
    month = period[5:]
    if len(period) != 7 or period[4] != "-" or not (period[:4] + month).isdecimal() or not "01" <= month <= "12":
        faults.append(f"period is {period!r}; expected YYYY-MM, such as 2026-03")
    faults.extend(f"day {day} is not in the period {period}" for day in days if not day.startswith(f"{period}-"))
    if not 0 <= decimals <= MAX_DECIMALS:
        faults.append(f"decimals is {decimals}; allowed are 0 to {MAX_DECIMALS}")
    if faults:
        raise InvalidConfig(faults)
