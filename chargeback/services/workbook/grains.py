"""The sheets of the workbook that can have too many lines, each at several grains, and the order of all sheets."""

from chargeback.domain.reports.layout import chargeback_path, name_of
from chargeback.services.publishing.settled import Settled
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
"""More lines than that nobody reads in a spreadsheet, and Excel ends at 1 048 576; the CSV has them all."""

_T, _I, _D, _M, _P, _C, _ = Type

_CORRECTION_COLUMNS: Columns = (
    ("Corrects", _T),
    ("Cost centre", _T),
    ("Day", _D),
    ("Subscription", _T),
    ("Model", _T),
    ("Meter", _T),
    ("Quantity", _C),
    ("Unit", _T),
    ("Price", _I),
    ("Cost ({currency})", _M),
    ("Why", _T),
    ("Corrected charge", _I),
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
    ("Kind", _T),
    ("Cost centre", _T),
    ("Subscription", _T),
    ("Application", _I),
    ("Model", _T),
    ("Deployment", _T),
    ("Deployment type", _T),
    ("Region", _T),
    ("Meter", _T),
    ("Quantity", _C),
    ("Unit", _T),
    ("Billed price", _P),
    ("Per", _T),
    ("Currency of the price", _T),
    ("Cost ({currency})", _M),
    ("State", _T),
    ("Calls", _C),
    ("Price", _I),
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


def sheets(settled: Settled) -> tuple[tuple[Sheet, ...], ...]:
    """The sheets in their order, each with the coarser ones to take instead while it has too many lines."""
    return (
        (MODELS,),
        (DAYS,),
        (APPLICATIONS,),
        (SHARED,),
        _grains(
            settled, "Corrections", "workbook_rows", "kind = 'correction'", _CORRECTION_COLUMNS, _CORRECTION_GRAINS
        ),
        (PRICES,),
        (OPEN_ITEMS,),
        _grains(settled, "Charges", "workbook_month", "true", _CHARGE_COLUMNS, _CHARGE_GRAINS),
    )


def _grains(
    settled: Settled, name: str, relation: str, where: str, columns: Columns, grains: tuple[Grain, ...]
) -> tuple[Sheet, ...]:
    fields = grains[0][0]
    types = dict(zip(fields, columns, strict=True))
    complete = name_of(chargeback_path(settled.period))
    return tuple(
        Sheet(
            name,
            tuple(types[field] for field in kept),
            _query(relation, where, kept),
            note="" if kept == fields else f"Summed by {what}; every charge is in {complete}.",
        )
        for kept, what in grains
    )


def _query(relation: str, where: str, fields: tuple[str, ...]) -> str:
    keys = ", ".join(field for field in fields if field not in _SUMS)
    shown = ", ".join(_SUMS.get(field, field) for field in fields)
    return f"SELECT {shown} FROM {relation} WHERE {where} GROUP BY {keys} ORDER BY {keys}"  # noqa: S608 - our own names
