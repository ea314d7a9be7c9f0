"""Asks for what a month cost in one currency: how it changed and why, by day, and on what it was spent."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chargeback.api.costs.comparison import ComparisonAnswer, CurrencyChangeAnswer, MoverAnswer
from chargeback.api.costs.rows import CostPage, CostRowAnswer
from chargeback.domain.money.exact import EXACT, round_total, total
from chargeback.domain.reports.figures import Share
from chargeback.domain.reports.movers import MOVER_PARTS
from chargeback.domain.time.months import dates_of
from chargeback.services.statements.tabulate_days import DayTable
from chargeback.web.api_client import ApiClient
from chargeback.web.figures import days_of, of_currency, shares_of
from chargeback.web.pages.month_of_centre import MonthOfCentre
from chargeback.web.parts import Part, parts
from chargeback.web.rendering import PLACES

_NAMES = 8
_MOVERS = 6
_MOST_CAUSES = 100


@dataclass(frozen=True, slots=True)
class Change:
    """How costs changed from the month before, and why.

    Attributes:
        change: between the same days; None where one of the two is not known.
        causes: those of MOVER_PARTS that are not zero, the largest first, with what each changed.
        rest: what the causes leave of the change: what is rounded, and where `is_whole` is false, other movers.
        is_whole: whether the causes are those of everything that moved.
        missing: months whose figures are not made yet.
    """

    before: Decimal | None
    after: Decimal | None
    change: Decimal | None
    causes: Sequence[tuple[str, Decimal]]
    rest: Decimal
    is_whole: bool
    missing: Sequence[str]


@dataclass(frozen=True, slots=True)
class CurrencyFigures:
    """A month in one currency.

    Attributes:
        whole: the month so far.
        before: the whole month before, while a month is under way; None where nothing was charged then, and for a
            month that is over, which is compared with the whole of it anyhow.
        tables: dimension → what each of its values costs.
    """

    currency: str
    whole: CostRowAnswer
    before: Part[CostRowAnswer | None]
    change: Part[Change]
    movers: Part[Sequence[MoverAnswer]]
    days: Part[DayTable]
    tables: dict[str, Part[Sequence[Share]]]


async def currency_figures(
    api: ApiClient, about: MonthOfCentre, whole: CostRowAnswer, kinds: Sequence[CostRowAnswer]
) -> CurrencyFigures:
    """The figures of the currency of a sum; `kinds`: the same by kind."""
    currency = {"currency": whole.currency}
    asked = about.asked | currency

    async def before() -> CostRowAnswer | None:
        if not about.choice.is_under_way:
            return None
        page = await api.ask("/costs/summary", CostPage, about.whole_before | currency)
        return next(iter(page.value), None)

    async def change() -> Change:
        of = asked | about.same_days_before | {"groupBy": "model", "top": str(_MOST_CAUSES)}
        return _change(await api.ask_beside("/costs/comparison", ComparisonAnswer, of), whole.currency)

    async def movers() -> Sequence[MoverAnswer]:
        by = {"groupBy": ["application" if about.centre else "costCentre", "model"], "levels": str(about.levels)}
        of = asked | about.same_days_before | by | {"top": str(_MOVERS)}
        found = (await api.ask("/costs/comparison", ComparisonAnswer, of)).value
        return [each for each in found if Decimal(each.change)]

    async def days() -> DayTable:
        of = asked | {"granularity": "day", "groupBy": ["model", "kind"], "maxpagesize": "5000"}
        page = await api.ask_beside("/costs/series", CostPage, of)
        return days_of(page.value, "model", about.choice.first, dates_of(about.month)[-1])

    async def named(dimension: str) -> Sequence[Share]:
        of = asked | {"groupBy": _PARAMETERS[dimension], "kind": "usage", "maxpagesize": str(_NAMES)}
        ask = api.ask if dimension == "user" else api.ask_beside  # whoever reads the costs of persons is recorded
        page = await ask("/costs/breakdown", CostPage, of)
        return shares_of(page.value, dimension, whole, of_currency(kinds, whole.currency))

    async def centres() -> Sequence[Share]:
        of = asked | {"groupBy": "costCentre", "levels": str(about.levels), "maxpagesize": str(_NAMES)}
        page = await api.ask_beside("/costs/breakdown", CostPage, of)
        return shares_of(page.value, "cost_centre", whole)

    found: dict[str, Part[Any]] = await parts(
        before=before(),
        change=change(),
        movers=movers(),
        days=days(),
        cost_centre=centres(),
        model=named("model"),
        application=named("application"),
        user=named("user"),
    )
    tables = {dimension: found.pop(dimension) for dimension in ("cost_centre", *_PARAMETERS)}
    return CurrencyFigures(whole.currency, whole, **found, tables=tables)


def main_cause(mover: MoverAnswer) -> str:
    """The part of a change that is the largest, by the names of MOVER_PARTS."""
    return max(MOVER_PARTS, key=lambda part: abs(Decimal(getattr(mover, part))))


_PARAMETERS = {"model": "model", "application": "application", "user": "user"}


def _change(answer: ComparisonAnswer, currency: str) -> Change:
    none = CurrencyChangeAnswer(currency, None, None, None, 0)
    of = next((each for each in answer.currencies if each.currency == currency), none)
    before, after, change = (None if each is None else Decimal(each) for each in (of.before, of.after, of.change))
    sums = {part: total([Decimal(getattr(each, part)) for each in answer.value]) for part in MOVER_PARTS}
    causes = [(part, round_total(amount, PLACES)) for part, amount in sums.items()]
    told = sorted(((part, amount) for part, amount in causes if amount), key=lambda each: -abs(each[1]))
    rest = Decimal(0) if change is None else EXACT.subtract(change, total([amount for _, amount in told]))
    missing = [*answer.before.missing_months, *answer.after.missing_months]
    return Change(before, after, change, told, rest, of.total <= len(answer.value), missing)
