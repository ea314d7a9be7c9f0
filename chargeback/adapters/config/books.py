"""Reads books.yaml: time zone and currency by period, exchange rates, and the rules of closing."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from chargeback.adapters.config.decimals import is_decimal
from chargeback.adapters.config.entries import Record, Sections, each, one, sections
from chargeback.adapters.config.issuer import StatedIssuer
from chargeback.adapters.config.reconciliation import StatedReconciliation
from chargeback.adapters.config.times import is_date
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.currencies import currency_fault
from chargeback.domain.terms.approvals import ApprovalSetting
from chargeback.domain.terms.retention import MOST_YEARS, RetentionRule
from chargeback.domain.terms.terms import ClosingRules, ExchangeRate
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, month


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
    max_unverified_percent: Any = None


class _Approval(Record, frozen=True, rename={"first_period": "from"}):
    first_period: str
    required: bool


class _Retention(Record, frozen=True):
    fiscal_year_end: int
    years: int


SECTIONS = Sections(
    {"books": list[_Setting]},
    {
        "exchangeRates": list[_Rate],
        "closing": _Closing,
        "reconciliation": StatedReconciliation,
        "approval": list[_Approval],
        "retention": _Retention,
        "issuer": StatedIssuer,
    },
)


def calendar_of(document: object, faults: list[str]) -> Calendar:
    """The calendar; without a document the books are kept in UTC and US dollars."""
    if document is None:
        return Calendar()
    top = sections(document, SECTIONS, faults)
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
_YEAR_MONTHS = 12


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
        unverified_percent=_amount(rules.max_unverified_percent),
    )


def approval_settings(document: object, faults: list[str]) -> tuple[ApprovalSetting, ...]:
    """From which period on somebody has to approve, by their order."""
    found = document.get("approval") if isinstance(document, dict) else None
    stated = list(each(found if found is not None else [], _Approval, "approval", faults))
    wrong = []
    for place, setting in stated:
        try:
            month(setting.first_period)
        except InvalidConfig as error:
            wrong.append(f"{place}.from: {error}")
    for (_, earlier), (place, later) in pairwise(stated):
        if later.first_period <= earlier.first_period:
            wrong.append(f"{place}.from: {later.first_period!r} is not after {earlier.first_period!r}")
    faults.extend(wrong)
    return (
        () if wrong else tuple(ApprovalSetting(Month(stating.first_period), stating.required) for _, stating in stated)
    )


def retention_rule(document: object, faults: list[str]) -> RetentionRule | None:
    """How long closed periods are kept; None where nobody says."""
    found = document.get("retention") if isinstance(document, dict) else None
    stated = one(found, _Retention, "retention", faults) if found is not None else None
    if stated is None:
        return None
    wrong = []
    if not 1 <= stated.fiscal_year_end <= _YEAR_MONTHS:
        wrong.append(f"retention.fiscalYearEnd: {stated.fiscal_year_end} is not a month, 1 to {_YEAR_MONTHS}")
    if not 1 <= stated.years <= MOST_YEARS:
        wrong.append(f"retention.years: {stated.years} is not between 1 and {MOST_YEARS}")
    faults.extend(wrong)
    return None if wrong else RetentionRule(stated.fiscal_year_end, stated.years)


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
    if rules.max_unverified_percent is not None:
        percents["maxUnverifiedPercent"] = rules.max_unverified_percent
    for name, percent in percents.items():
        if percent != "100" and not is_decimal(percent, digits=2, places=6):
            yield f'{name}: {percent!r} is not a quoted percentage such as "0.5"'
