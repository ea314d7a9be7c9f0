"""The rows of a period: one table from which every file of the period is written, so that all of them agree.

A row is a charge of a day at one price with every dimension it is known by. Rows are of three kinds: `usage` (rated
calls), `shared` (a cost centre's part of a cost that is split) and `correction` (what an already closed period should
have said besides). Amounts are exact decimals in the currency of the books unless the column says otherwise.
"""

from enum import StrEnum

TEXT = "VARCHAR"
AMOUNT = "DECIMAL(38, 18)"
PRICE = "DECIMAL(28, 12)"

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
    """What is between the period and its invoice, set after it was closed, or less what has come since."""
    SHARED_COST = "shared-cost"
    """A shared cost of the period, split again because the usage that it is split by is another now."""


DIMENSIONS = (
    "cost_centre", "subscription_id", "product_id", "user", "company", "billing_code", "operation", "provider", "model",
    "deployment", "deployment_type", "region", "service_tier", "tenant_id", "app_id", "user_object_id", "apim_user_id",
    "backend", "variant", "allocation_rule",
)  # fmt: skip
"""Who, what and where; an absent one is an empty string."""

ROW_COLUMNS: dict[str, str] = {
    "kind": TEXT,  # one of KINDS
    "charge_id": TEXT,  # 32 hexadecimal digits over what identifies the row within its period
    "charge_date": TEXT,  # YYYY-MM-DD in the time zone of the books; of a correction, the day that it corrects
    **dict.fromkeys(DIMENSIONS, TEXT),
    "meter": TEXT,  # domain.usage.meters.Meter; of a shared cost, what it is for: provisioned, hosting, fee, true-up
    "unit": TEXT,  # of the quantity: tokens, requests, seconds …; `share` of a shared cost
    "quantity": PRICE,  # whole units; of a shared cost the part of the whole (0 to 1); of a correction the difference
    "state": TEXT,  # exact, settled, estimated, unsettled or unpriced
    "requests": "BIGINT",  # of the meter `requests` the quantity, else 0
    "price_id": TEXT,  # the rate card's entry, or the shared cost's id; empty where nothing is charged
    "price_unit": TEXT,  # what the three prices are the price of, such as `1000000 tokens`
    "list_unit_price": PRICE,  # published price, in pricing_currency
    "contracted_unit_price": PRICE,  # negotiated price
    "unit_price": PRICE,  # what the cost centre is charged: negotiated, with markup
    "pricing_currency": TEXT,
    "exchange_rate": PRICE,  # units of `currency` for one of `pricing_currency`; 1 where they are the same
    "exchange_rate_date": TEXT,  # YYYY-MM-DD, empty where no conversion took place
    "exchange_rate_source": TEXT,
    "currency": TEXT,  # of the books: of every cost below
    "cost": AMOUNT,  # billed cost as it is printed (`columns` has its places): rounded, rows add up; null = not known
    "exact_cost": AMOUNT,  # billed cost before rounding
    "list_cost": AMOUNT,
    "contracted_cost": AMOUNT,
    "corrects_period": TEXT,  # of a correction: the closed period
    "corrects_charge_id": TEXT,  # and the row there (or the one that should have been there)
    "shared_cost": TEXT,  # of a shared cost: its id
    "allocation_basis": TEXT,  # usage, even, fixed or weighted
    "allocated_ratio": PRICE,  # the part of the whole; the parts of a shared cost sum to 1
    "correction_reason": TEXT,  # of a correction: a `Reason`; empty for a cost that was entered by hand
}
"""The columns of the view `rows`, with their DuckDB types."""


def columns(decimals: int) -> dict[str, str]:
    """The columns with `cost` at the books' decimal places."""
    return ROW_COLUMNS | {"cost": f"DECIMAL(38, {decimals})"}
