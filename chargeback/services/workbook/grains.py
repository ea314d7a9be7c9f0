"""Which sheets the workbook has, and how far the charges of each are summed so that it does not get too long."""

from chargeback.domain.reports.layout import chargeback_path, name_of
from chargeback.services.publishing.period_tables import PeriodFrame
from chargeback.services.workbook.columns import SheetColumn, count, date, exact_money, key, name, price, quantity, word
from chargeback.services.workbook.sheets import (
    APPLICATIONS,
    DAYS,
    MODELS,
    OPEN_ITEMS,
    PRICES,
    SHARED,
    Sheet,
)

MAX_LINES = 200_000
"""Nobody reads more lines in a spreadsheet, and Excel ends at 1 048 576; the CSV has them all."""

_CORRECTION_COLUMNS = (
    word("Corrects", 10),
    name("Cost centre", 34),
    date("Day"),
    name("Subscription", 20),
    name("Model"),
    word("Meter", 22),
    quantity(),
    word("Unit", 10),
    exact_money(),
    word("Why", 16),
    key("Price"),
    key("Corrected charge"),
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
    "cost",
    "correction_reason",
    "price_id",
    "corrects_charge_id",
)
_CORRECTION_GRAINS = (
    (_CORRECTION_FIELDS, "the charge"),
    (("corrects_period", "cost_centre", "model", "meter", "quantity", "unit", "cost"), "cost centre, model and meter"),
    (("corrects_period", "cost_centre", "cost"), "cost centre"),
)

_CHARGE_COLUMNS = (
    word("Kind", 10),
    name("Cost centre"),
    name("Subscription", 18),
    name("Model", 22),
    name("Deployment", 16),
    word("Deployment type"),
    word("Region", 11),
    word("Meter", 18),
    quantity(),
    word("Unit", 8),
    price("Billed price"),
    word("Per"),
    word("Currency of the price", 11),
    exact_money(),
    word("State", 9),
    count("Calls"),
    key("Application"),
    key("Price"),
)
_CHARGE_FIELDS = (
    "kind",
    "cost_centre",
    "subscription_id",
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
    "app_id",
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

_SUMS = {"quantity": "sum(quantity) FILTER (unit <> 'share')", "cost": "sum(cost)", "requests": "sum(requests)::BIGINT"}

Grain = tuple[tuple[str, ...], str]


def sheets(frame: PeriodFrame) -> tuple[tuple[Sheet, ...], ...]:
    """The sheets in their order, each with the coarser ones to take instead while it has too many lines."""
    return (
        (MODELS,),
        (DAYS,),
        (APPLICATIONS,),
        (SHARED,),
        _grains(frame, "Corrections", "workbook_rows", "kind = 'correction'", _CORRECTION_COLUMNS, _CORRECTION_GRAINS),
        (PRICES,),
        (OPEN_ITEMS,),
        _grains(frame, "Charges", "workbook_month", "true", _CHARGE_COLUMNS, _CHARGE_GRAINS),
    )


def _grains(
    frame: PeriodFrame,
    tab: str,
    relation: str,
    condition: str,
    columns: tuple[SheetColumn, ...],
    grains: tuple[Grain, ...],
) -> tuple[Sheet, ...]:
    fields = grains[0][0]
    of = dict(zip(fields, columns, strict=True))
    complete = name_of(chargeback_path(frame.period))
    return tuple(
        Sheet(
            tab,
            tuple(of[field] for field in kept),
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
