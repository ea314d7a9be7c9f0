"""Reads books.yaml: time zone and currency by period, exchange rates, and the rules of closing."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from chargeback.adapters.config.decimals import is_decimal
from chargeback.adapters.config.entries import Record, each, one, sections
from chargeback.adapters.config.times import is_date
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.currencies import currency_fault
from chargeback.domain.terms.terms import ClosingRules, ExchangeRate
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month


class _Setting(Record, frozen=True, rename={"first_period": "from", "time_zone": "timeZone"}):
    first_period: str
    time_zone: str
    currency: str


class _Rate(Record, frozen=True, rename={"from_currency": "from", "to_currency": "to"}):
    from_currency: str
    to_currency: str
    rate: Any
    date: BookDate
    source: str


class _Closing(Record, frozen=True):
    grace_hours: int = 72
    max_unsettled_percent: Any = "0"
    max_unpriced_percent: Any = "0"
    max_unsettled_amount: Any = None
    max_unpriced_amount: Any = None
    max_estimated_percent: Any = "1"
    max_estimated_amount: Any = "100"
    max_rate_age_days: int = 7


def calendar_of(document: object, faults: list[str]) -> Calendar:
    """The calendar; without a document the books are kept in UTC and US dollars."""
    if document is None:
        return Calendar()
    top = sections(document, ("books",), faults, optional=("exchangeRates", "closing", "reconciliation"))
    settings = tuple(
        BooksSetting(Month(each_one.first_period), each_one.time_zone, each_one.currency)
        for _, each_one in each(top["books"], _Setting, "books", faults)
    )
    if not faults:  # else the places would not be those of the file
        try:
            return Calendar(settings)
        except InvalidConfig as error:
            faults.extend(error.faults)
    return Calendar()


_YEAR_HOURS = 8_760
_YEAR_DAYS = 366


def exchange_rates(document: object, faults: list[str]) -> tuple[ExchangeRate, ...]:
    """The exchange rates by their order."""
    found = document.get("exchangeRates") if isinstance(document, dict) else None
    rates = list(each(found if found is not None else [], _Rate, "exchangeRates", faults))
    wrong = [f"{place}.{fault}" for place, rate in rates for fault in _rate_faults(rate)]
    faults.extend(wrong)
    return () if wrong else tuple(_rate(rate) for _, rate in rates)


def closing_rules(document: object, faults: list[str]) -> ClosingRules:
    """When a period may be closed."""
    found = document.get("closing") if isinstance(document, dict) else None
    rules = one(found if found is not None else {}, _Closing, "closing", faults)
    if rules is None:
        return ClosingRules()
    wrong = [f"closing.{fault}" for fault in _closing_faults(rules)]
    faults.extend(wrong)
    if wrong:
        return ClosingRules()
    return ClosingRules(
        grace=timedelta(hours=rules.grace_hours),
        rate_age=timedelta(days=rules.max_rate_age_days),
        unsettled_percent=Decimal(rules.max_unsettled_percent),
        unpriced_percent=Decimal(rules.max_unpriced_percent),
        estimated_percent=Decimal(rules.max_estimated_percent),
        unsettled_amount=_amount(rules.max_unsettled_amount),
        unpriced_amount=_amount(rules.max_unpriced_amount),
        estimated_amount=Decimal(rules.max_estimated_amount),
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _rate(rate: _Rate) -> ExchangeRate:
    known = date.fromisoformat(rate.date).isoformat()
    return ExchangeRate(rate.from_currency, rate.to_currency, Decimal(rate.rate), known, rate.source)


def date_faults(document: object) -> Iterator[str]:
    """Dates of a file that are not written YYYY-MM-DD. Older stored versions may have them and are still read."""
    found = document.get("exchangeRates") if isinstance(document, dict) else None
    for place, rate in each(found if found is not None else [], _Rate, "exchangeRates", []):
        if not is_date(rate.date):
            yield f"{place}.date: {rate.date!r} is not a date such as 2026-03-31"


def _rate_faults(rate: _Rate) -> Iterator[str]:
    for name, currency in (("from", rate.from_currency), ("to", rate.to_currency)):
        if fault := currency_fault(currency):
            yield f"{name}: {fault}"
    if not is_decimal(rate.rate, digits=6, places=12):
        yield f'rate: {rate.rate!r} is not a quoted decimal of at most 6 digits and 12 places, such as "0.9215"'
    try:
        date.fromisoformat(rate.date)
    except ValueError:
        yield f"date: {rate.date!r} is not a date such as 2026-03-31"
    if not rate.source.strip():
        yield "source: is empty"


def _closing_faults(rules: _Closing) -> Iterator[str]:
    if not 0 <= rules.grace_hours <= _YEAR_HOURS:
        yield f"graceHours: {rules.grace_hours} is not between 0 and {_YEAR_HOURS}, the hours of a year"
    if not 0 <= rules.max_rate_age_days <= _YEAR_DAYS:
        yield f"maxRateAgeDays: {rules.max_rate_age_days} is not between 0 and {_YEAR_DAYS}, the days of a year"
    amounts = {
        "maxUnsettledAmount": rules.max_unsettled_amount,
        "maxUnpricedAmount": rules.max_unpriced_amount,
        "maxEstimatedAmount": rules.max_estimated_amount,
    }
    for name, amount in amounts.items():
        if amount is not None and not is_decimal(amount, places=6):
            yield f'{name}: {amount!r} is not a quoted amount such as "10" or "10.50"'
    percents = {
        "maxUnsettledPercent": rules.max_unsettled_percent,
        "maxUnpricedPercent": rules.max_unpriced_percent,
        "maxEstimatedPercent": rules.max_estimated_percent,
    }
    for name, percent in percents.items():
        if percent != "100" and not is_decimal(percent, digits=2, places=6):
            yield f'{name}: {percent!r} is not a quoted percentage such as "0.5"'
