"""The columns of a period's rows: one table from which every file of the period is written, so that all files agree.

A row is a charge of a day at one price with every dimension it is known by. Rows are of three kinds: `usage` (rated
calls), `shared` (a cost centre's part of a cost that is split) and `correction` (the difference from what an already
closed period billed). Amounts are exact decimals in the currency of the books unless the column says otherwise.
"""

from enum import StrEnum


class ColumnType(StrEnum):
    """What a column of the rows holds. A string is never absent; an amount or a price may be."""

    STRING = "string"
    COUNT = "count"
    PRICE = "price"  # exact, at most 12 decimals
    AMOUNT = "amount"  # exact, at most 18 decimals


KINDS = ("usage", "shared", "correction")


class Reason(StrEnum):
    """Why a closed period is corrected."""

    LATE = "late-usage"
    """Usage that was not billed when the period was closed: it was not there, or had no price then."""
    RECOUNTED = "recounted"
    """Usage that the audit found to be less."""
    RATED_AGAIN = "rated-again"
    """The same usage at another price, or known to be of another model or deployment."""
    PAYER = "other-payer"
    """The same usage, paid by another cost centre."""
    EXCHANGE_RATE = "exchange-rate"
    TRUE_UP = "true-up"
    """The difference between the period and its invoice, set after closing, or reduced by usage that came since."""
    SHARED_COST = "shared-cost"
    """A shared cost of the period, split again because the usage that it is split by is another now."""


DIMENSIONS = (
    "cost_centre", "subscription_id", "product_id", "user", "company", "billing_code", "operation", "provider", "model",
    "deployment", "deployment_type", "region", "service_tier", "tenant_id", "app_id", "user_object_id", "apim_user_id",
    "backend", "variant", "allocation_rule",
)  # fmt: skip
"""Who, what and where; an absent one is an empty string."""

ROW_COLUMNS: dict[str, ColumnType] = {
    "kind": ColumnType.STRING,  # one of KINDS
    "charge_id": ColumnType.STRING,  # 32 hexadecimal digits over what identifies the row within its period
    "charge_date": ColumnType.STRING,  # date of the books, YYYY-MM-DD; for a correction, the date that it corrects
    **dict.fromkeys(DIMENSIONS, ColumnType.STRING),
    "meter": ColumnType.STRING,  # a Meter; for a shared cost its kind: provisioned, hosting, fee, true-up
    "unit": ColumnType.STRING,  # the quantity's: tokens, requests, seconds …; `share` for a shared cost
    "quantity": ColumnType.PRICE,  # whole units; for a shared cost its part (0 to 1), for a correction the difference
    "state": ColumnType.STRING,  # exact, settled, estimated, unsettled or unpriced
    "requests": ColumnType.COUNT,  # the quantity if the meter is `requests`, else 0
    "price_id": ColumnType.STRING,  # the rate card's entry, or the shared cost's id; empty where nothing is charged
    "price_unit": ColumnType.STRING,  # what the three prices are the price of, such as `1000000 tokens`
    "list_unit_price": ColumnType.PRICE,  # published price, in pricing_currency
    "contracted_unit_price": ColumnType.PRICE,  # negotiated price
    "unit_price": ColumnType.PRICE,  # what the cost centre is charged: negotiated, with markup
    "pricing_currency": ColumnType.STRING,
    "exchange_rate": ColumnType.PRICE,  # units of `currency` for one of `pricing_currency`; 1 where they are the same
    "exchange_rate_date": ColumnType.STRING,  # YYYY-MM-DD, empty where no conversion took place
    "exchange_rate_source": ColumnType.STRING,
    "currency": ColumnType.STRING,  # that of the books, for every cost below
    "cost": ColumnType.AMOUNT,  # billed cost as printed, at the books' decimals: rows add up; null = not known
    "exact_cost": ColumnType.AMOUNT,  # billed cost before rounding
    "list_cost": ColumnType.AMOUNT,
    "contracted_cost": ColumnType.AMOUNT,
    "corrects_period": ColumnType.STRING,  # for a correction: the closed period
    "corrects_charge_id": ColumnType.STRING,  # and the row there (or the one that should have been there)
    "shared_cost": ColumnType.STRING,  # for a shared cost: its id
    "allocation_basis": ColumnType.STRING,  # usage, even, fixed or weighted
    "allocated_ratio": ColumnType.PRICE,  # the part of the whole; the parts of a shared cost sum to 1
    "correction_reason": ColumnType.STRING,  # for a correction: a Reason; empty for a cost that was entered by hand
    "allocation_measure": ColumnType.STRING,  # for a cost split by use: tokens, capacity, requests, cost or quantity
    "allocated_use": ColumnType.PRICE,  # and how much of that the cost centre used,
    "allocated_use_of_all": ColumnType.PRICE,  # and all together, capacity that stayed idle included
    "origin_unit_price": ColumnType.PRICE,  # for a shared cost: what a unit of the whole costs, in pricing_currency
    "origin_quantity": ColumnType.PRICE,  # and how many such units the whole is
    "origin_unit": ColumnType.STRING,  # such as `PTU-hours`
    "price_verified": ColumnType.STRING,  # a Verified: how the price is known; empty where nobody said or none applies
}
"""The columns of the rows, in the order in which tables and Parquet files have them."""
