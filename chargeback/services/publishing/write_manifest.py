"""Writes the manifest: what the files of a period hold, what they were made from, and their digests."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from chargeback.domain.catalogue.prices import PROVEN
from chargeback.domain.money.exact import ZERO, round_total, to_text, total
from chargeback.domain.reports.evidence import CentreSum
from chargeback.domain.reports.layout import manifest_path
from chargeback.domain.reports.manifest import (
    CentrePart,
    CorrectionCost,
    Manifest,
    PriceUsed,
    Shared,
    StateSums,
    UsedRate,
)
from chargeback.domain.reports.unverified import UnverifiedAmount, share_of
from chargeback.services.duck.engine import Row
from chargeback.services.duck.statements import quoted
from chargeback.services.publishing.files import JSON, Files, whole
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_inputs import PeriodInputs


class Holdings(NamedTuple):
    """The sums of the rows that the manifest prints."""

    totals: dict[str, str]
    states: dict[str, StateSums]
    prices: list[PriceUsed]
    shared_costs: list[Shared]
    exchange_rates: list[UsedRate]
    corrections: list[CorrectionCost]
    contracted: Decimal
    unverified: list[UnverifiedAmount]
    centres: list[CentreSum]


def holdings(engine: PeriodEngine, currency: str, summary: Sequence[Row]) -> Holdings:
    """Sum up the rows while the database is open; `summary` as `sum_centres` gives it."""
    totals = _totals(engine, currency, summary)
    rates = [
        UsedRate(other, to_text(rate), date, source)
        for other, rate, date, source in engine.run("rates")
        if other != currency
    ]
    return Holdings(
        totals=totals,
        states=_states(engine),
        prices=_prices(engine),
        shared_costs=_shared(engine),
        exchange_rates=rates,
        corrections=_corrected(engine),
        contracted=Decimal(engine.run("contracted")[0][0]),
        unverified=_unverified(engine, currency, totals),
        centres=[CentreSum(centre, of, format(cost, "f")) for centre, of, cost, *_ in summary],
    )


async def write_manifest(inputs: PeriodInputs, held: Holdings, files: Files) -> Manifest:
    """Write it, last of all files."""
    calendar = inputs.catalogue.calendar
    start, end = calendar.bounds(inputs.period)
    manifest = Manifest(
        billing_period=inputs.period,
        state="closed" if inputs.is_closed else "open",
        start=start,
        end=end,
        time_zone=calendar.time_zone(inputs.period),
        currency=inputs.currency,
        days=inputs.days,
        catalogue=inputs.catalogue.digest,
        terms=inputs.terms.digest,
        decimals=inputs.decimals,
        totals=held.totals,
        requests=sum(state.quantities.get("requests", 0) for state in held.states.values()),
        states=held.states,
        prices=held.prices,
        exchange_rates=held.exchange_rates,
        shared_costs=held.shared_costs,
        corrections=held.corrections,
        files=list(files.written),
        previous_manifest=inputs.previous_manifest,
        lineage=dict(inputs.lineage),
        contracted=to_text(held.contracted),
        unverified=held.unverified,
        approved_by=inputs.approved_by,
        deeds=list(inputs.deeds),
        kept_until=rule.kept_until(inputs.period).isoformat() if (rule := inputs.terms.retention) else "",
    )
    await files.write(manifest_path(inputs.period), JSON, whole(1, manifest.to_json()))
    return manifest


def _totals(engine: PeriodEngine, currency: str, summary: Sequence[Row]) -> dict[str, str]:
    totals = {currency: round_total(ZERO, engine.decimals)}
    for _, of, cost, *_ in summary:
        totals[of] = total([totals.get(of, ZERO), cost])
    return {of: format(round_total(amount, engine.decimals), "f") for of, amount in sorted(totals.items())}


def _states(engine: PeriodEngine) -> dict[str, StateSums]:
    """A shared cost is not usage: it adds to rows and cost, not to quantities."""
    states: dict[str, StateSums] = {}
    for name, currency, meter, kind, rows, cost, quantity in engine.run("states"):
        known = states.setdefault(name, StateSums(0, {}, {}))
        if cost is not None:
            known.cost[currency] = format(total([Decimal(known.cost.get(currency, "0")), cost]), "f")
        if kind != "shared":
            known.quantities[meter] = known.quantities.get(meter, 0) + quantity
        states[name] = StateSums(known.rows + rows, known.cost, known.quantities)
    return states


def _prices(engine: PeriodEngine) -> list[PriceUsed]:
    return [
        PriceUsed(price_id, meter, to_text(unit), to_text(listed), to_text(contracted), price_unit, currency, quantity)
        for price_id, meter, unit, listed, contracted, price_unit, currency, quantity in engine.run("prices")
    ]


def _unverified(engine: PeriodEngine, currency: str, totals: Mapping[str, str]) -> list[UnverifiedAmount]:
    proven = f"({', '.join(map(quoted, PROVEN))})"
    return [
        UnverifiedAmount(
            verified,
            source or "",
            model or "",
            of,
            int(rows),
            format(cost, "f"),
            share_of(cost, Decimal(totals.get(of, "0"))),
        )
        for verified, source, model, of, rows, cost in engine.run("unverified", {"currency": currency}, proven=proven)
    ]


def _corrected(engine: PeriodEngine) -> list[CorrectionCost]:
    return [
        CorrectionCost(period, currency, rows, format(cost, "f"))
        for period, currency, rows, cost in engine.run("corrections")
    ]


def _shared(engine: PeriodEngine) -> list[Shared]:
    found = []
    for (name, corrects, basis, currency), group in groupby(engine.run("shared costs"), key=lambda row: row[:4]):
        rows = list(group)
        found.append(
            Shared(
                shared_cost=name,
                corrects_period=corrects,
                basis=basis,
                currency=currency,
                exact_cost=to_text(total([exact for *_, exact, _ in rows])),
                cost=format(total([cost for *_, cost in rows]), "f"),
                parts=[
                    CentrePart(centre, to_text(ratio), to_text(exact), format(cost, "f"))
                    for *_, centre, ratio, exact, cost in rows
                ],
            )
        )
    return found
