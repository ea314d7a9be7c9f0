"""What stands in the files of settled days and months, and where they are: the one schema, with its version.

A settled day is one that is no longer open and was audited. Its charges are one table in one Parquet file, beside the
books and equal to them. The folders name their month and day as `name=value`, which DuckDB, Spark and Fabric read as
columns. No column of a file has one of these names, because pyarrow refuses a name that has two types.

A column is never renamed, and never changes its type or its meaning, within a version; `docs/settled-days.md` lists
what each means.
"""

from typing import Final

from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month

SETTLED_VERSION: Final = 1

_PRICE: Final = "DECIMAL(28,12)"
"""As the files of a period have it: 16 digits before the point and 12 behind, which no price has more of."""
_AMOUNT: Final = "DECIMAL(38,18)"
"""A quantity times a price of a millionth has 18 decimals; 20 digits before the point are left."""

DIMENSIONS_OF_LINE: Final = (
    "subscription_id", "product_id", "apim_user_id", "tenant_id", "app_id", "user_object_id", "user", "company",
    "billing_code", "operation", "provider", "model", "deployment", "backend", "service_tier", "variant", "line_state",
)  # fmt: skip
"""The dimensions of a line, in the order of `domain.usage.lines.Line`; an absent one is an empty string."""

RECORD_COLUMNS: Final[dict[str, str]] = {
    "day": "DATE",  # UTC
    "line_id": "VARCHAR",  # 32 hexadecimal digits; the rows of one line are its record
    "part": "INTEGER",  # 1, 2 …: the hours of the record on one date of the books, paid by one cost centre
    "charge": "INTEGER",  # 1, 2 … within the part
    "charge_date": "DATE",  # of the books
    **dict.fromkeys(DIMENSIONS_OF_LINE, "VARCHAR"),
    "deployment_type": "VARCHAR",
    "region": "VARCHAR",
    "cost_centre": "VARCHAR",
    "allocation_rule": "VARCHAR",
    "meter": "VARCHAR",
    "quantity": "BIGINT",
    "state": "VARCHAR",
    "price_id": "VARCHAR",  # empty where nothing is charged
    "pricing_currency": "VARCHAR",
    "per_million": _PRICE,  # the three prices of 1 000 000 units; null where nothing is charged
    "list_per_million": _PRICE,
    "contracted_per_million": _PRICE,
    "cost": _AMOUNT,  # exact; null where it is not known
    "hours": 'STRUCT("hour" INTEGER, meter VARCHAR, quantity BIGINT)[]',  # of the whole record, in its first row alone
}
"""The columns of a day's file with their types as DuckDB names them, in their order."""

TOTAL_COLUMNS: Final[dict[str, str]] = {
    "day": "DATE",  # UTC
    "charge_date": "DATE",  # of the books
    "cost_centre": "VARCHAR",
    "application": "VARCHAR",  # the Entra application, or the subscription of callers without one
    "model": "VARCHAR",
    "operation": "VARCHAR",
    "state": "VARCHAR",
    "meter": "VARCHAR",
    "pricing_currency": "VARCHAR",
    "charges": "BIGINT",
    "quantity": "BIGINT",
    "cost": _AMOUNT,  # exact; null where none of it is known
}
"""The columns of a month's file: the charges of its days, summed by all but the last three. It names no person."""

TOTAL_KEYS: Final = tuple(TOTAL_COLUMNS)[:-3]

RECORDS_FOLDER: Final = f"records/v{SETTLED_VERSION}/"
"""The files of all days are below it."""

TOTALS_FOLDER: Final = f"totals/v{SETTLED_VERSION}/"
"""The files of all months are below it."""


def records_path(day: UtcDay) -> str:
    """The file of a UTC day."""
    return f"{RECORDS_FOLDER}month={day[:7]}/utc_day={day}/records.parquet"


def totals_path(month: Month) -> str:
    """The file with the sums of the UTC days of a month."""
    return f"{TOTALS_FOLDER}month={month}/totals.parquet"


VIEWS_VERSION: Final = 2

VIEWS_FOLDER: Final = f"views/v{VIEWS_VERSION}/"
"""The files that figures of costs are read from, which no tool but the product reads: their columns may change."""


def view_folder(month: Month) -> str:
    """Both slots of a month's view."""
    return f"{VIEWS_FOLDER}month={month}/"


def view_path(month: Month, slot: str, grain: str) -> str:
    """A file of a month's view: one of its two slots is read while the other is written."""
    return f"{view_folder(month)}{slot}/{grain}.parquet"
