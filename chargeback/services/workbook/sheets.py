"""The sheets of the workbook: for each its columns and the query of its lines."""

from dataclasses import dataclass
from enum import Enum


class Type(Enum):
    """What a column holds: decides how its cells are written and shown."""

    TEXT = "text"
    ID = "long text"
    DATE = "date"
    MONEY = "money"
    PRICE = "price"
    COUNT = "count"
    RATIO = "ratio"


_T, _I, _D, _M, _P, _C, _R = Type

WIDTHS = dict(zip(Type, (24, 40, 12, 18, 18, 16, 12), strict=True))
"""In characters."""

Columns = tuple[tuple[str, Type], ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet, in the order of its query.

    Attributes:
        name: its tab.
        columns: header and type; `{currency}` in a header is filled in.
        query: a line for each row of it, in a stable order.
        note: what stands above the header, where something is to be said.
    """

    name: str
    columns: Columns
    query: str
    note: str = ""


MONTH = """
-- The period without its days, people and claims, in the currency of the books: small enough to be asked many times.
CREATE TEMP TABLE workbook_month AS
SELECT
    kind, cost_centre, subscription_id, product_id, tenant_id, app_id, provider, model, deployment, deployment_type,
    region, service_tier, variant, meter, unit, state, price_id, price_unit, list_unit_price, contracted_unit_price,
    unit_price, pricing_currency, exchange_rate, exchange_rate_date, exchange_rate_source,
    sum(quantity) AS quantity, sum(cost) AS cost, sum(list_cost) AS list_cost,
    sum(contracted_cost) AS contracted_cost, sum(requests)::BIGINT AS requests, count(*) AS rows
FROM rows
WHERE currency = '{currency}' OR cost IS NULL
GROUP BY ALL
"""

BOOKED = "CREATE TEMP VIEW workbook_rows AS SELECT * FROM rows WHERE currency = '{currency}'"
"""The rows that the sheets add up: nothing of another currency is among them."""

OTHER_CURRENCIES = Sheet(
    "Other currencies",
    (
        ("Currency", _T),
        ("Corrects", _T),
        ("Cost centre", _T),
        ("Meter", _T),
        ("Rows", _C),
        ("Cost in its currency", _M),
    ),
    """
    SELECT currency, coalesce(corrects_period, 'Total'), coalesce(cost_centre, ''), coalesce(meter, ''),
        count(*), sum(cost)
    FROM rows
    WHERE currency <> '{currency}' AND cost IS NOT NULL
    GROUP BY GROUPING SETS ((currency, corrects_period, cost_centre, meter), (currency))
    ORDER BY currency, corrects_period NULLS LAST, cost_centre, meter
    """,
    note="Corrections of months that were kept in another currency; no other sheet has them in a sum.",
)
"""Only in months that have any of them; each currency ends with its total."""

MODELS = Sheet(
    "Models",
    (
        ("Provider", _T),
        ("Model", _T),
        ("Deployment type", _T),
        ("Meter", _T),
        ("Quantity", _C),
        ("Unit", _T),
        ("Cost ({currency})", _M),
        ("List cost ({currency})", _M),
        ("Contracted cost ({currency})", _M),
    ),
    """
    SELECT provider, model, deployment_type, meter, sum(quantity), unit, sum(cost), sum(list_cost), sum(contracted_cost)
    FROM workbook_month
    WHERE kind = 'usage'
    GROUP BY provider, model, deployment_type, meter, unit
    ORDER BY provider, model, deployment_type, meter, unit
    """,
)

DAYS = Sheet(
    "Days",
    (
        ("Day", _D),
        ("Usage ({currency})", _M),
        ("Shared costs ({currency})", _M),
        ("Corrections ({currency})", _M),
        ("Cost ({currency})", _M),
        ("Calls", _C),
    ),
    """
    SELECT
        charge_date, sum(cost) FILTER (kind = 'usage'), sum(cost) FILTER (kind = 'shared'),
        sum(cost) FILTER (kind = 'correction'), sum(cost), sum(requests)::BIGINT
    FROM workbook_rows
    GROUP BY charge_date
    ORDER BY charge_date
    """,
)

APPLICATIONS = Sheet(
    "Applications",
    (
        ("Subscription", _T),
        ("Product", _T),
        ("Application", _I),
        ("Tenant", _I),
        ("Cost centre", _T),
        ("Cost ({currency})", _M),
        ("Calls", _C),
    ),
    """
    SELECT subscription_id, product_id, app_id, tenant_id, cost_centre, sum(cost), sum(requests)::BIGINT
    FROM workbook_month
    WHERE kind = 'usage'
    GROUP BY subscription_id, product_id, app_id, tenant_id, cost_centre
    ORDER BY subscription_id, product_id, app_id, tenant_id, cost_centre
    """,
)

SHARED = Sheet(
    "Shared costs",
    (
        ("Shared cost", _T),
        ("For", _T),
        ("Basis", _T),
        ("Cost centre", _T),
        ("Part", _R),
        ("Cost ({currency})", _M),
    ),
    """
    SELECT shared_cost, meter, any_value(allocation_basis ORDER BY allocation_basis), cost_centre,
        CASE WHEN count(*) = 1 THEN sum(allocated_ratio) END, sum(cost)
    FROM workbook_rows
    WHERE shared_cost <> '' AND kind = 'shared'
    GROUP BY shared_cost, meter, cost_centre
    ORDER BY shared_cost, meter, cost_centre
    """,
)

PRICES = Sheet(
    "Prices used",
    (
        ("Price", _I),
        ("Meter", _T),
        ("Per", _T),
        ("List price", _P),
        ("Contracted price", _P),
        ("Billed price", _P),
        ("Currency of the price", _T),
        ("Exchange rate", _P),
        ("Rate of", _D),
        ("Source of the rate", _T),
        ("Quantity", _C),
        ("Cost ({currency})", _M),
    ),
    """
    SELECT
        price_id, meter, price_unit, list_unit_price, contracted_unit_price, unit_price, pricing_currency,
        exchange_rate, exchange_rate_date, exchange_rate_source, sum(quantity), sum(cost)
    FROM workbook_month
    WHERE price_id <> ''
    GROUP BY ALL
    ORDER BY price_id, meter, price_unit, unit_price, contracted_unit_price, list_unit_price, pricing_currency,
        exchange_rate, exchange_rate_date, exchange_rate_source
    """,
)

OPEN_ITEMS = Sheet(
    "Open items",
    (
        ("State", _T),
        ("Cost centre", _T),
        ("Model", _T),
        ("Deployment", _T),
        ("Deployment type", _T),
        ("Region", _T),
        ("Meter", _T),
        ("Quantity", _C),
        ("Unit", _T),
        ("Rows", _C),
    ),
    """
    SELECT
        state, cost_centre, model, deployment, deployment_type, region, meter, sum(quantity), unit, sum(rows)::BIGINT
    FROM workbook_month
    WHERE cost IS NULL
    GROUP BY state, cost_centre, model, deployment, deployment_type, region, meter, unit
    ORDER BY state, cost_centre, model, deployment, deployment_type, region, meter, unit
    """,
)
