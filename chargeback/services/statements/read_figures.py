"""Reads the figures of statements from the sums of a period, some cost centres at a time."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chargeback.domain.reports.figures import (
    CentreTotals,
    ChainPart,
    CorrectedPeriod,
    Correction,
    DayCost,
    Figures,
    OpenUsage,
    PricedUse,
    Rate,
    Share,
    SharedPart,
)
from chargeback.domain.reports.movers import Charged, Mover, movers
from chargeback.services.duck.engine import Engine, Row

_CENTRES_AT_ONCE = 50
_ROWS_AT_ONCE = 40_000
"""The figures of cost centres with so many rows are read together, so that they fit into memory."""

MOVED_BY = ("application", "model")

_KINDS_OF_USE = ("deployment_type", "region", "service_tier", "variant", "meter", "shared_cost", "corrects_period")

_COLUMNS = {
    "days": "charge_date, kind, model, cost, requests, unknown",
    "shares": "view, kind, place, label, members, cost, requests, unknown",
    "items": f"later, kind, {', '.join((*MOVED_BY, *_KINDS_OF_USE))}, unit, rate, quantity, cost",
    "open_usage": "state, model, deployment, meter, unit, quantity, cost",
    "shared_parts": "later, shared_cost, meter, allocation_basis, measure, origin_unit_price, origin_quantity,"
    " origin_unit, pricing_currency, ratio, own_use, use_of_all, cost, whole, idle_use",
    "largest_prices": "place, members, model, deployment_type, service_tier, variant, meter, unit, price_unit,"
    " pricing_currency, list_unit_price, contracted_unit_price, unit_price, quantity, cost",
    "chain": "kind, listed, contracted, charged, cost",
    "corrections": "corrects_period, charge_date, corrects_charge_id, model, meter, unit, quantity, currency, cost,"
    " correction_reason",
    "corrected": "corrects_period, correction_reason, currency, cost, rows",
    "rates": "pricing_currency, exchange_rate, exchange_rate_date, exchange_rate_source",
}


@dataclass(frozen=True, slots=True)
class Covered:
    """A cost centre that gets a statement, with what it lists below itself; see `Figures`."""

    totals: CentreTotals
    descendants: tuple[CentreTotals, ...]
    unlisted: int


def consecutive(covered: Sequence[Covered], most_rows: int, most_centres: int) -> Iterator[list[Covered]]:
    """Consecutive cost centres; one alone may have more rows."""
    group: list[Covered] = []
    rows = 0
    for centre in covered:
        rows += centre.totals.rows
        if group and (rows > most_rows or len(group) == most_centres):
            yield group
            group, rows = [], centre.totals.rows
        group.append(centre)
    if group:
        yield group


def read_figures(engine: Engine, centres: Sequence[Covered], *, compared: bool) -> Iterator[Figures]:
    """The figures of consecutive cost centres, some at a time; `engine` has the sums attached as `sums`."""
    for some in consecutive(centres, _ROWS_AT_ONCE, _CENTRES_AT_ONCE):
        yield from _read(engine, some, compared=compared)


def _read(engine: Engine, centres: Sequence[Covered], *, compared: bool) -> Iterator[Figures]:
    found = {table: _by_centre(engine, table, centres) for table in _COLUMNS}
    for centre in centres:
        path = centre.totals.path
        rows = {table: by_centre.get(path, []) for table, by_centre in found.items()}
        yield Figures(
            centre.totals,
            centre.descendants,
            centre.unlisted,
            days=[DayCost(*row) for row in rows["days"] if row[1] != "correction"],
            days_below=_days_below(engine, path) if centre.descendants else (),
            shares=_shares(rows["shares"]),
            movers=_movers(rows["items"]) if compared else (),
            open_usage=[OpenUsage(*row) for row in rows["open_usage"]],
            shared=[SharedPart(*row) for later, *row in rows["shared_parts"] if later],
            shared_before=[SharedPart(*row) for later, *row in rows["shared_parts"] if not later] if compared else (),
            prices=[PricedUse(*row) for _, *row in rows["largest_prices"]],
            chain=[ChainPart(*row) for row in rows["chain"]],
            corrections=[Correction(*row) for row in rows["corrections"]],
            corrected=[CorrectedPeriod(*row) for row in rows["corrected"]],
            rates=[Rate(*row) for row in rows["rates"]],
        )


def _by_centre(engine: Engine, table: str, centres: Sequence[Covered]) -> dict[str, list[Row]]:
    between = {"first": centres[0].totals.path, "last": centres[-1].totals.path}
    found: dict[str, list[Row]] = defaultdict(list)
    for centre, *row in engine.run("figures of centres", between, table=table, columns=_COLUMNS[table]):
        found[centre].append(tuple(row))
    return found


def _days_below(engine: Engine, path: str) -> list[DayCost]:
    rows = engine.run("days below", {"path": path, "length": len(path)})
    return [DayCost(*row) for row in rows]


def _shares(rows: Sequence[Row]) -> dict[str, list[Share]]:
    shares: dict[str, list[Share]] = defaultdict(list)
    for view, kind, _, *share in sorted(rows, key=lambda row: (row[0], row[1] != "usage", row[1] != "shared", row[2])):
        shares[view].append(Share(kind, *share))
    return shares


def _movers(rows: Sequence[Row]) -> list[Mover]:
    spans: tuple[list[Charged], list[Charged]] = ([], [])
    names = (*MOVED_BY, *_KINDS_OF_USE)
    for later, kind, *values, unit, rate, quantity, cost in rows:
        spans[later].append(Charged(kind, dict(zip(names, values, strict=True)), unit, quantity, cost, rate))
    return movers(*spans, by=MOVED_BY)
