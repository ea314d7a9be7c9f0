"""Which rows are rounded up, so that rows sum to their cost centre's printed amount and these to the total."""

import asyncio
from collections import defaultdict
from decimal import Decimal

from chargeback.domain.money.exact import EXACT, round_to_total, round_total, total
from chargeback.services.duck.engine import Row
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_parts import PeriodParts

USAGE, NON_USAGE = "charges", "non_usage_rows"
_AFTER_ALL_PARTS = 2**31
"""Stands for the rows that are not usage: their numbers follow those of all parts."""


async def round_costs(engine: PeriodEngine, parts: PeriodParts) -> None:
    """Decide which rows are rounded up: largest remainder, per currency and cost centre.

    Each part and the rows that are not usage were summed as they were arranged.
    """
    await asyncio.to_thread(_choose_buckets, engine)
    for statement in ("count candidates", "cut"):
        async for part in parts.each():
            await asyncio.to_thread(engine.run, statement, {"part": part.number}, relation=USAGE)
        await asyncio.to_thread(engine.run, statement, {"part": _AFTER_ALL_PARTS}, relation=NON_USAGE)
        if statement == "count candidates":
            await asyncio.to_thread(engine.run, "find last candidates")
    await asyncio.to_thread(engine.run, "cut nowhere")


def _choose_buckets(engine: PeriodEngine) -> None:
    engine.insert("missing", _missing(engine))
    engine.run("choose buckets")


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
