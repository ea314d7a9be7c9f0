"""How forecasts and anomalies look in a terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Console

from chargeback.cli.tables import new_table, print_table
from chargeback.domain.money.numerals import bare_amount, said_amount
from chargeback.domain.outlook.anomalies import Anomaly, Contribution
from chargeback.domain.outlook.forecast import BudgetOutlook, Forecast, Interval, Method, Reach
from chargeback.domain.time.months import Month

_NO_NUMBER = {
    Method.NOT_ENOUGH_DATA: "not enough data: less than a week of days",
    Method.SEVERAL_CURRENCIES: "no number: costs in several currencies",
}


def show_forecasts(forecasts: Sequence[Forecast]) -> None:
    """Spent, expected and the intervals of each cost centre."""
    first = forecasts[0]
    table = new_table(
        f"{first.period} as of {first.as_of}; a forecast is an estimate, with everything below a cost centre",
        ["cost centre", "rests on", ">spent", ">month end", ">8 of 10 cases", ">95 of 100 cases"],
    )
    for each in forecasts:
        table.add_row(each.cost_centre or "(all)", _basis(each), _spent(each), *_expected(each))
    print_table(table)
    if unknown := max(each.unknown for each in forecasts):
        Console().print(
            f"≥: the cost of {unknown} charges is not known yet; days that have any are left out", soft_wrap=True
        )


def show_budgets(outlooks: Sequence[BudgetOutlook]) -> None:
    """When each budget and its thresholds are reached."""
    if not outlooks:
        return
    table = new_table("budgets", ["cost centre", ">budget", ">spent", "outlook"])
    for each in outlooks:
        forecast = each.forecast
        lines = [_reach(reach, forecast) for reach in each.reaches] or [
            f"no date: money was spent in {forecast.currency}, the budget is in {each.currency}"
        ]
        spent = said_amount(forecast.spent, forecast.currency or each.currency)
        table.add_row(each.cost_centre or "(all)", said_amount(each.amount, each.currency), spent, "\n".join(lines))
    print_table(table)


def show_anomalies(period: Month, anomalies: Sequence[Anomaly]) -> None:
    """What stood out, and what moved it."""
    if not anomalies:
        Console().print(f"{period}: nothing stands out", highlight=False)
        return
    table = new_table(
        f"{period}: what stands out from a cost centre's own pattern; hours are UTC",
        ["when", "cost centre", ">spent", ">usual", "compared with", "largest movers"],
    )
    for each in anomalies:
        slot = each.slot
        when = slot.date if slot.hour is None else f"{slot.date} {slot.hour:02}:00"
        movers = "\n".join(f"{dimension}: {_movers(found, each.currency)}" for dimension, found in each.movers.items())
        spent = said_amount(each.spent, each.currency)
        table.add_row(when, slot.cost_centre, spent, bare_amount(each.usual, each.currency), each.compared_with, movers)
    print_table(table)


def _spent(forecast: Forecast) -> str:
    spent = said_amount(forecast.spent, forecast.currency)
    return f"≥ {spent}" if forecast.unknown else spent


def _expected(forecast: Forecast) -> list[str]:
    if (total := forecast.total) is None:
        return ["-"] * 3
    spans = (_span(interval, forecast.currency) for interval in (total.within_80, total.within_95))
    return [bare_amount(total.expected, forecast.currency), *spans]


def _basis(forecast: Forecast) -> str:
    if forecast.method is Method.COMPLETE:
        return "the month is over"
    return _NO_NUMBER.get(forecast.method, f"{forecast.method.value}, {forecast.days} days")


def _reach(reach: Reach, forecast: Forecast) -> str:
    if reach.reached:
        return f"{reach.percent} %: reached on {reach.reached}"
    if forecast.total is None:
        return f"{reach.percent} %: {_NO_NUMBER[forecast.method]}"
    if reach.earliest is None:
        return f"{reach.percent} %: not this month"
    if reach.earliest == reach.latest:
        return f"{reach.percent} %: on {reach.expected}"
    expected = f"about {reach.expected}" if reach.expected else "probably not this month"
    return f"{reach.percent} %: {expected} (from {reach.earliest} to {reach.latest or 'not this month'})"


def _movers(changes: Iterable[Contribution], currency: str) -> str:
    said = (f"{change.name} {bare_amount(change.amount, currency, plus=True)}" for change in changes)
    return "; ".join(said) or "no change"


def _span(interval: Interval, currency: str) -> str:
    return f"{bare_amount(interval.low, currency)} to {bare_amount(interval.high, currency)}"
