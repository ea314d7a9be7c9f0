"""The rows of answers about costs: their columns, and their description in the OpenAPI document."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from chargeback.api.conventions.formats import AnswerTable, Cell, CellType
from chargeback.api.conventions.texts import Amount, DateText, MomentText, MonthText, UrlText
from chargeback.api.costs.names import NAME_OF
from chargeback.domain.costs.cost_answer import CostRow, CostStanding
from chargeback.domain.costs.cost_query import CostQuery, Granularity
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.time.months import Month
from chargeback.domain.usage.states import LineState

TEXT, DATE, COUNT, FLAG, AMOUNT = CellType.TEXT, CellType.DATE, CellType.COUNT, CellType.FLAG, CellType.AMOUNT

STANDING = {"state": TEXT, "final": FLAG, "asOf": TEXT}
SUM_COLUMNS = {
    "currency": TEXT,
    "cost": AMOUNT,
    "exactCost": AMOUNT,
    "listCost": AMOUNT,
    "contractedCost": AMOUNT,
    "requests": COUNT,
    "inputTokens": COUNT,
    "outputTokens": COUNT,
    "rows": COUNT,
    "unpriced": COUNT,
    "unsettled": COUNT,
    "estimated": COUNT,
    "complete": FLAG,
}


class CostRowAnswer(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Sums of the published rows that have the same values; never over several currencies.

    Attributes:
        month: which month the row is of; absent where it stands for the whole span.
        date: which date of the books; absent unless the row stands for a date.
        quantity: what was measured; present where costs were asked by meter, null where units differ.
        unit: the quantity's.
        cost: what is charged, as printed in the files; null where nothing of it is known yet, which is not zero.
        exact_cost: before the rounding of the rows.
        list_cost: at published prices.
        contracted_cost: at negotiated prices.
        input_tokens: all tokens of the prompts, cached ones included.
        output_tokens: all tokens of the answers, reasoning included.
        rows: how many published rows these are.
        unpriced: how many of them have no price yet, so that the cost is more than it says.
        unsettled: how many wait for their token counts, likewise.
        estimated: how many rest on a guess.
        complete: whether the cost of everything in it is known.
        state: that of the month.
        final: whether the row will never change.
        as_of: the books as they were then are in it.
    """

    month: MonthText | UnsetType = UNSET
    date: DateText | UnsetType = UNSET
    cost_centre: str | UnsetType = UNSET
    application: str | UnsetType = UNSET
    user: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    operation: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    deployment_type: str | UnsetType = UNSET
    meter: str | UnsetType = UNSET
    usage_state: LineState | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    quantity: Amount | UnsetType | None = UNSET
    unit: str | UnsetType = UNSET
    currency: str
    cost: Amount | None
    exact_cost: Amount | None
    list_cost: Amount | None
    contracted_cost: Amount | None
    requests: int
    input_tokens: int
    output_tokens: int
    rows: int
    unpriced: int
    unsettled: int
    estimated: int
    complete: bool
    state: PeriodState
    final: bool
    as_of: MomentText | None


class SpanAnswer(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Figures of a span of dates.

    Attributes:
        state: that of the least settled month of the span.
        final: whether the figures will never change.
        as_of: the books as they were then are in them; null where there are none.
        missing_months: months of the span whose figures are not made yet; they are not in the figures.
    """

    start_date: DateText
    end_date: DateText
    state: PeriodState
    final: bool
    as_of: MomentText | None
    missing_months: list[MonthText]


class SpanPage(SpanAnswer, rename="camel", frozen=True, kw_only=True):
    """Rows about a span of dates.

    Attributes:
        total: how many rows there are on all pages.
        next_link: where the next page is; absent on the last one.
    """

    total: int
    next_link: UrlText | UnsetType = UNSET


class CostPage(SpanPage, rename="camel", frozen=True, kw_only=True):
    """Costs of a span of dates."""

    value: list[CostRowAnswer]


def cost_table(query: CostQuery, rows: Iterable[CostRow]) -> AnswerTable:
    """The rows, with the columns that a question leads to."""
    names = [NAME_OF[each] for each in query.group_by if each is not Dimension.CURRENCY]
    times = {Granularity.NONE: (), Granularity.MONTH: ("month",), Granularity.DAY: ("month", "date")}[query.granularity]
    is_metered = Dimension.METER in (*query.group_by, *query.filters)
    columns = {
        **dict.fromkeys(times, TEXT),
        **{str(name): TEXT for name in names},
        **({"quantity": AMOUNT, "unit": TEXT} if is_metered else {}),
        **SUM_COLUMNS,
        **STANDING,
    }
    if "date" in columns:
        columns["date"] = DATE
    dimensions = [name.dimension for name in names]
    return AnswerTable(columns, [_cells(row, len(times), dimensions, is_metered) for row in rows])


def _cells(row: CostRow, times: int, dimensions: Sequence[Dimension], is_metered: bool) -> tuple[Cell, ...]:  # noqa: FBT001
    return (
        *(row.month, row.date)[:times],
        *(row.dimensions[each] for each in dimensions),
        *((row.quantity, row.unit) if is_metered else ()),
        *(row.currency, row.cost, row.exact_cost, row.list_cost, row.contracted_cost),
        *(row.requests, row.input_tokens, row.output_tokens, row.rows),
        *(row.unpriced, row.unsettled, row.estimated, row.is_complete),
        *standing_cells(row.standing),
    )


def standing_cells(standing: CostStanding) -> tuple[Cell, ...]:
    """The cells of `STANDING`."""
    return standing.state.value, standing.final, moment_text(standing.as_of)


def moment_text(moment: datetime | None) -> str | None:
    """A moment as JSON has it."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None


def span_texts(first: str, last: str, standing: CostStanding, missing: Sequence[Month]) -> dict[str, object]:
    """The fields of `SpanAnswer`."""
    state, final, as_of = standing_cells(standing)
    span = {"startDate": first, "endDate": last, "state": state, "final": final, "asOf": as_of}
    return span | {"missingMonths": list(missing)}
