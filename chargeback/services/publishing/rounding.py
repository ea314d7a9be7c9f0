"""Which rows are rounded up, so that rows sum to their cost centre's printed amount and these to the total."""

from collections import defaultdict
from decimal import Decimal

from chargeback.domain.money.exact import EXACT, round_to_total, round_total, total
from chargeback.services.duck.engine import Row
from chargeback.services.publishing.period_engine import PeriodEngine

_BUCKETS = 256


def round_costs(engine: PeriodEngine) -> None:
    """Decide which rows are rounded up: largest remainder, per currency and cost centre."""
    engine.run("rounding tables", buckets=_BUCKETS * 10**engine.decimals)
    engine.insert("missing", _missing(engine))
    engine.run("cuts")


def _missing(engine: PeriodEngine) -> list[Row]:
    """How many units are missing between the rounded-down rows of each cost centre and its amount."""
    unit = Decimal(1).scaleb(-engine.decimals)
    by_currency: dict[str, list[tuple[int, Decimal, Decimal]]] = defaultdict(list)
    for payer, currency, exact, floor in engine.run("centres"):
        by_currency[currency].append((payer, Decimal(exact), Decimal(floor)))
    missing: list[Row] = []
    for payers in by_currency.values():
        exact_costs = [exact for _, exact, _ in payers]
        amounts = round_to_total(exact_costs, round_total(total(exact_costs), engine.decimals), engine.decimals)
        for (payer, _, floor), amount in zip(payers, amounts, strict=True):
            missing.append((payer, int(EXACT.divide(EXACT.subtract(amount, floor), unit))))
    return missing
