"""Which sheets the workbook has, and how far the charges of each are summed so that it does not get too long."""

from chargeback.domain.reports.layout import chargeback_path, name_of
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.workbook.sheets import (
    APPLICATIONS,
    DAYS,
    MODELS,
    OPEN_ITEMS,
    PRICES,
    SHARED,
    Columns,
    Sheet,
    Type,
)

MAX_LINES = 200_000
"""Nobody reads more lines in a spreadsheet, and Excel ends at 1 048 576; the CSV has them all."""

_CORRECTION_COLUMNS: Columns = (
    ("Corrects", Type.TEXT),
    ("Cost centre", Type.TEXT),
    ("Day", Type.DATE),
    ("Subscription", Type.TEXT),
    ("Model", Type.TEXT),
    ("Meter", Type.TEXT),
    ("Quantity", Type.COUNT),
    ("Unit", Type.TEXT),
    ("Price", Type.ID),
    ("Cost ({currency})", Type.MONEY),
    ("Why", Type.TEXT),
    ("Corrected charge", Type.ID),
)
_CORRECTION_FIELDS = (
    "corrects_period",
    "cost_centre",
    "charge_date",
    "subscription_id",
    "model",
    "meter",
    "quantity",
    "unit",
    "price_id",
    "cost",
    "correction_reason",
    "corrects_charge_id",
)
_CORRECTION_GRAINS = (
    (_CORRECTION_FIELDS, "the charge"),
    (("corrects_period", "cost_centre", "model", "meter", "quantity", "unit", "cost"), "cost centre, model and meter"),
    (("corrects_period", "cost_centre", "cost"), "cost centre"),
)

_CHARGE_COLUMNS: Columns = (
    ("Kind", Type.TEXT),
    ("Cost centre", Type.TEXT),
    ("Subscription", Type.TEXT),
    ("Application", Type.ID),
    ("Model", Type.TEXT),
    ("Deployment", Type.TEXT),
    ("Deployment type", Type.TEXT),
    ("Region", Type.TEXT),
    ("Meter", Type.TEXT),
    ("Quantity", Type.COUNT),
    ("Unit", Type.TEXT),
    ("Billed price", Type.PRICE),
    ("Per", Type.TEXT),
    ("Currency of the price", Type.TEXT),
    ("Cost ({currency})", Type.MONEY),
    ("State", Type.TEXT),
    ("Calls", Type.COUNT),
    ("Price", Type.ID),
)
_CHARGE_FIELDS = (
    "kind",
    "cost_centre",
    "subscription_id",
    "app_id",
    "model",
    "deployment",
    "deployment_type",
    "region",
    "meter",
    "quantity",
    "unit",
    "unit_price",
    "price_unit",
    "pricing_currency",
    "cost",
    "state",
    "requests",
    "price_id",
)
_FINE = {"subscription_id", "app_id", "deployment", "deployment_type", "region"}
_CHARGE_GRAINS = (
    (_CHARGE_FIELDS, "everything but the day, people and claims"),
    (
        tuple(field for field in _CHARGE_FIELDS if field not in _FINE),
        "cost centre, model, meter and price",
    ),
    (("kind", "cost_centre", "cost", "state", "requests"), "cost centre"),
)

_SUMS = {"quantity": "sum(quantity)", "cost": "sum(cost)", "requests": "sum(requests)::BIGINT"}

Grain = tuple[tuple[str, ...], str]


def sheets(tables: PeriodTables) -> tuple[tuple[Sheet, ...], ...]:
    """The sheets in their order, each with the coarser ones to take instead while it has too many lines."""
    return (
        (MODELS,),
        (DAYS,),
        (APPLICATIONS,),
        (SHARED,),
        _grains(tables, "Corrections", "workbook_rows", "kind = 'correction'", _CORRECTION_COLUMNS, _CORRECTION_GRAINS),
        (PRICES,),
        (OPEN_ITEMS,),
        _grains(tables, "Charges", "workbook_month", "true", _CHARGE_COLUMNS, _CHARGE_GRAINS),
    )


def _grains(
    tables: PeriodTables, name: str, relation: str, condition: str, columns: Columns, grains: tuple[Grain, ...]
) -> tuple[Sheet, ...]:
    fields = grains[0][0]
    types = dict(zip(fields, columns, strict=True))
    complete = name_of(chargeback_path(tables.period))
    return tuple(
        Sheet(
            name,
            tuple(types[field] for field in kept),
            "grain",
            note="" if kept == fields else f"Summed by {what}; every charge is in {complete}.",
            words=_words(relation, condition, kept),
        )
        for kept, what in grains
    )


def _words(relation: str, condition: str, fields: tuple[str, ...]) -> dict[str, str]:
    return {
        "relation": relation,
        "condition": condition,
        "keys": ", ".join(field for field in fields if field not in _SUMS),
        "shown": ", ".join(_SUMS.get(field, field) for field in fields),
    }
