"""Which billing account and invoice the charges of a cost centre belong to: those of its company, where there are some.

Without posting rules the books themselves bill everybody, on one account and one invoice a month.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from chargeback.domain.journals.documents import document_name
from chargeback.domain.reports.focus import charge_period
from chargeback.domain.time.days import BookDate
from chargeback.services.publishing.period_tables import PeriodFrame

_BOOKS = "chargeback"
_HOUR = timedelta(hours=1)

Account = tuple[str, str, str, str, str, str]
"""Cost centre, date (empty: every date), id, name and type of the account, and the invoice; a draft has none."""


def billing_accounts(frame: PeriodFrame, sizes: Iterable[tuple[str, str, int]]) -> list[Account]:
    """The account of each cost centre on each date that it has rows on."""
    dates: defaultdict[str, list[str]] = defaultdict(list)
    for date, centre, _ in sizes:
        dates[centre].append(date)
    return [account for centre, on in sorted(dates.items()) for account in _of_centre(frame, centre, on)]


def _of_centre(frame: PeriodFrame, centre: str, dates: list[str]) -> list[Account]:
    by_date = {date: _company(frame, centre, BookDate(date)) for date in dates}
    companies = set(by_date.values())
    if len(companies) == 1:
        return [_account(frame, centre, "", companies.pop())]
    return [_account(frame, centre, date, company) for date, company in by_date.items()]


def _company(frame: PeriodFrame, centre: str, date: BookDate) -> str:
    """The company that is posted a charge of a date; empty where nobody says."""
    if frame.posting is None:
        return ""
    end = charge_period(date, frame.time_zone)[1]
    target = frame.posting.target(centre, end - _HOUR, frame.end - _HOUR)
    return target.company if target else ""


def _account(frame: PeriodFrame, centre: str, date: str, company: str) -> Account:
    name = frame.issuer.name
    if not company:
        invoice = f"{_BOOKS}-{frame.period}" if frame.is_closed else ""
        return centre, date, _BOOKS, name, "Internal books", invoice
    invoice = document_name(frame.period, company) if frame.is_closed else ""
    return centre, date, f"{_BOOKS}/{company}", f"{name}, company {company}", "Company", invoice
