"""Explains one charge in full: quantity, price and its source, the allocation rule, and the events."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.money.exact import EXACT, PER_MILLION, ZERO, to_text
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.terms.shared_costs import SharedCost
from chargeback.domain.time.months import Month
from chargeback.services.explaining.explain_correction import as_it_should_be, explain_correction
from chargeback.services.explaining.explain_records import explain_records
from chargeback.services.explaining.explain_split import explain_split
from chargeback.services.explaining.explanation import (
    Calculation,
    ExplainedCharge,
    ExplainedShare,
    ExplainedUsage,
    KnownPrice,
    MappedDeployment,
    MatchedRule,
    UnknownPrice,
)
from chargeback.services.explaining.rows_of_period import PeriodRows, ReportRow, text_or_none
from chargeback.services.ports.ledger import Ledger
from chargeback.services.publishing.published_rows import Published
from chargeback.services.settled.settled_days import SettledDays

_DIMENSIONS = (
    "subscription_id",
    "product_id",
    "app_id",
    "user",
    "operation",
    "model",
    "deployment",
    "backend",
    "service_tier",
    "variant",
)


async def explain_charge(
    row: ReportRow,
    rows: PeriodRows,
    folder: Path,
    *,
    period: Month,
    published: Published,
    catalogue: Catalogue | None,
    in_force: EffectiveCatalogues,
    days: SettledDays,
    ledger: Ledger,
    shared_costs: Sequence[SharedCost],
    limit: int,
) -> ExplainedCharge:
    """Everything that leads to a row of the files of a period; `folder` takes files of other periods.

    `catalogue` is the one that the period was closed with; None while it is open.
    """
    head = _head(row)
    if row["corrects_charge_id"]:
        head["corrects"] = await explain_correction(row, period, folder, published)
        catalogue = in_force.closed.get(row["corrects_period"])
    used = catalogue or in_force.current
    if row["shared_cost"]:
        if "corrects" in head:
            return ExplainedCharge(**head)
        return ExplainedShare(**head, shared_cost=explain_split(row, rows, shared_costs, used))
    charge = as_it_should_be(row, head["corrects"]) if "corrects" in head else row
    records, disagreements = await explain_records(charge, in_force, days, ledger, limit=limit)
    return ExplainedUsage(
        **head,
        configuration=_which(row, catalogue),
        price=_price(row, used),
        rule=_rule(row, used),
        deployment=_deployment(row, used),
        records=records,
        disagreements=disagreements,
    )


def _which(row: ReportRow, catalogue: Catalogue | None) -> str:
    if catalogue is None:
        return "in force now"
    return "which rates the closed period now" if row["corrects_charge_id"] else "frozen when the period was closed"


def _head(row: ReportRow) -> dict[str, Any]:
    """The fields that every `ExplainedCharge` has."""
    exact, printed = row["exact_cost"], row["cost"]
    return {
        "charge_id": row["charge_id"],
        "kind": row["kind"],
        "date": row["charge_date"],
        "state": row["state"],
        "meter": row["meter"],
        "unit": row["unit"],
        "quantity": to_text(row["quantity"] or ZERO),
        "calculation": _calculation(row),
        "exact_cost": text_or_none(exact),
        "rounding": None if exact is None or printed is None else to_text(EXACT.subtract(printed, exact)),
        "cost": text_or_none(printed),
        "list_cost": text_or_none(row["list_cost"]),
        "contracted_cost": text_or_none(row["contracted_cost"]),
        "currency": row["currency"],
        "dimensions": {name: row[name] for name in _DIMENSIONS if row[name]},
    }


def _calculation(row: ReportRow) -> Calculation | None:
    """Quantity times price, calculated again; None where nothing is charged."""
    if row["shared_cost"] or row["unit_price"] is None or row["exact_cost"] is None:
        return None
    rate = row["exchange_rate"] if row["exchange_rate"] is not None else Decimal(1)
    amount = EXACT.multiply(EXACT.multiply(row["quantity"], row["unit_price"]), PER_MILLION)
    converted = EXACT.multiply(amount, rate)
    return Calculation(
        unit_price=to_text(row["unit_price"]),
        price_unit=row["price_unit"],
        pricing_currency=row["pricing_currency"],
        exchange_rate=to_text(rate),
        exchange_rate_date=row["exchange_rate_date"],
        exchange_rate_source=row["exchange_rate_source"],
        result=to_text(converted),
        # A conversion may end with more decimals than an exact cost is kept with.
        agrees=abs(converted - row["exact_cost"]) <= Decimal("1e-18"),
    )


def _price(row: ReportRow, catalogue: Catalogue) -> KnownPrice | UnknownPrice | None:
    if not row["price_id"]:
        return None
    listed = (price for _, price in catalogue.every_price() if price.price_id == row["price_id"])
    price = next(listed, None)
    if price is None:
        return UnknownPrice(row["price_id"])
    return KnownPrice(
        id=price.price_id,
        list_per_million=to_text(price.list_per_million),
        contracted_per_million=to_text(price.contracted_per_million),
        per_million=to_text(price.per_million),
        currency=price.currency,
        effective=f"{price.effective:%Y-%m-%dT%H:%MZ}",
        source=price.source,
        verified=str(price.verified or ""),
        adjustments=list(price.adjustments),
    )


def _rule(row: ReportRow, catalogue: Catalogue) -> MatchedRule | None:
    rule = next((rule for rule in catalogue.allocation.rules if rule.id == row["allocation_rule"]), None)
    if rule is None:
        return None
    return MatchedRule(rule.id, dict(rule.when), rule.cost_centre, str(rule.effective))


def _deployment(row: ReportRow, catalogue: Catalogue) -> MappedDeployment | None:
    moment = catalogue.calendar.midnight(row["charge_date"])
    place = catalogue.deployment(row["backend"], row["deployment"], moment, row["model"], row["operation"])
    if place is None:
        return None
    return MappedDeployment(place.account, place.name, place.model, place.version, place.type.value, place.region)
