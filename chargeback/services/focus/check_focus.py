"""What has to hold for the rows of a FOCUS file, beside what the FinOps Foundation's validator looks at.

The validator passes rows whose price times quantity is not their cost, rows that end before they begin, and rows that
are there twice. These checks work on any DuckDB relation with the columns of `domain.focus`, so that they serve at
publication and for a file on disk.
"""

from collections.abc import Mapping
from decimal import Decimal

import duckdb

from chargeback.domain.errors import InconsistentFile
from chargeback.domain.reports.focus import IDENTITY

_ORIGINAL = "ChargeClass IS NULL"
_BLOCK = "coalesce(TRY_CAST(split_part(PricingUnit, ' ', 1) AS BIGINT), 1)"


def _product(price: str, cost: str) -> str:
    """The price times the quantity is not the cost: to the last digit, unless the price was converted or is split."""
    return f"""{_ORIGINAL} AND CASE
        WHEN PricingCurrency = BillingCurrency AND AllocatedMethodId IS NULL
        THEN {price}::DECIMAL(38, 12) * PricingQuantity::DECIMAL(18, 6) <> {cost}
        ELSE abs({price}::DOUBLE * PricingQuantity::DOUBLE - {cost}::DOUBLE) > 1e-6 + 1e-9 * abs({cost}::DOUBLE)
    END"""


_RULES = {
    "every cost is known": "BilledCost IS NULL OR EffectiveCost IS NULL OR ListCost IS NULL OR ContractedCost IS NULL",
    "a charge has a category, class and frequency of FOCUS": """
        ChargeCategory IS NULL OR ChargeCategory NOT IN ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment')
        OR ChargeClass <> 'Correction'
        OR ChargeFrequency IS NULL OR ChargeFrequency NOT IN ('One-Time', 'Recurring', 'Usage-Based')
    """,
    "a charge ends after it starts": "ChargePeriodEnd IS NULL OR ChargePeriodStart >= ChargePeriodEnd",
    "a charge lies within its billing period": f"""{_ORIGINAL} AND (
        ChargePeriodStart < BillingPeriodStart OR ChargePeriodEnd > BillingPeriodEnd
    )""",
    "a correction is of an earlier period": "ChargeClass = 'Correction' AND ChargePeriodEnd > BillingPeriodStart",
    "a correction names the period and the charge that it corrects": """ChargeClass = 'Correction' AND (
        x_CorrectsPeriod IS NULL OR (x_CorrectsChargeId IS NULL AND AllocatedMethodId IS NULL)
    )""",
    "usage has its prices": f"""{_ORIGINAL} AND ChargeCategory NOT IN ('Adjustment', 'Credit') AND (
        ListUnitPrice IS NULL OR ContractedUnitPrice IS NULL OR PricingQuantity IS NULL
    )""",
    "ListCost is ListUnitPrice times PricingQuantity": _product("ListUnitPrice", "ListCost"),
    "ContractedCost is ContractedUnitPrice times PricingQuantity": _product("ContractedUnitPrice", "ContractedCost"),
    "BilledCost is x_BilledUnitPrice times PricingQuantity but for its rounding": f"""{_ORIGINAL} AND
        abs(x_BilledUnitPrice::DOUBLE * PricingQuantity::DOUBLE - BilledCost::DOUBLE)
            > x_ChargeRows * {{unit}} + 1e-9 * abs(BilledCost::DOUBLE)
    """,
    "EffectiveCost is BilledCost": "EffectiveCost <> BilledCost",
    "PricingQuantity is ConsumedQuantity in pricing units": f"""
        abs(PricingQuantity::DOUBLE * {_BLOCK} - ConsumedQuantity::DOUBLE) > 1e-9 * abs(ConsumedQuantity::DOUBLE)
    """,
}

_BROKEN = """
SELECT CASE {cases} END AS rule, x_ChargeId, ChargeDescription, SubAccountId, ChargePeriodStart
FROM {relation}
WHERE rule IS NOT NULL
ORDER BY ALL
LIMIT 1
"""

_REPEATED = "SELECT hash({identity}) AS same FROM {relation} GROUP BY same HAVING count(*) > 1"
_TWICE = """
SELECT any_value(x_ChargeId), any_value(ChargeDescription), any_value(SubAccountId), any_value(ChargePeriodStart)
FROM {relation}
WHERE hash({identity}) IN ({repeated})
GROUP BY {identity}
HAVING count(*) > 1
ORDER BY 1
LIMIT 1
"""

_PARTS = """
SELECT
    ResourceId, ChargePeriodStart, ChargeClass,
    sum(CAST(AllocatedMethodDetails->'$.Elements[0].AllocatedRatio' AS DECIMAL(38, 12)))
FROM {relation}
WHERE AllocatedMethodDetails IS NOT NULL
GROUP BY ALL
ORDER BY ALL
"""

Parts = Mapping[tuple[str, object, str | None], Decimal]
"""Of each shared cost, period and class, the part of the whole that was met."""


def check_focus(engine: duckdb.DuckDBPyConnection, relation: str, *, decimals: int) -> None:
    """Raise `InconsistentFile` for the first row of the relation that breaks a rule; costs have `decimals` places."""
    cases = " ".join(f"WHEN {condition} THEN '{rule}'" for rule, condition in _RULES.items())
    cases = cases.replace("{unit}", str(Decimal(1).scaleb(-decimals)))
    broken = engine.execute(_BROKEN.format(cases=cases, relation=relation)).fetchone()
    if broken is not None:
        raise _broken(broken[0], *broken[1:])
    twice = _twice(engine, relation)
    if twice is not None:
        raise _broken("a charge is there once", *twice)


def parts(engine: duckdb.DuckDBPyConnection, relation: str) -> Parts:
    """The parts of shared costs in a relation, for `check_parts` when all of them are known."""
    found = engine.execute(_PARTS.format(relation=relation)).fetchall()
    return {(resource, start, kind): part for resource, start, kind, part in found}


def check_parts(found: Parts) -> None:
    """Raise `InconsistentFile` unless the parts of every shared cost make a whole."""
    for (resource, start, _), part in found.items():
        if part != 1:
            raise InconsistentFile(f"FOCUS: the parts of {resource} from {start} sum to {part}, not to 1")


def _twice(engine: duckdb.DuckDBPyConnection, relation: str) -> tuple[str, str, str, object] | None:
    """The first row that is there twice. Texts are compared only where their digests agree."""
    names = {"identity": ", ".join(IDENTITY), "relation": relation}
    repeated = _REPEATED.format(**names)
    if not engine.execute(repeated).fetchall():
        return None
    return engine.execute(_TWICE.format(**names, repeated=repeated)).fetchone()


def check_totals(found: Mapping[str, Decimal], expected: Mapping[str, Decimal]) -> None:
    """Raise `InconsistentFile` unless the file's BilledCost is what the rows of the period sum to, by currency."""
    for currency in {**found, **expected}:
        ours, theirs = expected.get(currency, Decimal(0)), found.get(currency, Decimal(0))
        if ours != theirs:
            raise InconsistentFile(f"FOCUS: BilledCost sums to {theirs} {currency}, the rows of the period to {ours}")


def _broken(rule: str, charge: str, description: str, centre: str, start: object) -> InconsistentFile:
    return InconsistentFile(f"FOCUS: charge {charge} ({description}; {centre}, from {start}) breaks the rule: {rule}")
