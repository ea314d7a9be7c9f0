"""Which span a view is compared with, and by what: what people mean by the time before."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from chargeback.api.costs.comparison import ComparisonAnswer, MoverAnswer
from chargeback.api.costs.names import DimensionName
from chargeback.api.costs.rows import CostPage
from chargeback.domain.money.exact import round_total
from chargeback.domain.reports.movers import MOVER_PARTS
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import YEARS, Month, dates_of
from chargeback.web.api_client import ApiClient
from chargeback.web.pages.cost_view import CostView
from chargeback.web.rendering import PLACES

_NOT_BY = (DimensionName.KIND, DimensionName.CURRENCY, DimensionName.USAGE_STATE)
_MOST_BY = 2


async def compared(api: ApiClient, view: CostView, page: CostPage, today: BookDate) -> ComparisonAnswer:
    """The span of a page, as far as it has come, beside the time before. Raises `ApiRefused`."""
    first, last = page.start_date, max(page.start_date, min(page.end_date, today))
    span = {"startDate": first, "endDate": last}
    asked = (
        view.span_and_filters()
        | span
        | _before(first, last)
        | {"groupBy": movers_by(view), "levels": view.all("levels")}
    )
    return await api.ask("/costs/comparison", ComparisonAnswer, asked)


def movers_by(view: CostView) -> list[str]:
    """By what movers are told apart: as the rows are, as far as movers can be."""
    able = [each for each in view.group_by if each not in _NOT_BY]
    return able[:_MOST_BY] or [DimensionName.MODEL]


def reasons(mover: MoverAnswer) -> list[tuple[str, str]]:
    """The parts of a change that can be seen at the decimals of a page: what, and how much."""
    parts = [(name, str(getattr(mover, name))) for name in MOVER_PARTS]
    return [(name, amount) for name, amount in parts if round_total(Decimal(amount), PLACES)]


def named_mover(mover: MoverAnswer, names: Sequence[str]) -> list[str]:
    """What moved: the values that it is told apart by, the shared cost, or the corrected month."""
    if mover.kind == "shared":
        return [f"shared cost {mover.shared_cost}"]
    if mover.kind == "correction":
        return [f"corrections of {mover.corrects_period}"]
    return [str(getattr(mover, DimensionName(name).name.lower())) for name in names]


def _before(first: str, last: str) -> dict[str, str]:
    """Within a month, the same dates of the month before, a whole month for a whole one; else as the API says."""
    month = Month(first[:7])
    if not first.endswith("-01") or last[:7] != month or int(first[:4]) == YEARS.start:
        return {}
    earlier = dates_of(Month((date.fromisoformat(first) - timedelta(days=1)).isoformat()[:7]))
    is_whole = last == dates_of(month)[-1]
    end = earlier[-1] if is_whole else earlier[min(int(last[8:]), len(earlier)) - 1]
    return {"compareStartDate": earlier[0], "compareEndDate": end}
