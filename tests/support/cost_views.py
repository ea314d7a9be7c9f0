"""Views of the months of a product in memory, and what the published CSV says to the same question."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from chargeback.domain.access.requester import RowScope
from chargeback.domain.cost_centres.tree import is_within
from chargeback.domain.costs.cost_answer import CostAnswer
from chargeback.domain.costs.cost_query import CostQuery, Granularity
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.reports.layout import chargeback_path
from chargeback.domain.reports.manifest import unguarded
from chargeback.domain.time.days import BookDate
from chargeback.services.costs.ask_views import DEFAULT_LIMITS, CostLimits
from chargeback.services.costs.books_version import BooksVersions
from chargeback.services.costs.keep_views import ViewKeeper
from chargeback.services.costs.read_costs import CostReader, open_reader
from tests.support.closing_product import ClosingProduct

EVERYTHING = RowScope(everything=True)
YEAR = CostQuery(BookDate("2026-01-01"), BookDate("2026-12-31"))
"""The sum of everything."""


@dataclass
class ViewedProduct:
    """A product in memory with views of its months."""

    product: ClosingProduct
    limits: CostLimits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        self.reader = self.another_reader()

    @property
    def keeper(self) -> ViewKeeper:
        product = self.product
        versions = BooksVersions(product.books, product.catalogues, product.periods, product.closer.publish)
        return ViewKeeper(versions, product.settled_files)

    def another_reader(self) -> CostReader:
        """As another instance of the app has it."""
        return open_reader(self.product.control, self.product.settled_files, self.limits)

    async def refresh(self, now: datetime) -> Sequence[str]:
        """Bring the views up to the books, for a reader that knows nothing yet."""
        made = await self.keeper.refresh(now)
        self.reader.close()
        self.reader = self.another_reader()
        return made

    async def ask(self, query: CostQuery = YEAR, scope: RowScope = EVERYTHING) -> CostAnswer:
        return await self.reader.answer(query, scope)


def printed_rows(files: Mapping[str, bytes], month: str) -> list[dict[str, str]]:
    """The rows of the chargeback CSV of a month."""
    content = files[chargeback_path(month)].decode()
    rows = csv.DictReader(io.StringIO(content, newline=""), strict=True)
    return [{name: unguarded(value) for name, value in row.items()} for row in rows]


def sums_of(rows: Iterable[Mapping[str, str]], query: CostQuery, scope: RowScope) -> dict[tuple[str, ...], Any]:
    """Time, values and currency → cost, requests, rows: what the CSV says, by other means than SQL."""
    found: dict[tuple[str, ...], list[Any]] = defaultdict(lambda: [None, 0, 0])
    for row in rows:
        if _is_asked(row, query) and _is_seen(row, scope):
            time = {Granularity.NONE: "", Granularity.MONTH: row["billing_period"], Granularity.DAY: _date(row)}
            values = [_cut(_value(row, each), each, query) for each in query.group_by]
            sums = found[time[query.granularity], *values, row["currency"]]
            if row["cost"]:
                sums[0] = (sums[0] or Decimal(0)) + Decimal(row["cost"])
            sums[1] += int(row["requests"] or 0)
            sums[2] += 1
    return {key: tuple(sums) for key, sums in found.items()}


def answered(answer: CostAnswer) -> dict[tuple[str, ...], Any]:
    """The same of an answer."""
    return {
        (row.date or row.month or "", *row.dimensions.values(), row.currency): (row.cost, row.requests, row.rows)
        for row in answer.rows
    }


def _date(row: Mapping[str, str]) -> str:
    return f"{row['billing_period']}-01" if row["kind"] == "correction" else row["charge_date"]


def _value(row: Mapping[str, str], dimension: Dimension) -> str:
    match dimension:
        case Dimension.APPLICATION:
            return row["app_id"] or row["subscription_id"]
        case Dimension.USER:
            return row["user_object_id"] or row["user"]
        case _:
            return row[dimension.value]


def _cut(value: str, dimension: Dimension, query: CostQuery) -> str:
    levels = query.levels if dimension is Dimension.COST_CENTRE else 0
    return "/".join(value.split("/")[:levels]) if levels else value


def _is_asked(row: Mapping[str, str], query: CostQuery) -> bool:
    if not date.fromisoformat(query.first) <= date.fromisoformat(_date(row)) <= date.fromisoformat(query.last):
        return False
    for dimension, values in query.filters.items():
        if dimension is Dimension.COST_CENTRE:
            is_one = any(is_within(row["cost_centre"], value) for value in values)
        elif dimension is Dimension.USER:
            names = {row["user_object_id"], row["user"]}
            is_one = any(value in names if value else names == {""} for value in values)
        else:
            is_one = _value(row, dimension) in values
        if not is_one:
            return False
    return True


def _is_seen(row: Mapping[str, str], scope: RowScope) -> bool:
    if scope.has_cost_centre(row["cost_centre"]):
        return True
    own = scope.own
    if own is None or not own.tenant_id or row["tenant_id"] != own.tenant_id:
        return False
    name, column = (own.object_id, "user_object_id") if own.object_id else (own.app_id, "app_id")
    return bool(name) and row[column] == name
