"""Compares the costs of two spans: what changed most, and by which reasons."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from chargeback.domain.access.requester import RowScope
from chargeback.domain.costs.cost_answer import CostComparison, CurrencyChange
from chargeback.domain.costs.cost_query import CostQuery
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.errors import InvalidQuery, QueryTooLarge
from chargeback.domain.reports.movers import Charged, movers
from chargeback.services.costs.ask_views import Asking
from chargeback.services.costs.known_views import ViewsOfSpan
from chargeback.services.costs.plan_query import columns_of, expression_of, plan_reads
from chargeback.services.costs.recent_answers import Rows

MOST_MOVERS = 100

_MOST_ITEMS = 20_000
_SPANS = ("before", "after")
_ITEMS = ("model", "operation", "region", "deployment_type", "service_tier", "meter")
"""What kinds of use are told apart by: among them the mix of a mover changes."""

_NOT_BY = (Dimension.KIND, Dimension.CURRENCY, Dimension.STATE)


async def compare_spans(
    asking: Asking,
    views: ViewsOfSpan,
    spans: tuple[CostQuery, CostQuery],
    by: Sequence[Dimension],
    scope: RowScope,
    most: int,
) -> CostComparison:
    """What changed between two spans; raises `InvalidQuery` for dimensions that movers cannot be told apart by."""
    _require_able(by, most)
    needed = (*columns_of(by), *_ITEMS, "currency", "kind", "unit", "exchange_rate", "shared_cost", "corrects_period")
    standing = [views.only(span.months) for span in spans]
    plan = None
    for name, span, of in zip(_SPANS, spans, standing, strict=True):
        plan = plan_reads(span, scope, [each.month for each in of.made], needed, plan, name)
    assert plan is not None
    levels = spans[1].levels
    rows: Rows = []
    if plan.reads:
        plan.values |= {"most": most, "items": _MOST_ITEMS + 1}
        rows = await asking.ask(
            "movers",
            plan,
            views,
            tuple(dict.fromkeys(("side", *needed, "known_quantity", "cost"))),
            items=", ".join(_ITEMS),
            keys=", ".join(
                f"if(kind = 'usage', {expression_of(each, levels)}, '') AS k{place}" for place, each in enumerate(by)
            ),
            named=", ".join(f"k{place}" for place in range(len(by))),
        )
    if len(rows) > _MOST_ITEMS:
        raise QueryTooLarge("these changes are made of too many things: compare shorter spans, or fewer dimensions")
    changes = [
        _change(currency, list(found), by) for currency, found in groupby(rows, lambda row: str(row["currency"]))
    ]
    return CostComparison(changes, standing[0].standing, standing[1].standing, views.standing, views.missing)


def _require_able(by: Sequence[Dimension], most: int) -> None:
    if not by or len(by) > 2 or any(each in _NOT_BY for each in by):
        raise InvalidQuery({"by": "name one or two dimensions other than kind, currency and state"})
    if not 1 <= most <= MOST_MOVERS:
        raise InvalidQuery({"most": f"is not from 1 to {MOST_MOVERS}"})


def _change(currency: str, rows: Sequence[Mapping[str, Any]], by: Sequence[Dimension]) -> CurrencyChange:
    before, after = ([_charged(row, by) for row in rows if row["side"] == name and row["cost"]] for name in _SPANS)
    first = rows[0]
    return CurrencyChange(
        currency, first["before"], first["after"], movers(before, after, [_name(each) for each in by]), first["total"]
    )


def _charged(row: Mapping[str, Any], by: Sequence[Dimension]) -> Charged:
    dimensions = {name: str(row[name]) for name in _ITEMS}
    if row["kind"] == "usage":
        dimensions |= {_name(each): str(row[f"k{place}"]) for place, each in enumerate(by)}
    else:
        dimensions["shared_cost" if row["kind"] == "shared" else "corrects_period"] = str(row["other"])
    return Charged(row["kind"], dimensions, row["unit"], row["quantity"], row["cost"], row["exchange_rate"])


def _name(dimension: Dimension) -> str:
    """Another name than that of a column by which a mix is told, because a cost centre may be cut."""
    return f"by {dimension}"
