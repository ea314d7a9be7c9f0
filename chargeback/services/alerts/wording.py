"""How alerts say numbers, dates, windows and scopes: in words that people read without asking."""

from datetime import date, timedelta
from decimal import Decimal

from chargeback.domain.budgets.budget import Scope, ScopeKind
from chargeback.domain.budgets.windows import Every, Window
from chargeback.domain.money.exact import to_text
from chargeback.domain.money.numerals import grouped
from chargeback.domain.time.months import Month

_DAY = timedelta(days=1)
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]  # not those of the machine's language
_SCOPES = {
    ScopeKind.COST_CENTRE: "cost centre",
    ScopeKind.SUBSCRIPTION: "subscription",
    ScopeKind.APP: "application",
    ScopeKind.PRODUCT: "product",
    ScopeKind.USER: "user",
    ScopeKind.MODEL: "model",
}


def said_percent(percent: Decimal) -> str:
    """Such as `80 %`."""
    return f"{to_text(percent)} %"


def said_number(number: int, one: str, many: str = "") -> str:
    """Such as `1 call` or `2 310 calls`."""
    return f"{grouped(number)} {one if number == 1 else many or f'{one}s'}"


def said_date(day: date) -> str:
    """Such as `29 November 2026`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def said_month(month: Month) -> str:
    """Such as `November 2026`."""
    return f"{_MONTHS[int(month[5:]) - 1]} {month[:4]}"


def said_window(every: Every, window: Window) -> str:
    """Such as `30 November 2026`, `the week from 23 November 2026`, `November 2026` or `October to December 2026`."""
    first, last = window.first, window.after - _DAY
    if every is Every.DAY:
        return said_date(first)
    if every is Every.WEEK:
        return f"the week from {said_date(first)}"
    if every is Every.YEAR:
        return str(first.year)
    months = _MONTHS[first.month - 1]
    return f"{months} {first.year}" if every is Every.MONTH else f"{months} to {_MONTHS[last.month - 1]} {last.year}"


def said_scope(scope: Scope) -> str:
    """Such as `cost centre product/support`."""
    return f"{_SCOPES[scope.kind]} {scope.value}" if scope.value else "all usage"


def as_sentence(text: str) -> str:
    """The text with a capital letter at its start."""
    return text[:1].upper() + text[1:]
